"""The registry and what every transient promises: both ways to a flux agree, and draws depend on the stream alone."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients.sources import TRANSIENTS, submodels

NAMES = list(TRANSIENTS)
N = 300


def stream() -> np.random.Generator:
    return np.random.default_rng(20_261_121)


def test_classes() -> None:
    targets = {name: source.target for name, source in TRANSIENTS.items()}
    assert targets == {
        "Ia": 90, "91bg": 67, "Iax": 52, "II": 42, "IIn": 42, "Ibc": 62, "SLSN-I": 95, "TDE": 15, "KN": 64,
        "ILOT": 992, "Ca-rich": 993, "PISN": 994,
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_draws(name: str) -> None:
    source = TRANSIENTS[name]
    table, again = source.draw(stream(), N), source.draw(stream(), N)
    assert {"z", "lensing", "a_v", "t0"} <= set(table)
    for column, values in table.items():
        assert values.dtype == np.float64
        assert values.shape == (N,)
        assert np.isfinite(values).all(), column
        assert (values == again[column]).all()
    assert source.rate.low <= table["z"].min() <= table["z"].max() <= source.rate.high
    assert ((table["t0"] >= 59520) & (table["t0"] < 60750)).all()
    assert len(submodels(source, table)) == N


def test_lensing_has_no_mean_and_a_bright_tail() -> None:
    source = TRANSIENTS["SLSN-I"]
    table = source.draw(stream(), 50_000)
    scaled = table["lensing"] / table["z"]
    assert scaled.mean() == pytest.approx(0, abs=0.001)
    assert scaled.std() == pytest.approx(0.055, rel=0.03)
    assert scaled.max() <= 0.055
    assert scaled.min() < -0.3


@pytest.mark.parametrize("name", NAMES)
def test_ragged_epochs_agree_with_the_grid(name: str) -> None:
    """Every source, object, band and phase, in shuffled order; and in single precision to 1e-3."""
    source = TRANSIENTS[name]
    table = source.draw(stream(), N)
    phases = np.array([-30.0, -8, -0.3, 0, 0.7, 4, 21, 75, 220])
    grid = source.grid(table, phases)
    assert (grid >= 0).all()
    k, band, index = (x.ravel() for x in np.indices(grid.shape))
    order = stream().permutation(len(k))
    k, band, index = k[order], band[order].astype(np.int8), index[order]
    t = table["t0"][index] + phases[k] * (1 + table["z"][index])
    flux = source.flux(table, index, t, band, stream())
    np.testing.assert_allclose(flux, grid[k, band, index], rtol=1e-6, atol=1e-9)
    single = source.grid(table, phases, np.float32)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, grid, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_no_flux_outside_the_window(name: str) -> None:
    source = TRANSIENTS[name]
    table = source.draw(stream(), 4)
    rest = np.array([-121.0, -120.0, 500.0, 501.0])
    t = table["t0"] + rest * (1 + table["z"]) + np.array([0, -1e-6, 1e-6, 0])
    assert (source.flux(table, np.arange(4), t, np.full(4, 2, np.int8), stream()) == 0).all()
    assert len(source.flux(table, np.zeros(0, int), np.zeros(0), np.zeros(0, np.int8), stream())) == 0


@pytest.mark.parametrize("name", ["Ia", "II", "KN", "SLSN-I"])
def test_an_object_does_not_depend_on_its_neighbours(name: str) -> None:
    source = TRANSIENTS[name]
    table = source.draw(stream(), 40)
    t = table["t0"][7] + np.linspace(-20, 60, 41)
    band = np.arange(41) % 6
    together = source.flux(table, np.full(41, 7), t, band, stream())
    alone = source.flux({c: v[7:8] for c, v in table.items()}, np.zeros(41, int), t, band, stream())
    np.testing.assert_array_equal(together, alone)
