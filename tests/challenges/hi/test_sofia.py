"""SoFiA's catalogue as a prediction: the golden conversions, by hand, across regions, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import converting
from blindsky.challenges.errors import InputFault
from blindsky.challenges.hi.columns import SDC2
from blindsky.challenges.hi.official import read_truth
from blindsky.challenges.hi.sofia import MODES, convert, merged, read
from blindsky.scoring import catalogue

SharedData = Callable[[str], Path]

UNITS = {
    "name": "",
    "id": "",
    "f_sum": "Jy*Hz",
    "rel": "",
    "w20": "Hz",
    "ell_maj": "pix",
    "ell_min": "pix",
    "ell_pa": "deg",
    "kin_pa": "deg",
    "ra": "deg",
    "dec": "deg",
    "freq": "Hz",
}
SOURCE = {
    "name": "SoFiA J115959.99-300000.0",
    "id": 1,
    "f_sum": 50.0,
    "rel": 0.95,
    "w20": 1e6,
    "ell_maj": 6.0,
    "ell_min": 4.0,
    "ell_pa": -20.0,
    "kin_pa": 30.0,
    "ra": 180.0,
    "dec": -30.0,
    "freq": 1.05e9,
}


def ascii_text(rows: list[dict[str, Any]], units: dict[str, str] = UNITS) -> str:
    """As SoFiA writes it: numbers, names and units of the columns above each other, right-aligned."""
    line = lambda cells: "".join(f"{cell!s:>30}" for cell in cells)  # noqa: E731
    head = [range(1, 1 + len(units)), units, units.values()]
    lines = ["# SoFiA source catalogue", "#"] + ["#" + line(cells)[1:] for cells in head] + [""]
    return "\n".join(lines + [line(row[name] for name in units) for row in rows]) + "\n"


def votable_text(rows: list[dict[str, Any]], units: dict[str, str] = UNITS) -> str:
    fields = "".join(f'<FIELD datatype="double" name="{n}" unit="{u or "-"}"/>\n' for n, u in units.items())
    cells = "".join("<TR>\n" + "".join(f"<TD>{row[n]}</TD>\n" for n in units) + "</TR>\n" for row in rows)
    table = f"<TABLE>{fields}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE>"
    return f'<?xml version="1.0" ?>\n<VOTABLE version="1.3"><RESOURCE>{table}</RESOURCE></VOTABLE>\n'


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: dict[str, Any], name: str = "cat.txt", **units: str) -> Path:
        text = votable_text if name.endswith(".xml") else ascii_text
        path = tmp_path / name
        path.write_text(text([SOURCE | row for row in rows], UNITS | units))
        return path

    return write


@pytest.mark.parametrize("mode", MODES)
def test_the_golden_conversion(mode: Any, shared_data: SharedData) -> None:
    found = convert(shared_data("hi/sofia/mock_tiny_sofia_cat.txt"), mode=mode)
    golden = np.genfromtxt(shared_data(f"hi/sofia/mock_tiny_converted_{mode}.txt"), names=True)
    assert tuple(found) == SDC2
    for name in SDC2:
        np.testing.assert_allclose(found[name], golden[name], rtol=2e-7, err_msg=name)


@pytest.mark.parametrize("mode", MODES)
def test_the_golden_score(mode: Any, shared_data: SharedData) -> None:
    truth = read_truth(shared_data("hi/sofia/mock_tiny_truth.txt"))
    found = catalogue.match(truth, convert(shared_data("hi/sofia/mock_tiny_sofia_cat.txt"), mode=mode))
    golden = json.loads(shared_data("hi/sofia/mock_tiny_scores.json").read_text())[mode]
    assert catalogue.value(found) == pytest.approx(golden["value"], abs=1e-6)  # ska-sdc 2.0.0


def test_a_cube_of_velocities_has_no_frequencies(shared_data: SharedData) -> None:
    with pytest.raises(InputFault, match=r"no column freq \(column v_opt: .* velocity axis\)"):
        convert(shared_data("hi/sofia/wsrt_subcube_sofia_cat.txt"))


@pytest.mark.parametrize("name", ["cat.txt", "cat.xml"])
def test_one_source_by_hand(name: str, written: Callable[..., Path]) -> None:
    path = written({"f_sum": 200.0}, name=name)
    assert read(path).units["f_sum"] == "Jy*Hz"
    found = convert(path, mode="gauss")
    assert {n: column.tolist() for n, column in found.items() if n not in ("hi_size", "i", "w20")} == {
        "id": [1],
        "ra": [180.0],
        "dec": [-30.0],
        "line_flux_integral": [200.0],
        "central_freq": [1.05e9],
        "pa": [210.0],
    }
    assert found["w20"] == pytest.approx(1e6 * 299792.458 / 1.05e9)
    beam = (7 / 2.354820045) ** 2
    a, b = math.sqrt(8.4**2 - beam), math.sqrt(5.6**2 - beam)
    assert found["i"] == pytest.approx(math.degrees(math.acos(b / a)))
    # section 4.1: 1e9 Msun are 5.2906 Jy Hz at 1050 MHz, 5.1613 kpc an arcsec
    centre = 200 / 5.2906 * 1e9 / (2 * math.pi * (5161.3 * a) ** 2)
    assert found["hi_size"] == pytest.approx(2 * a * math.sqrt(2 * math.log(centre)), rel=1e-4)
    relation = 10 ** (0.506 * math.log10(200 / 5.2906 * 1e9) - 3.293) / 5.1613
    assert convert(path)["hi_size"] == pytest.approx(relation, rel=1e-4)


def test_units_of_channels_and_beams(written: Callable[..., Path]) -> None:
    per_beam = {"f_sum": 50 * 7.0818 / 3e4, "w20": 1e6 / 3e4}
    for unit in ("Jy/beam", "beam-1 Jy", "Jy/BEAM"):
        found = convert(written(per_beam, f_sum=unit, w20="pix"))
        assert found["line_flux_integral"] == pytest.approx(50, rel=1e-5)
        assert found["w20"] == pytest.approx(1e6 * 299792.458 / 1.05e9)


def test_angles_and_unresolved_sources(written: Callable[..., Path]) -> None:
    path = written({"kin_pa": 200.0}, {"kin_pa": -1.0}, {"ell_min": 2.0}, {"f_sum": 1e-3})
    found = convert(path, mode="gauss")
    assert found["pa"].tolist() == [20.0, 340.0, 210.0, 210.0]
    assert found["i"][2:].tolist() == [57.3, 57.3]  # narrower than the beam; no surface density of 1
    assert found["hi_size"][2:].tolist() == [8.5, 8.5]


def test_the_threshold_is_inclusive_and_rows_are_numbered(written: Callable[..., Path]) -> None:
    path = written({"rel": 0.2}, {"rel": 0.5, "ra": 180.1}, {"rel": 0.9, "ra": 180.2})
    found = convert(path, threshold=0.5)
    assert found["id"].tolist() == [1, 2]
    assert found["ra"].tolist() == [180.1, 180.2]
    assert len(convert(path, threshold=1.0)["ra"]) == 0
    for none in (convert(written()), convert([])):
        assert tuple(none) == SDC2
        assert {len(column) for column in none.values()} == {0}


def test_overlapping_regions_become_one(written: Callable[..., Path]) -> None:
    one = written(
        {"f_sum": 50}, {"f_sum": 20, "dec": -30.002}, {"f_sum": 9, "freq": 1.052e9}, name="1_cat.txt"
    )
    two = written(
        {"f_sum": 60, "dec": -30.001},  # 3.6 arcsec from both of the first two: the larger wins twice
        {"f_sum": 8, "freq": 1.052e9, "ra": 180 + 10.4 / 3600 / math.cos(math.radians(30))},
        {"f_sum": 7, "freq": 1.052e9, "ra": 180 - 10.6 / 3600 / math.cos(math.radians(30))},
        {"f_sum": 6, "freq": 1.05321e9},  # 1.21 MHz from the nearest at its place
        name="2_cat.xml",
    )
    found = convert([one, two])
    assert found["line_flux_integral"].tolist() == [9, 60, 7, 6]
    assert found["id"].tolist() == [1, 2, 3, 4]
    again = convert([two, one])
    assert sorted(again["line_flux_integral"]) == [6, 7, 9, 60]
    assert len(convert(one)["ra"]) == 3  # neighbours in one region are two galaxies


def test_a_row_that_lost_takes_no_other_with_it() -> None:
    step = 8 / 3600
    found = {
        "ra": np.full(3, 180.0),
        "dec": -30 + step * np.arange(3),
        "line_flux_integral": np.array([3.0, 2.0, 1.0]),
        "central_freq": np.full(3, 1e9),
    }
    assert merged(found, np.array([0, 1, 2])).tolist() == [0, 2]
    assert merged(found, np.array([0, 1, 0])).tolist() == [0, 2]
    assert merged(found, np.array([0, 0, 0])).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("id ra dec\n1 2 3\n", "no table head of SoFiA 2"),
        ("", "no table head"),
        ("<html>", "not readable as a VOTable"),
        ("<VOTABLE></VOTABLE>", "has no FIELD"),
        (ascii_text([SOURCE]).replace("50.0", "fifty"), "source 1 has 'fifty' in column f_sum"),
        (ascii_text([SOURCE])[:-200] + "\n", "columns, expected 12"),
        (votable_text([SOURCE])[:-90], "may be cut short"),
        (votable_text([SOURCE]).replace("<TD>50.0</TD>\n", ""), "has 11 cells in row 1"),
        (ascii_text([SOURCE], UNITS | {"w20": "km/s"}), "w20 is in 'km/s'; expected Hz or pix"),
        (ascii_text([SOURCE], {k: v for k, v in UNITS.items() if k != "kin_pa"}), "lacks the columns kin_pa"),
        (ascii_text([SOURCE | {"freq": 0.0}]), "not above 0"),
    ],
)
def test_what_is_refused(content: str, match: str, tmp_path: Path) -> None:
    (tmp_path / "cat.txt").write_text(content)
    with pytest.raises(InputFault, match=match):
        convert(tmp_path / "cat.txt")


def test_an_unknown_mode(written: Callable[..., Path]) -> None:
    with pytest.raises(InputFault, match=r"no mode 'disc'\. Known are: relation, gauss"):
        convert(written({}), mode="disc")  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".parquet"])
def test_a_prediction_of_any_form(
    suffix: str, written: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = SimpleNamespace(name="hi", converters={"sofia": "blindsky.challenges.hi.sofia:convert"})
    monkeypatch.setattr(converting.registry, "get", lambda name: declared)
    out = tmp_path / f"prediction{suffix}"
    n = converting.convert_files(
        "hi/sofia", [written({}, {"ra": 180.123456789012345})], out, {"mode": "gauss"}
    )
    assert n == 2
    expected = convert(tmp_path / "cat.txt", mode="gauss")
    if suffix == ".parquet":
        import pandas as pd

        table = pd.read_parquet(out)
    else:
        lines = out.read_text().splitlines()
        separator = {".txt": " ", ".csv": ","}[suffix]
        assert lines[0] == separator.join(SDC2)
        cells = np.array([line.split(separator) for line in lines[1:]], dtype=np.float64)
        table = dict(zip(SDC2, cells.T, strict=True))
    for name in SDC2:
        np.testing.assert_array_equal(table[name], expected[name])
    with pytest.raises(InputFault, match=r"prediction\.fits"):
        converting.convert_files("hi/sofia", [], tmp_path / "prediction.fits", {})
    with pytest.raises(InputFault, match="takes no --edition"):
        converting.convert_files("hi/sofia", [], out, {"edition": "2"})
    with pytest.raises(InputFault, match="no format 'sofa' to convert from: did you mean sofia"):
        converting.convert_files("hi/sofa", [], out, {})
