"""``blindsky convert``: from what SoFiA wrote to a file that the check accepts as a prediction."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.hi.columns import SDC2

Cli = Callable[..., Any]

COLUMNS = {
    "name": ("", "SoFiA J1200-3000"),
    "f_sum": ("Jy*Hz", "50"),
    "rel": ("", "0.9"),
    "w20": ("Hz", "1e6"),
    "ell_maj": ("pix", "6"),
    "ell_min": ("pix", "4"),
    "ell_pa": ("deg", "20"),
    "kin_pa": ("deg", "30"),
    "ra": ("deg", "180"),
    "dec": ("deg", "-30"),
    "freq": ("Hz", "1.05e9"),
}


def catalogue(path: Path, **changed: str) -> Path:
    cells = {name: changed.get(name, cell) for name, (_, cell) in COLUMNS.items()}
    lines = (
        ["#" + f"{1:>24}" + "".join(f"{k:>25}" for k in range(2, len(COLUMNS) + 1))],
        ["#" + "".join(f"{name:>25}" for name in COLUMNS)[1:]],
        ["#" + "".join(f"{unit:>25}" for unit, _ in COLUMNS.values())[1:]],
        ["".join(f"{cell:>25}" for cell in cells.values())],
    )
    path.write_text("\n".join(["# SoFiA source catalogue", *(line for (line,) in lines)]) + "\n")
    return path


def test_catalogues_of_two_regions(cli: Cli, tmp_path: Path) -> None:
    catalogue(tmp_path / "1_cat.txt")
    catalogue(tmp_path / "2_cat.txt", f_sum="60", rel="0.3")
    answer = cli("convert", "1_cat.txt", "2_cat.txt", "--from", "hi/sofia", "--out", "p.txt")
    assert (answer.code, answer.err) == (0, "")
    assert "p.txt: 1 rows" in answer.out
    assert "blindsky check p.txt --release RELEASE" in answer.out
    header, row = (tmp_path / "p.txt").read_text().splitlines()
    assert header == " ".join(SDC2)
    assert float(row.split()[4]) == 60
    line = ("convert", "1_cat.txt", "2_cat.txt", "--from", "hi/sofia", "--out", "p.csv", "--threshold", "0.5")
    found = json.loads(cli(*line, "--mode", "gauss", "--json").out)
    assert found == {"rows": 1, "path": "p.csv"}
    values = np.loadtxt(tmp_path / "p.csv", delimiter=",", skiprows=1)
    assert values[4] == 50


def test_what_is_wrong_is_said(cli: Cli, tmp_path: Path) -> None:
    path = catalogue(tmp_path / "cat.txt")
    for line, said in (
        (("hi/sofia", "p.fits"), "not p.fits"),
        (("hi/sophia", "p.txt"), "did you mean sofia"),
        (("photoz/sofia", "p.txt"), "photoz has no format 'sofia' to convert from: It has none"),
        (("hi/sofia", "p.txt", "--mode", "disc"), "no mode 'disc'"),
    ):
        source, out, *more = line
        answer = cli("convert", path, "--from", source, "--out", out, *more)
        assert answer.code == 1
        assert said in answer.err
    assert cli("convert", "no.txt", "--from", "hi/sofia", "--out", "p.txt").code == 2
    assert not list(tmp_path.glob("p.*"))
