"""Whole chain from spectrum to flux against a plain computation with astropy's Planck law, one epoch at a time."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients import disruption, kilonova, thermal
from blindsky.challenges.transients.bands import NODES
from blindsky.challenges.transients.sources import TRANSIENTS
from blindsky.scoring.measurements import FloatArray, Table

EDGES = {
    "II": (3300, 2), "IIn": (3000, 1), "Ibc": (3900, 3), "Iax": (3600, 2.5), "Ca-rich": (3900, 2.5),
    "ILOT": (3600, 2), "PISN": (3600, 2.5),
}  # fmt: skip
K = (
    (1500, 2175, 3000, 3650, 4450, 5510, 6580, 8060, 9700, 12500),
    (2.6639, 3.1851, 1.8182, 1.5364, 1.3080, 0.9963, 0.8101, 0.5989, 0.4243, 0.2821),
)


def spectrum(wavelength: FloatArray, T: float, anchor: float, edge: float, slope: float) -> FloatArray:
    """B_nu(l)/B_nu(anchor), blanketed, and dark towards 500 A."""
    modeling = pytest.importorskip("astropy.modeling.models")
    units = pytest.importorskip("astropy.units")
    body = modeling.BlackBody(temperature=T * units.K)
    shape = (body(wavelength * units.AA) / body(anchor * units.AA)).value
    blanketing = np.where(wavelength < edge, (wavelength / edge) ** slope, 1)
    return np.asarray(shape * blanketing * np.clip((wavelength - 500) / 500, 0, 1))


def flux(p: dict[str, float], M: float, S: float, T: float, band: int, shape: tuple[float, ...]) -> float:
    """Section 4.5, in magnitudes."""
    distance = pytest.importorskip("astropy.cosmology").FlatLambdaCDM(H0=70, Om0=0.3)
    wavelength = NODES[:, band] / (1 + p["z"])
    with np.errstate(divide="ignore"):
        m = M - 2.5 * np.log10(S * spectrum(wavelength, T, *shape))
    m += distance.distmod(p["z"]).value - 2.5 * np.log10(1 + p["z"]) + p["lensing"]
    m += p["a_v"] * np.interp(1 / wavelength, 1 / np.array(K[0])[::-1], K[1][::-1])
    return float(np.mean(10 ** (-0.4 * (m - 27.5))))


def strength(curve: tuple[FloatArray, FloatArray], anchor: float) -> tuple[float, float]:
    """S and T of one object from a curve's strength and temperature, undoing the Planck factor."""
    T = float(curve[1])
    return float(curve[0]) / float(np.expm1(1.438776877e8 / (anchor * T))), T


@pytest.mark.parametrize("name", [*EDGES, "TDE", "KN"])
def test_fluxes(name: str) -> None:
    stream = np.random.default_rng(3)
    source = TRANSIENTS[name]
    n, m = 6, 24
    table = source.draw(stream, n)
    index, band = stream.integers(0, n, m), stream.integers(0, 6, m)
    t = table["t0"][index] + stream.uniform(-10, 100, m) * (0.05 if name == "KN" else 1)
    found = source.flux(table, index, t, band, stream)
    rest = (t - table["t0"][index]) / (1 + table["z"][index])
    for k in range(m):
        one: Table = {key: column[index[k]] for key, column in table.items()}
        p = {key: float(value) for key, value in one.items()}
        if name == "TDE":
            S, T = strength(disruption.accretion(one, rest[k]), 4700)
            expected = flux(p, p["M"], S, T, band[k], (4700, 1, 0))
        elif name == "KN":
            expected = 0.0
            for part in (kilonova.BLUE, kilonova.RED):
                own = {"tp": one[f"tp_{part.colour}"], "T": one[f"T_{part.colour}"]}
                S, T = strength(kilonova.expansion(part.slow, own, rest[k]), 6200)
                expected += flux(p, p[f"M_{part.colour}"], S, T, band[k], (6200, part.edge, 2))
        else:
            one["top"] = thermal.maximum(*(one[c] for c in ("beta", "gam", "tr", "tf")))
            S, T = strength(thermal.cooling(one, rest[k]), 6200)
            expected = flux(p, p["M"], S, T, band[k], (6200, *EDGES[name]))
        assert found[k] == pytest.approx(expected, rel=2e-5, abs=1e-12)


def test_no_light_below_500_angstrom() -> None:
    """At z = 2.9 the u band is below 1000 A, where part of the light is gone; redder bands are whole."""
    table = {"z": 2.9, "lensing": 0, "a_v": 0, "t0": 0, "M": -22, "rise": 20, "fall": 50, "T": 3e4}
    columns = {name: np.array([float(value)]) for name, value in table.items()}
    seen = TRANSIENTS["TDE"].flux(
        columns, np.zeros(2, int), np.zeros(2), np.arange(2), np.random.default_rng()
    )
    for band in (0, 1):
        assert seen[band] == pytest.approx(flux(table, -22, 1, 3e4, band, (4700, 1, 0)), rel=2e-5)
    whole = np.mean([(l / 3.9 - 500) / 500 for l in NODES[:, 0]])  # noqa: E741
    assert whole < 0.92
