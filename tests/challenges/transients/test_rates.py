"""Numbers of events against PLAsTiCC's generation log and an independent quadrature; redshifts against both."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from blindsky.challenges.transients import rates
from blindsky.challenges.transients.rates import Rate

# model: (rate integral of the specification, SNANA's log of 31 August 2018)
EXPECTED: dict[str, tuple[Rate, float, float]] = {
    "Ia": (rates.IA, 16_295_985, 16_310_000),
    "91bg": (rates.IA_91BG, 1_325_345, 1_326_000),
    "Iax": (rates.IAX, 8_631_661, 8_638_000),
    "II": (rates.II, 52_577_836, 52_620_000),
    "IIn": (rates.IIN, 6_417_965, 6_422_000),
    "Ibc": (rates.IBC, 22_533_358, 22_540_000),
    "SLSN-I": (rates.SLSN, 90_352, 90_400),
    "TDE": (rates.TDE, 58_359, 58_400),
    "KN": (rates.KILONOVA, 43_019, 43_040),
    "Ca-rich": (rates.CALCIUM_RICH, 2_824_685, 2_827_000),
    "ILOT": (rates.ILOT, 4_506_672, 4_510_000),
    "PISN": (rates.PISN, 5_643, 5_640),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_numbers_of_events(name: str) -> None:
    rate, integral, log = EXPECTED[name]
    assert rate.expected() == pytest.approx(integral, rel=1e-4)
    assert rate.expected() == pytest.approx(log, rel=5e-3)


def test_volumetric_rates_today() -> None:
    assert rates.core_collapse(np.zeros(1))[0] == pytest.approx(6.168e-5, rel=1e-4)
    assert rates.star_formation(np.zeros(1))[0] == 1
    np.testing.assert_allclose(rates.thermonuclear(np.array([0.0, 3.0])), [2.5e-5, 9.7e-5 / 2])


def test_numbers_grow_with_survey() -> None:
    assert rates.IA.expected(solid_angle=1, years=2) == pytest.approx(
        rates.IA.expected() * 2 / rates.SOLID_ANGLE / rates.YEARS
    )


@pytest.mark.parametrize("rate", [rates.IA, rates.TDE])
def test_redshifts_follow_the_rate(rate: Rate) -> None:
    """Against scipy's quadrature with astropy's volume; a KS test at a fixed seed."""
    astropy = pytest.importorskip("astropy.cosmology").FlatLambdaCDM(H0=70, Om0=0.3)

    def density(z: float) -> float:
        at = np.array([z])
        volume = astropy.differential_comoving_volume(z).value
        return float(rate.share * rate.shape(at)[0] / (1 + z) * volume)

    edges = np.linspace(rate.low, rate.high, 40)
    pieces = [quad(density, a, b, limit=30)[0] for a, b in pairwise(edges)]
    below = np.concatenate([[0], np.cumsum(pieces)]) / np.sum(pieces)
    z = rate.draw(np.random.default_rng(7), 20_000)
    assert rate.low <= z.min()
    assert z.max() <= rate.high
    assert np.abs([(z < e).mean() for e in edges] - below).max() < 0.012  # 1.7/sqrt(20,000)
    uniform = np.interp(rate.draw(np.random.default_rng(7), 500), edges, below)
    assert kstest(uniform, "uniform").pvalue > 1e-3
