"""Predictions of blends that are wrong, by the real declaration: what is refused and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges import registry, tables
from blindsky.challenges.deblending import measure
from blindsky.challenges.deblending.bands import SPACE
from blindsky.challenges.prediction import Column, Density, Grid, Prediction
from blindsky.challenges.skies import Ragged
from blindsky.scoring.measurements import Measurements, Table
from blindsky.scoring.metric import ones
from blindsky.submissions.canonical import sample_submission
from blindsky.submissions.checking import CheckResult, check
from blindsky.submissions.formats.common import SLACK_BYTES, Limits
from tests.submissions.blends import Blends

IDS = 1_000_001 + np.arange(6)
BANDS = "ugrizy"


def pair() -> Table:
    flux = np.random.default_rng(1).uniform(5, 90, 12)
    mask = np.zeros((12, 128, 128), np.uint8)
    mask[:, 60:70, 60:70] = 1
    return {"blend_id": np.repeat(IDS, 2), "obj": np.tile([0, 1], 6), "flux": flux, "mask": mask}


def scene() -> Table:
    rng = np.random.default_rng(2)
    table: Table = {"blend_id": np.repeat(IDS, 2), "det": np.tile([0, 1], 6)}
    table |= {axis: rng.uniform(40, 80, 12) for axis in "xy"}
    return table | {f"flux_{band}": rng.uniform(100, 900, 12) for band in BANDS}


@pytest.fixture
def tried(tmp_path: Path) -> Callable[[str, Table], CheckResult]:
    def run(track: str, table: Table) -> CheckResult:
        import pyarrow.parquet as pq

        pq.write_table(tables.to_arrow(table), tmp_path / "p.parquet")
        return check(tmp_path / "p.parquet", Blends(IDS, track))

    return run


Tried = Callable[[str, Table], CheckResult]


def test_both_are_valid(tried: Tried) -> None:
    assert tried("pair", pair()).ok and tried("pair_shift", pair()).ok and tried("scene", scene()).ok


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [("flux", -1.0, "out_of_range"), ("flux", np.nan, "not_finite"), ("flux", 1e300, "out_of_range")],
)
def test_fluxes_that_are_none(tried: Tried, column: str, value: float, code: str) -> None:
    table = pair()
    table[column][3] = value
    found = tried("pair", table)
    assert found.report.codes == (code,)
    fault = found.faults[0]
    assert (fault.row, fault.id, fault.column) == (4, IDS[1], "flux")


def test_a_flux_of_nothing_is_a_miss_and_no_fault(tried: Tried) -> None:
    table = pair()
    table["flux"][:] = 0
    assert tried("pair", table).ok


def test_masks_of_another_stamp(tried: Tried) -> None:
    table = pair()
    table["mask"] = table["mask"][:, :120, :120]
    found = tried("pair", table)
    assert found.report.codes == ("pixels_shape",) and "120 x 120" in str(found) and "128 x 128" in str(found)


def test_scenes_ask_for_light_in_the_reference_band(tried: Tried) -> None:
    table = scene()
    table["flux_u"][:] = 0
    assert tried("scene", table).ok
    table["flux_r"][2] = 0
    found = tried("scene", table)
    assert found.report.codes == ("out_of_range",) and found.faults[0].column == "flux_r"
    table = scene()
    table["x"][0], table["y"][1] = 119.6, -0.6
    assert [f.column for f in tried("scene", table).faults] == ["x", "y"]


def test_more_detections_than_allowed(tried: Tried) -> None:
    table = {name: np.repeat(column, 26) for name, column in scene().items()}
    table["det"] = np.tile(np.arange(52), 6)
    found = tried("scene", table)
    assert found.report.codes == ("too_many_items",) and found.faults[0].got == "52 rows"
    kept = {name: column[table["det"] < 50] for name, column in table.items()}
    assert tried("scene", kept).ok


def test_a_file_beyond_its_bound(tried: Tried, tmp_path: Path) -> None:
    with (tmp_path / "big.csv").open("w") as file:
        file.write("blend_id,obj,flux\n")
        file.write("1000001,0,1.0000000\n" * 1_000_000)
    assert check(tmp_path / "big.csv", Blends(IDS)).report.codes == ("too_large",)


def test_swapped_galaxies_are_no_fault_and_score_badly(tried: Tried) -> None:
    table = pair()
    truth = Ragged(
        np.full(6, 2), {"obj": table["obj"], "flux_f160w": table["flux"], "scored": np.ones(12, bool)}
    )
    swapped = {**table, "obj": np.tile([1, 0], 6)}
    assert tried("pair", swapped).ok
    mape = registry.get("deblending").metric("mape")
    said = []
    for answer in (table, swapped):
        columns = {name: answer[name] for name in ("obj", "flux")}
        found = measure.measure_pair({}, truth, Ragged(np.full(6, 2), columns), bands=SPACE)
        rows = Measurements(found.rows, case=found.case)
        said.append(float(mape.prepare(rows)(ones(len(rows)))[0]))
    assert said[0] == 0 and said[1] > 40


def test_swapped_galaxies_are_noticed_where_places_are_sent(tried: Tried) -> None:
    rng = np.random.default_rng(4)
    at = np.where(np.tile([True, False], 6), 64, 64 + rng.uniform(5, 30, (2, 12)))
    table = {name: column for name, column in pair().items() if name != "mask"} | {"x": at[0], "y": at[1]}
    assert not [n for n in tried("pair", table).notes if n.code == "strange"]
    order = rng.permutation(12)
    shuffled = {name: column[order] for name, column in table.items()}
    assert not [n for n in tried("pair", shuffled).notes if n.code == "strange"]
    found = tried("pair", table | {"obj": np.tile([1, 0], 6)})
    assert found.ok and "farther from it than obj 1 in 6 of 6 blends" in str(found)


def test_what_to_do_is_said_where_it_is_known(tried: Tried) -> None:
    table = pair()
    table["flux"][0] = np.nan
    assert "0 for a galaxy that was not found" in str(tried("pair", table))
    table = scene()
    table["flux_r"][2] = 0
    assert "leave out a detection that has none" in str(tried("scene", table))
    table = pair()
    table["mask"] *= 255
    assert "divide a mask of 0 and 255 by 255, or send booleans" in str(tried("pair", table))


def test_images_are_numbers(tried: Tried) -> None:
    table = scene() | {"image": np.zeros((12, 120, 120), bool)}
    found = tried("scene", table)
    assert found.report.codes == ("pixels_form",) and "as float32" in str(found)
    table["image"] = table["image"].reshape(12, -1)
    assert tried("scene", table).report.codes == ("pixels_form",)
    table["image"] = np.zeros((12, 120, 120))
    table["image"][3, 4, 5] = 1e300
    found = tried("scene", table)
    assert found.report.codes == ("not_finite",) and found.faults[0].got == "1e+300 at (4, 5)"
    assert "120 x 120 or 1 x 120 x 120 or 6 x 120 x 120 finite numbers (float32)" in str(found)


def test_the_bound_of_a_file_is_twice_its_pixels() -> None:
    of = {t: registry.get("deblending").on(t).prediction for t in ("pair", "scene_known")}
    pixels = {"pair": 4 * 128**2, "scene_known": 4 * 7 * 120**2}
    for track, each in pixels.items():
        limits = Limits.of(of[track], 100_000)
        assert 2 <= limits.binary / (100_000 * each) < 2.02
    numbers = Prediction((Column("a"), Density("d", Grid(0, 1, 9))))
    assert Limits.of(numbers, 1000).binary == 2 * 8 * 11 * 1000 + SLACK_BYTES
    assert "density" in Limits.of(numbers, 1).compact and "density" not in Limits.of(of["pair"], 1).compact


def test_fluxes_that_repeat_are_no_ties(tried: Tried) -> None:
    table = pair()
    table["flux"] = np.tile([3.0, 4.0], 6)
    assert not [n for n in tried("pair", table).notes if n.code == "few_values"]
    table["flux"][:] = 3
    assert [n.column for n in tried("pair", table).notes if n.code == "few_values"] == ["flux"]


def test_a_sample_has_fluxes_that_could_be(tmp_path: Path) -> None:
    sample_submission(Blends(IDS), tmp_path / "s.csv")
    flux = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1, usecols=2)
    assert np.all((flux > 0) & (flux < 1e4))
