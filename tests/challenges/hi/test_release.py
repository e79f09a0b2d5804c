"""A whole HI release: cubes and tables tell the same sky, catalogues are checked, judged and shown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from blindsky.challenges import registry, tables
from blindsky.challenges.cards import read_card
from blindsky.challenges.generation import generate
from blindsky.challenges.hi.columns import SDC2
from blindsky.challenges.hi.cube import digest, open_cube
from blindsky.challenges.hi.field import BEAM_AREA, CHANNEL, PIXEL, TINY
from blindsky.challenges.references import folder_of
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal, verify
from blindsky.leaderboard.publish import views
from blindsky.leaderboard.site import build
from blindsky.scoring.measurements import Table
from blindsky.submissions.arena import Arena
from blindsky.submissions.checking import CheckResult, check
from blindsky.submissions.judging import score_due

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("hi") / "releases"
    return generate(registry.get("hi"), "survey", "tiny", folder, release_id="hi-r", key=bytes(range(32)))


@pytest.fixture
def truth(release: Release) -> Table:
    return tables.read(release.private / "truth_sources.parquet")


def test_the_public_part_tells_nothing_of_the_test_field_but_its_cube(release: Release) -> None:
    names = {f["path"] for f in release.public.manifest["files"] if f.get("split") == "test"}
    assert names == {"test.parquet", "test_channels.parquet", "test_cube.fits", "test_cont.fits"}
    assert set(release.public.table("test")) == {"block", "x0", "x1", "y0", "y1", "chan0", "chan1"}
    assert verify(release.public, release).ok


def test_every_plane_has_the_digest_that_was_published(release: Release) -> None:
    planes = release.public.json("planes")
    for split in ("train", "test"):
        with fits.open(release.public.root / f"{split}_cube.fits") as file:
            data = file[0].data
            assert data.shape == TINY.shape
            assert np.isfinite(data).all()
            found = [hashlib.sha256(plane.astype(">f4").tobytes()).hexdigest() for plane in data]
        assert found == planes[split]["planes"]
        assert digest(found) == planes[split]["sha256"]
    assert planes["train"]["sha256"] != planes["test"]["sha256"]


def test_sources_shine_where_the_truth_says(release: Release, truth: Table) -> None:
    """The light around bright sources in the noisy cube is that of all sources that the truth has there."""
    cube = open_cube(release.public.root / "test_cube.fits")
    bright = (truth["line_flux_integral"] > 30) & (truth["f_in"] > 0.99)
    ratio = []
    for k in np.flatnonzero(bright):
        z, y, x = (
            round(float(truth[name][k])) - first for name, first in (("chan", TINY.k0), ("y", 0), ("x", 0))
        )
        half = int(0.75 * truth["w20"][k] / 299_792.458 * truth["central_freq"][k] / CHANNEL) + 4
        low, high = max(z - half, 0), min(z + half + 1, TINY.nchan)
        side = 5 + int(truth["hi_size"][k] / PIXEL)
        if min(x, y) < side or max(x, y) > 191 - side:
            continue
        tile = cube.tile(low, high, y - side, y + side + 1, x - side, x + side + 1)
        there = (np.abs(truth["x"] - x) <= side) & (np.abs(truth["y"] - y) <= side)
        there &= (truth["chan"] - TINY.k0 >= low) & (truth["chan"] - TINY.k0 < high)
        ratio.append(tile.sum() * CHANNEL / BEAM_AREA / truth["line_flux_integral"][there].sum())
    assert len(ratio) >= 5
    assert np.median(ratio) == pytest.approx(1, abs=0.08)


def test_fields_share_no_source(release: Release, truth: Table) -> None:
    train = release.public.table("train_sources")
    for name in ("ra", "line_flux_integral", "w20"):
        assert not set(train[name]) & set(truth[name])
    own = TINY.block_of(truth["x"], truth["y"], truth["chan"])
    np.testing.assert_array_equal(own, truth["block"])
    assert len(set(truth["id"])) == len(truth["id"])


def test_references_stand_where_they_must(release: Release, truth: Table) -> None:
    value = {
        name: read_card(folder_of(release, name) / "0001")[0]["parts"]["all"]["metrics"]["sdc2_value"][
            "value"
        ]
        for name in release.public.manifest["references"]
    }
    assert value["null"] == 0
    assert value["ladder_perfect"] == len(truth["id"])
    rungs = [value[f"ladder_{rung}"] for rung in ("perfect", "angles", "size", "width", "flux")]
    assert rungs == sorted(rungs, reverse=True)
    detectable = int((truth["snr"] >= 5).sum())
    assert 0.9 * detectable < value["oracle"] < detectable


def catalogue(truth: Table, **changed: object) -> pd.DataFrame:
    return pd.DataFrame({name: truth[name] for name in SDC2}).assign(**changed)


def checked(release: Release, frame: pd.DataFrame, path: Path) -> CheckResult:
    frame.to_csv(path, index=False, sep=" " if path.suffix == ".txt" else ",")
    return check(path, release.public)


HOSTILE: dict[str, tuple[str, str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "frequency in MHz": (
        "out_of_range",
        "above 1e+08",
        lambda t: t.assign(central_freq=t["central_freq"] / 1e6),
    ),
    "negative width": ("out_of_range", "above 0 and not above 2000", lambda t: t.assign(w20=-5.0)),
    "width of 20,000": ("out_of_range", "above 0 and not above 2000", lambda t: t.assign(w20=20_000.0)),
    "huge size": ("out_of_range", "not above 300", lambda t: t.assign(hi_size=1e5)),
    "negative flux": ("out_of_range", "above 0", lambda t: t.assign(line_flux_integral=-1.0)),
    "repeated ids": ("duplicate_id", "number the rows", lambda t: t.assign(id=7)),
    "a property left out": ("missing_column", "w20", lambda t: t.drop(columns="w20")),
    "an infinite place": ("not_finite", "NaN or infinite", lambda t: t.assign(ra=np.inf)),
    "no row": ("empty_file", "scores by itself", lambda t: t.iloc[:0]),
    "too many rows": (
        "too_many_rows",
        "at most 2,000 rows",
        lambda t: pd.concat([t] * 15).head(2_001).assign(id=range(2_001)),
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_faulty_catalogue_is_refused_with_the_reason(
    release: Release, truth: Table, tmp_path: Path, what: str
) -> None:
    code, words, spoil = HOSTILE[what]
    result = checked(release, spoil(catalogue(truth)), tmp_path / "p.csv")
    assert code in {f.code for f in result.faults}
    assert words in result.text()


def test_the_order_of_the_text_form_is_part_of_it(release: Release, truth: Table, tmp_path: Path) -> None:
    table = catalogue(truth)
    assert checked(release, table, tmp_path / "p.txt").ok
    turned = checked(release, table[["id", "dec", "ra", *SDC2[3:]]], tmp_path / "q.txt")
    assert [f.code for f in turned.faults] == ["column_order"]
    assert checked(release, table[["id", "dec", "ra", *SDC2[3:]]], tmp_path / "q.csv").ok


def test_what_counts_as_false_is_said(release: Release, truth: Table, tmp_path: Path) -> None:
    off = catalogue(truth)
    off.loc[:9, "ra"] += 1.0
    off.loc[10:19, "central_freq"] = 1.2e9
    text = checked(release, off, tmp_path / "p.csv").text()
    assert f"20 of {len(off)} rows lie outside the field or its band, 1042.34 to 1057.67 MHz" in text
    twice = pd.concat([off, off.assign(id=off["id"] + 1000)])
    assert "share a cell of 7" in checked(release, twice, tmp_path / "q.csv").text()


def test_the_truth_wins_and_nothing_of_it_is_shown_before_the_reveal(
    release: Release, truth: Table, tmp_path: Path
) -> None:
    arena = Arena(release.root.parents[1])
    catalogue(truth).to_csv(tmp_path / "p.txt", sep=" ", index=False)
    train = release.public.table("train_sources")
    half = pd.DataFrame({name: train[name] for name in SDC2}).iloc[::2]
    half.to_csv(tmp_path / "t.csv", index=False)
    submission = arena.submit(
        tmp_path / "p.txt", "hi-r", team="A", method="truth", training=tmp_path / "t.csv"
    )
    assert [s.state for s in score_due(arena)] == ["valid"]
    folder = arena.card_folder(submission.id)
    assert folder is not None
    card, _ = read_card(folder)
    assert card["parts"]["all"]["metrics"]["sdc2_value"]["value"] == pytest.approx(len(truth["id"]))
    build(tmp_path / "site", views(arena))
    pages = "".join(
        p.read_text() for p in (tmp_path / "site").rglob("*") if p.suffix in (".html", ".json", ".csv")
    )
    for name in ("ra", "dec", "central_freq", "line_flux_integral"):
        assert not any(repr(float(value))[:12] in pages for value in truth[name])
    entry = tmp_path / "site" / "hi-r" / f"{submission.id}.html"
    assert "On the training field" in entry.read_text()
    before = entry.read_text().count("data:image/webp")
    assert before == 12  # best, median and missed of the training field: nothing is false
    reveal(release)
    build(tmp_path / "site", views(arena))
    assert entry.read_text().count("data:image/webp") == before + 8
