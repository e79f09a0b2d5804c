"""Examples of densities: the right galaxies are chosen, and what is drawn is what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from blindsky.challenges.photoz.examples import EXAMPLES, chosen_rows, peaks
from blindsky.challenges.photoz.oracle import GRID
from blindsky.challenges.tables import to_arrow

Z = GRID.nodes


def mixture(*parts: tuple[float, float, float]) -> Any:
    """A density of Gaussians (weight, mean, width)."""
    p = sum(w * np.exp(-0.5 * ((Z - m) / s) ** 2) / s for w, m, s in parts)
    return p / np.trapezoid(p, Z)


ONE = [mixture((1, 0.4 + 0.1 * k, 0.01 * (k + 1))) for k in range(11)]
TWO = [
    mixture((1, 0.5, 0.05), (0.95, 0.8, 0.05)),  # near each other
    mixture((1, 0.5, 0.05), (0.3, 1.5, 0.05)),  # unlike
    mixture((1, 0.5, 0.05), (0.9, 1.5, 0.05)),
]
MORE = [mixture((1, 0.5, 0.05), (0.5, 1.5, 0.05), (0.4, 2.5, 0.05))]
HINT = [mixture((1, 0.5, 0.05), (0.05, 1.5, 0.05))]
PDF = np.array([*ONE, *TWO, *MORE])
IDS = 9_000_000_000_000_000 + np.arange(len(PDF))[::-1]


@pytest.mark.parametrize(("pdf", "number"), [(ONE[0], 1), (TWO[0], 2), (MORE[0], 3), (HINT[0], 1)])
def test_a_peak_counts_from_a_share_of_the_highest(pdf: Any, number: int) -> None:
    assert len(peaks(pdf)) == number


def test_a_peak_at_the_end_of_the_grid_counts() -> None:
    assert len(peaks(mixture((1, 0.0, 0.05), (0.8, 3.0, 0.05)))) == 2


def test_each_kind_is_chosen_once() -> None:
    rows = chosen_rows(PDF)
    assert rows == {"One narrow peak": 1, "One broad peak": 9, "Two peaks": 13, "Three peaks and more": 14}
    assert chosen_rows(PDF[:11]) == {"One narrow peak": 1, "One broad peak": 9}


@pytest.fixture
def revealed(tmp_path: Path) -> Path:
    pq.write_table(
        to_arrow({"object_id": IDS, "oracle_pdf": PDF.astype(np.float32)}), tmp_path / "oracle.parquet"
    )
    order = np.argsort(IDS)  # another order than the oracle's
    truth = {"object_id": IDS[order], "z_true": np.linspace(0.1, 2.9, len(PDF))[order]}
    pq.write_table(to_arrow(truth), tmp_path / "truth.parquet")
    return tmp_path


def test_truth_and_answers_are_those_of_the_galaxy(revealed: Path) -> None:
    chosen = EXAMPLES.choose(revealed)
    assert chosen is not None
    assert chosen["ids"] == IDS[[1, 9, 13, 14]].tolist()
    np.testing.assert_allclose(chosen["z_true"], np.linspace(0.1, 2.9, len(PDF))[[1, 9, 13, 14]])
    flat = np.full((4, GRID.n), 1 / 3)
    plates = EXAMPLES.draw(chosen, {"object_id": np.array(chosen["ids"]), "pdf": flat})
    assert [p.title for p in plates] == chosen["titles"]
    for plate, oracle, z in zip(plates, PDF[[1, 9, 13, 14]], chosen["z_true"], strict=True):
        panel = plate.data["panels"][0]
        entry, ceiling = panel["series"]
        assert (entry["label"], ceiling["label"]) == ("this entry", "oracle")
        assert set(entry["y"]) == {round(1 / 3, 10)} and entry["x"] == pytest.approx(Z), (
            "all that is not 0 is drawn"
        )
        np.testing.assert_allclose(ceiling["y"], oracle, atol=1e-6)
        assert panel["guides"][0]["x"] == [z, z] and f"{z:.3f}" in plate.caption


def test_what_is_drawn_holds_both_densities_and_the_truth(revealed: Path) -> None:
    chosen = EXAMPLES.choose(revealed)
    assert chosen is not None
    sent = np.array([mixture((1, 2.0, 0.1))] * 4)
    for plate, z in zip(EXAMPLES.draw(chosen, {"pdf": sent}), chosen["z_true"], strict=True):
        low, high = plate.data["x_range"]
        assert low <= z <= high and low < 2 - 0.2 and high > 2 + 0.2
        for one in plate.data["panels"][0]["series"]:
            assert np.trapezoid(one["y"], one["x"]) > 0.99


def test_nothing_is_drawn_without_densities(revealed: Path) -> None:
    chosen = EXAMPLES.choose(revealed)
    assert chosen is not None
    assert EXAMPLES.draw(chosen, {"z_point": np.ones(4)}) == ()
    pq.write_table(
        to_arrow({"object_id": IDS, "oracle_logp": np.ones(len(IDS))}), revealed / "oracle.parquet"
    )
    assert EXAMPLES.choose(revealed) is None
    (revealed / "oracle.parquet").unlink()
    assert EXAMPLES.choose(revealed) is None
