"""Type Ia: the specification's magnitudes, the table against scipy's interpolation, the population."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from blindsky.challenges.transients import cosmology, supernova_ia
from blindsky.challenges.transients.bands import NODES, to_flux, to_magnitude
from blindsky.challenges.transients.sources import TRANSIENTS
from blindsky.scoring.measurements import FloatArray, Table

IA = TRANSIENTS["Ia"]
STANDARD = {"z": 0.1, "lensing": 0, "t0": 0, "a_v": 0, "M_B": -19.36, "c": 0, "s": 1}


def columns(**changes: float) -> Table:
    return {name: np.array([float(x)]) for name, x in (STANDARD | changes).items()}


def curve(table: Table, rest: FloatArray, band: int) -> FloatArray:
    """Flux at rest-frame days, through the ragged path."""
    t = rest * (1 + table["z"][0])
    return IA.flux(table, np.zeros(len(t), int), t, np.full(len(t), band), np.random.default_rng())


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        (0.1, [19.636, 18.937, 19.080, 19.365, 19.763, 19.657]),
        (0.5, [25.952, 23.538, 22.525, 22.633, 22.697, 22.776]),
        (1.0, [28.969, 27.531, 25.246, 24.229, 24.003, 24.143]),
    ],
)
def test_magnitudes_at_maximum(z: float, expected: list[float]) -> None:
    flux = [curve(columns(z=z), np.zeros(1), band)[0] for band in range(6)]
    np.testing.assert_allclose(to_magnitude(np.array(flux)), expected, atol=0.001)


def test_table_colour_and_stretch_against_scipy() -> None:
    table = supernova_ia._spectrum()
    phases = np.array([-15, -12, -9, -6, -3, 0, 4, 8, 12, 16, 20, 25, 30, 40, 60, 80.0])
    waves = np.array([*range(1500, 9001, 500), 10000, 11000.0])
    lookup = RegularGridInterpolator((phases, waves), table.magnitude)
    stream = np.random.default_rng(8)
    law_at = [2000, 2800, 3600, 4300, 5400, 6600, 8000, 10000, 12000]
    law = [2.2, 1.4, 0.75, 0, -1, -1.45, -1.75, -1.9, -2.0]
    for _ in range(20):
        z, c, s, rest = stream.uniform((0.02, -0.3, 0.7, -10), (1.5, 0.5, 1.2, 55))
        band = int(stream.integers(6))
        wavelength = NODES[:, band] / (1 + z)
        inside = np.clip(wavelength, 1500, 11000)
        m = (
            -19.0
            + lookup(np.column_stack([np.full(5, rest / s), inside]))
            + c * np.interp(wavelength, law_at, law)
        )
        m += cosmology.distance_modulus(np.array([z])) - 2.5 * np.log10(1 + z)
        found = curve(columns(z=z, c=c, s=s, M_B=-19.0), np.array([rest]), band)[0]
        assert found == pytest.approx(float(np.mean(to_flux(m))), rel=1e-9)


def test_before_and_after_the_table() -> None:
    """(p + 19.5)^2 up to day -15, nothing before -19.4, and .015 mag a day after day 80."""
    early = curve(columns(), np.array([-19.41, -19.39, -17.25, -15.0]), 2)
    assert early[0] == 0
    np.testing.assert_allclose(early[1:] / early[3], [(0.11 / 4.5) ** 2, 0.25, 1], rtol=1e-9)
    late = to_magnitude(curve(columns(), np.array([80.0, 180.0]), 2))
    assert late[1] - late[0] == pytest.approx(1.5)


def test_second_maximum_in_the_red() -> None:
    """The infrared bump some 25 days after maximum in i, z and y; none in u, g and r."""
    rest = np.arange(12, 45, 0.5)
    for band in range(6):
        flux = curve(columns(z=0.03), rest, band)
        rises = bool((np.diff(flux) > 0).any())
        assert rises == (band >= 3)
        if rises:
            assert 20 <= rest[flux.argmax()] <= 32


def test_population() -> None:
    n = 40_000
    table = IA.draw(np.random.default_rng(9), n)
    assert table["c"].min() >= -0.3
    assert table["c"].max() <= 0.5
    assert table["x1"].min() >= -3
    assert table["x1"].max() <= 2
    residual = table["M_B"] + 19.36 + 0.14 * table["x1"] - 3.1 * table["c"]
    assert residual.std() == pytest.approx(0.12, rel=0.02)
    for column, error in (("c", 0.12 / 0.08), ("x1", 0.12)):
        slope = np.polyfit(table[column], residual, 1)[0]
        assert abs(slope) < 4 * error / np.sqrt(n)  # both relations are taken off
    s = 0.98 + 0.091 * table["x1"] + 0.003 * table["x1"] ** 2 - 0.00075 * table["x1"] ** 3
    np.testing.assert_allclose(table["s"], s)
    assert (table["a_v"] == 0).all()


def test_population_of_91bg() -> None:
    table = TRANSIENTS["91bg"].draw(np.random.default_rng(10), 40_000)
    assert np.corrcoef(table["q"], table["c"])[0, 1] == pytest.approx(-0.656, abs=0.02)  # bounds cost .01
    assert table["c"].mean() == pytest.approx(0.557, abs=0.005)
    assert table["c"].std() == pytest.approx(0.175, rel=0.03)  # bounds of q
    assert table["c"].min() > 0
    np.testing.assert_allclose(table["s"], 0.70 * table["q"])
    residual = table["M_B"] + 17.6 - 1.9 * (table["c"] - 0.557)
    assert residual.std() == pytest.approx(0.25, rel=0.02)
