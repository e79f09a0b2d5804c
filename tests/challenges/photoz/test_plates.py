"""What the pages of a release show of its data: counted from public tables alone."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges import registry, tables
from blindsky.challenges.photoz import CHALLENGE, plates
from blindsky.challenges.release import Public
from blindsky.leaderboard.figures import draw
from blindsky.scoring.measurements import Table

BANDS = ("u", "i", "y")


def galaxies(n: int, bright: float, labelled: bool) -> Table:
    """Galaxies of one brightness whose colours are their redshift."""
    rng = np.random.default_rng(n)
    z = np.tile((0.2, 0.5, 0.8, 1.2, 1.7, 2.4), n)[:n]
    table: Table = {"object_id": np.arange(n, dtype=np.int64)}
    for k, band in enumerate(BANDS):
        table[f"flux_{band}"] = (bright * (1 + (k - 1) * z / 4)).astype(np.float32)
        table[f"flux_err_{band}"] = np.full(n, bright / 40, np.float32)
    return table | ({"redshift": z + rng.uniform(-0.01, 0.01, n)} if labelled else {})


def released(folder: Path, *splits: str, filters: bool = True) -> Public:
    import pyarrow.parquet as pq

    made = {"train": galaxies(60, 10 ** (0.4 * 9.3), True), "test": galaxies(90, 10 ** (0.4 * 7.3), False)}
    made["filters"] = {
        "band": np.repeat(BANDS, 3),
        "wavelength": np.array([3000.0, 3500, 4000, 7000, 7500, 8000, 9000, 10000, 11000]),
        "transmission": np.array([0.0, 1, 0, 0, 1, 0, 1, 1, 0]),
    }
    for name in (*splits, *(("filters",) if filters else ())):
        pq.write_table(tables.to_arrow(made[name]), folder / f"{name}.parquet")
    (folder / "bands.json").write_text(json.dumps({"bands": BANDS}))
    return Public(folder, {"id": "r"})


def test_the_declaration_names_them() -> None:
    assert registry.function(CHALLENGE.plates) is plates.plates


def test_each_is_drawn_as_valid_svg(tmp_path: Path) -> None:
    made = plates.plates(released(tmp_path, "train", "test"))
    assert [p.kind for p in made] == ["histogram", "line_pair", "curves"]
    for k, plate in enumerate(made):
        ET.fromstring(draw(plate.kind, plate.data, uid=f"p{k}", title=plate.title))


def test_redshifts_and_magnitudes_are_counted(tmp_path: Path) -> None:
    redshifts, brightness, _ = plates.plates(released(tmp_path, "train", "test"))
    assert sum(redshifts.data["values"]) == pytest.approx(1)
    edges = brightness.data["edges"]
    peaks = [edges[int(np.argmax(s["values"]))] for s in brightness.data["series"]]
    assert peaks == [22.0, 24.0], "1 nJy is 31.4 mag: 22.1 and 24.1 here"


def test_a_galaxy_is_shown_at_each_redshift_over_its_mean_wavelengths(tmp_path: Path) -> None:
    *_, shown = plates.plates(released(tmp_path, "train", "test"))
    dots = [s for s in shown.data["panels"][0]["series"] if "label" in s]
    assert [float(s["label"][4:]) for s in dots] == pytest.approx(plates.AT, abs=0.02)
    assert dots[0]["x"] == pytest.approx([0.35, 0.75, 0.95])
    for s, z in zip(dots, plates.AT, strict=True):
        assert s["y"] == pytest.approx([1 - z / 4, 1, 1 + z / 4], abs=1e-3)
        assert np.subtract(s["high"], s["y"]) == pytest.approx(1 / 40, abs=1e-3)


@pytest.mark.parametrize(
    ("splits", "filters", "kinds"),
    [(("train",), True, ["histogram", "curves"]), (("train", "test"), False, ["histogram", "line_pair"])],
)
def test_what_a_release_lacks_is_left_out(
    tmp_path: Path, splits: tuple[str, ...], filters: bool, kinds: list[str]
) -> None:
    assert [p.kind for p in plates.plates(released(tmp_path, *splits, filters=filters))] == kinds


def test_a_test_set_alone_and_faint_galaxies_show_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alone", "faint"):
        (tmp_path / name).mkdir()
    assert plates.plates(released(tmp_path / "alone", "test")) == ()
    monkeypatch.setattr(plates, "CLEAR", 1e9)
    assert [p.kind for p in plates.plates(released(tmp_path / "faint", "train"))] == ["histogram"]
