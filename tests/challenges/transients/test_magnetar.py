"""Magnetars: the specification's maximum, the integral against scipy, Stefan-Boltzmann, the temperature floor."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from blindsky.challenges.transients import magnetar
from blindsky.challenges.transients.bands import NODES
from blindsky.challenges.transients.sources import TRANSIENTS
from blindsky.scoring.measurements import Array, Table

MEDIANS = {"P": 2.4, "B": 0.8, "mass": 4.8, "v": 1.47e4, "kappa": 0.15}
SIGMA = 5.670374419e-5  # erg/s/cm^2/K^4


def engine(**changes: float) -> tuple[Array, Array, Array]:
    return magnetar.engine(*(np.array([x]) for x in (MEDIANS | changes).values()))


def integral(x: float, ratio: float) -> float:
    """L/(E/tp) as the specification writes it."""
    start = max(x * x - 60, 0) ** 0.5
    points = sorted({min(max(p, start), x) for p in (0.1 / ratio, 1 / ratio, 10 / ratio)})
    return (
        2
        * quad(
            lambda y: y * np.exp(y * y - x * x) / (1 + ratio * y) ** 2,
            start,
            x,
            points=points,
            epsabs=0,
            limit=200,
        )[0]
    )


def test_maximum_of_the_medians() -> None:
    power, spin_down, diffusion = engine()
    ratio = np.log(diffusion / spin_down)
    x = magnetar.time_of_maximum(ratio)
    assert (power * magnetar.luminosity(x, ratio))[0] == pytest.approx(4.973e44, rel=1e-3)
    assert (x * diffusion)[0] == pytest.approx(24.17, rel=1e-3)


@pytest.mark.parametrize("ratio", [1e-3, 0.0123, 0.7, 3.3, 41.0, 1500.0])
def test_diffusion_integral(ratio: float) -> None:
    x = np.array([2e-3, 0.05, 0.3, 0.9, 1.7, 4.0, 11.0, 60.0])
    found = magnetar.luminosity(x, np.full(len(x), np.log(ratio)))
    np.testing.assert_allclose(found, [integral(v, ratio) for v in x], rtol=2e-4)


@pytest.mark.parametrize("ratio", [1e-3, 0.05, 2.0, 300.0])
def test_time_of_maximum(ratio: float) -> None:
    """The luminosity is largest where the specification's integral is."""
    from scipy.optimize import minimize_scalar

    best = minimize_scalar(lambda x: -integral(x, ratio), bounds=(0.05, 4), method="bounded").x
    assert magnetar.time_of_maximum(np.log(np.array([ratio])))[0] == pytest.approx(best, rel=2e-3)


def curve(days: Array, **changes: float) -> tuple[Table, Array, Array]:
    """Columns of one object, its squared radii in 1e30 cm^2 and temperatures."""
    table = {name: np.array([x]) for name, x in ({**MEDIANS, "floor": 6000.0} | changes).items()}
    table |= {name: np.zeros(1) for name in ("lensing", "a_v")} | {"z": np.full(1, 0.1)}
    columns = magnetar.Magnetar().prepare(table, np.float64).columns
    strength, T = magnetar.shining(columns, days)
    return columns, strength, T


def test_photosphere() -> None:
    """4 pi sigma R^2 T^4 is the luminosity; the radius is v t until the floor is reached, T = floor after."""
    days = np.linspace(-20, 150, 60)
    columns, R2, T = curve(days)
    since = days + columns["rise"]
    L = columns["power"] * magnetar.luminosity(since / columns["diffusion"], columns["log_ratio"]) * 1e44
    np.testing.assert_allclose(4 * np.pi * SIGMA * R2 * 1e30 * T**4, L, rtol=1e-6)
    hot = T > 6000
    assert hot.any()
    assert (~hot).any()
    np.testing.assert_allclose(R2[hot], (1.47e9 * since[hot] * 86400 / 1e15) ** 2, rtol=1e-9)
    assert (T[~hot] == 6000).all()
    assert days[L.argmax()] == pytest.approx(0, abs=3)


def test_flux_is_that_of_a_sphere() -> None:
    """A sphere shines pi B_nu (R/10 pc)^2 at 10 pc as an AB magnitude, blanketed below 3000 A: astropy's Planck law."""
    modeling = pytest.importorskip("astropy.modeling.models")
    units = pytest.importorskip("astropy.units")
    cosmology = pytest.importorskip("astropy.cosmology").FlatLambdaCDM(H0=70, Om0=0.3)
    z, t = 0.9, 17.0
    source = TRANSIENTS["SLSN-I"]
    table = {name: np.array([x]) for name, x in ({**MEDIANS, "floor": 6000.0, "z": z}).items()}
    table |= {name: np.zeros(1) for name in ("lensing", "a_v", "t0")}
    found = source.flux(
        table, np.zeros(6, int), np.full(6, t * (1 + z)), np.arange(6), np.random.default_rng()
    )
    _, R2, T = curve(np.array([t]))
    wavelength = NODES / (1 + z)
    body = modeling.BlackBody(temperature=T[0] * units.K)(wavelength.ravel() * units.AA).cgs.value
    f_nu = np.pi * body.reshape(wavelength.shape) * R2[0] * 1e30 / 3.0856776e19**2
    f_nu *= np.where(wavelength < 3000, (wavelength / 3000) ** 1.2, 1)
    m = -2.5 * np.log10(f_nu) - 48.6 + cosmology.distmod(z).value - 2.5 * np.log10(1 + z)
    np.testing.assert_allclose(found, np.mean(10 ** (-0.4 * (m - 27.5)), axis=0), rtol=1e-4)


def test_dark_before_the_explosion() -> None:
    columns, _, _ = curve(np.zeros(1))
    _, R2, T = curve(np.array([-1.001, -0.5]) * columns["rise"])
    assert R2[0] == 0
    assert R2[1] > 0
    assert np.isfinite(T).all()
