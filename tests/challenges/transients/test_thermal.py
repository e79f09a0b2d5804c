"""Cooling supernovae: the specification's numbers, the maximum against a search, plateau, tail and shares."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients import thermal
from blindsky.challenges.transients.bands import to_magnitude
from blindsky.challenges.transients.sources import TRANSIENTS, submodels

GOLDEN = {
    "z": 0.1, "lensing": 0, "t0": 0, "a_v": 0, "M": -17, "beta": 0.005, "gam": 90, "tr": 3, "tf": 10, "Tp": 14000,
    "Tf": 5500, "t_cool": 18, "tail": 0.1,
}  # fmt: skip
MODELS = ("II", "IIn", "Ibc", "Iax", "Ca-rich", "ILOT", "PISN")
SHAPE = ("beta", "gam", "tr", "tf")


def test_shape() -> None:
    te = np.array([-10, 0, 10, 30, 100, 150.0])
    one = [np.array([x]) for x in (0.005, 90.0, 3.0, 10.0)]
    expected = [0.03616746, 0.5, 0.91727706, 0.84996141, 0.20233369, 0.00136331]
    np.testing.assert_allclose(thermal.shape(te, *one), expected, atol=5e-9)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (0, [21.922, 21.455, 21.250, 21.241, 21.293, 21.367]),
        (80, [23.551, 22.498, 21.854, 21.585, 21.485, 21.453]),
    ],
)
def test_magnitudes(day: float, expected: list[float]) -> None:
    table = {name: np.array([float(x)]) for name, x in GOLDEN.items()}
    flux = TRANSIENTS["II"].flux(
        table, np.zeros(6, int), np.full(6, float(day)), np.arange(6), np.random.default_rng()
    )
    np.testing.assert_allclose(to_magnitude(flux), expected, atol=0.001)


@pytest.mark.parametrize("name", MODELS)
def test_maximum_against_a_search(name: str) -> None:
    table = TRANSIENTS[name].draw(np.random.default_rng(1), 200)
    te = np.arange(-30, 400, 0.25)[:, None]
    searched = thermal.shape(te, *(table[c] for c in SHAPE)).max(axis=0)
    found = thermal.maximum(*(table[c] for c in SHAPE))
    assert (found >= searched * (1 - 1e-12)).all()
    np.testing.assert_allclose(found, searched, rtol=1e-3)  # of a quarter of a day


def test_maximum_after_the_plateau() -> None:
    """A slow rise over a short plateau: S0 still grows at its end."""
    beta, gam, tr, tf = (np.array([x]) for x in (0.002, 25.0, 14.0, 150.0))
    found = thermal.maximum(beta, gam, tr, tf)
    assert found > thermal.shape(gam, beta, gam, tr, tf) * 1.01
    te = np.arange(0, 200, 0.01)
    assert found[0] == pytest.approx(thermal.shape(te, beta, gam, tr, tf).max(), rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_light_is_never_negative_and_ends_with_cobalt(name: str) -> None:
    source = TRANSIENTS[name]
    table = source.draw(np.random.default_rng(2), 500)
    flux = source.grid(table, np.linspace(-60, 400, 93))
    assert (flux >= 0).all()
    late = source.grid(table, np.array([300.0, 400.0]))[:, 2]
    decline = (to_magnitude(late[1]) - to_magnitude(late[0])) / 100
    slowest = np.minimum(0.0098, 2.5 * np.log10(np.e) / table["tf"])  # of cobalt, or of the model's own fall
    assert (decline > slowest - 1e-6).all()
    if name in ("II", "Ibc"):
        np.testing.assert_allclose(decline, 0.0098, atol=2e-6)  # 4 e-foldings of 25 d of temperature at least


def test_type_ii_has_a_plateau() -> None:
    """The r band loses less than half a magnitude from day 20 to 70, then two between 90 and 120: medians of IIP."""
    table = TRANSIENTS["II"].draw(np.random.default_rng(4), 4000)
    plateau = submodels(TRANSIENTS["II"], table) == "IIP"
    table["a_v"][:], table["z"][:] = 0, 0.05
    r = to_magnitude(TRANSIENTS["II"].grid(table, np.array([20.0, 70, 120]))[:, 2, plateau])
    assert 0 < np.median(r[1] - r[0]) < 0.5
    assert np.median(r[2] - r[1]) > 1.5


def test_shares_and_bounds() -> None:
    n = 20_000
    for name, shares in (("II", {"IIP": 0.86, "IIL": 0.14}), ("Ibc", {"IIb": 0.36, "Ib": 0.35, "Ic": 0.29})):
        table = TRANSIENTS[name].draw(np.random.default_rng(6), n)
        names = submodels(TRANSIENTS[name], table)
        for submodel, share in shares.items():
            assert (names == submodel).mean() == pytest.approx(share, abs=0.012)
        for variant in TRANSIENTS[name].model.variants:  # type: ignore[attr-defined]
            M = table["M"][names == variant.name]
            assert variant.M.low < M.min() < M.max() < variant.M.high
    assert names[:200].tolist() != sorted(names[:200].tolist())  # variants are mixed, not in order
