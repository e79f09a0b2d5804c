"""The form of the COIN study: one row a pair, a column for the flux of each galaxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from blindsky.challenges import tables
from blindsky.submissions.canonical import write_canonical
from blindsky.submissions.checking import check
from tests.submissions.blends import Blends

IDS = 1_000_001 + np.arange(20)


@pytest.fixture
def flux() -> Any:
    return np.random.default_rng(1).uniform(1, 90, (20, 2)).round(6)


def spread(flux: Any, **changed: Any) -> pd.DataFrame:
    return pd.DataFrame({"id": IDS, "g1_flux": flux[:, 0], "g2_flux": flux[:, 1]} | changed)


def test_both_forms_say_the_same(flux: Any, tmp_path: Path) -> None:
    order = np.random.default_rng(2).permutation(20)
    spread(flux).iloc[order].to_csv(tmp_path / "a.csv", index=False)
    spread(flux).to_parquet(tmp_path / "b.parquet", index=False)
    long = pd.DataFrame({"blend_id": np.repeat(IDS, 2), "obj": np.tile([0, 1], 20), "flux": flux.ravel()})
    long.to_csv(tmp_path / "c.csv", index=False)
    names = ("a.csv", "b.parquet", "c.csv")
    assert all(check(tmp_path / name, Blends(IDS)).ok for name in names)
    assert (
        len({write_canonical(tmp_path / name, Blends(IDS), tmp_path / f"{name}.out") for name in names}) == 1
    )
    np.testing.assert_array_equal(tables.read(tmp_path / "a.csv.out")["flux"], flux.ravel())


def test_faults_name_the_row_and_the_case(flux: Any, tmp_path: Path) -> None:
    flux[4, 1], flux[7, 0] = -3, np.nan
    spread(flux).to_csv(tmp_path / "bad.csv", index=False)
    found = check(tmp_path / "bad.csv", Blends(IDS))
    assert set(found.report.codes) == {"out_of_range", "missing_value"}
    low = next(f for f in found.faults if f.code == "out_of_range")
    assert (low.row, low.id, low.column, low.got) == (5, IDS[4], "g2_flux", "-3.0")
    spread(flux.clip(0)).iloc[1:].fillna(1).to_csv(tmp_path / "few.csv", index=False)
    assert check(tmp_path / "few.csv", Blends(IDS)).report.codes == ("missing_id",)


def test_another_header_is_told_as_ever(flux: Any, tmp_path: Path) -> None:
    spread(flux).rename(columns={"g2_flux": "g2"}).to_csv(tmp_path / "x.csv", index=False)
    assert "unknown_column" in check(tmp_path / "x.csv", Blends(IDS)).report.codes
