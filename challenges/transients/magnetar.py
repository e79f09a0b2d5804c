"""Superluminous supernovae powered by the spin-down of a magnetar (Kasen & Bildsten 2010, Nicholl et al. 2017)."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from blindsky.challenges.transients import dust
from blindsky.challenges.transients.blackbody import Photosphere, Prepared
from blindsky.challenges.transients.draws import Distribution, LogNormal, Normal, Uniform
from blindsky.scoring.measurements import Array, FloatArray, Table

PRIOR: dict[str, Distribution] = {
    "P": LogNormal(2.4, 0.16, 1, 8),  # ms
    "B": LogNormal(0.8, 0.3, 0.1, 5),  # 1e14 G
    "mass": LogNormal(4.8, 0.25, 1.5, 25),  # solar masses of ejecta
    "v": Normal(1.47e4, 0.35e4, 7e3, 2.2e4),  # km/s
    "kappa": Uniform(0.1, 0.2),  # cm^2/g
    "floor": Normal(6000, 1000, 4000, 9000),  # K
}
EDGE, SLOPE = 3000.0, 1.2  # blanketing
_ANCHOR = 6200.0  # Angstrom; of units only, cancels
DAY = 86_400.0
_SUN, _C, _H, _SIGMA, _PARSEC = 1.989e33, 2.99792458e10, 6.62607e-27, 5.670374e-5, 3.0857e18  # cgs
_L, _R = 1e44, 1e15  # erg/s and cm: units in which single precision is enough
_HOT = (_L / (4 * np.pi * _SIGMA * _R**2)) ** 0.25  # K, of unit luminosity and radius
# AB magnitude of pi B_nu (R/10 pc)^2 for unit radius and expm1(h c/(l k T)) = 1 at the anchor
_UNIT_FLUX = 2 * np.pi * _H * _C / (_ANCHOR * 1e-8) ** 3 * (_R / (10 * _PARSEC)) ** 2
_UNIT_MAGNITUDE = float(-2.5 * np.log10(_UNIT_FLUX) - 48.6)


class Magnetar:
    """The model of superluminous supernovae."""

    names: tuple[str, ...] = ("SLSN-I",)

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), float64."""
        table: Table = {name: prior.draw(stream, n) for name, prior in PRIOR.items()}
        return table | {"a_v": dust.draw_a_v(stream, n, dust.WHOLE)}

    def prepare(self, columns: Table, dtype: Any) -> Prepared:
        """Objects ready to be observed."""
        power, spin_down, diffusion = engine(*(columns[name] for name in ("P", "B", "mass", "v", "kappa")))
        log_ratio = np.log(diffusion / spin_down)
        read = {
            "power": power / _L,
            "diffusion": diffusion,
            "log_ratio": log_ratio,
            "rise": diffusion * time_of_maximum(log_ratio),
            "speed": columns["v"] * 1e5 * DAY / _R,
            "floor": columns["floor"],
        }
        unit = {"unit": np.full(len(power), _UNIT_MAGNITUDE)}
        return Photosphere(shining, _ANCHOR, "unit", EDGE, SLOPE).prepare(columns | unit, read, dtype)


def engine(P: Array, B: Array, mass: Array, v: Array, kappa: Array) -> tuple[Array, Array, Array]:
    """Power E/tp of the magnetar (erg/s), its spin-down time and the diffusion time of the ejecta (days), (n,).

    P : ms.   B : 1e14 G.   mass : solar masses.   v : km/s.   kappa : cm^2/g.
    """
    spin_down = 1.3e5 * P**2 / B**2
    diffusion = np.sqrt(2 * kappa * mass * _SUN / (13.7 * _C * v * 1e5))
    return 2.6e52 / P**2 / spin_down, spin_down / DAY, diffusion / DAY


def luminosity(x: Array, log_ratio: Array) -> Array:
    """L / (E/tp) at ``x`` = t/td > 0 for the logarithm of td/tp, which broadcast (Arnett 1982)."""
    ratio = np.exp(log_ratio)
    return np.asarray(-np.expm1(-(x**2)) / (1 + ratio * x) ** 2 * np.exp(_interpolate(np.log(x), log_ratio)))


def shining(p: Table, t: Array) -> tuple[Array, Array]:
    """Strength and temperature (K) at rest-frame time ``t`` in days after maximum."""
    since = np.maximum(t + p["rise"], 1e-3)  # days after the explosion
    L = p["power"] * luminosity(since / p["diffusion"], p["log_ratio"])
    R2 = (p["speed"] * since) ** 2
    T = _HOT * (L / R2) ** 0.25
    cold = p["floor"] > T
    R2 = np.where(cold, L * (_HOT / p["floor"]) ** 4, R2)
    return np.where(t + p["rise"] > 0, R2, 0), np.where(cold, p["floor"], T)


class _Spindown(NamedTuple):
    """Logarithm of the luminosity over its limits (early x^2, late the engine itself), on an even grid."""

    log_ratio: FloatArray
    log_x: FloatArray
    value: FloatArray  # (ratios, xs)
    maximum: FloatArray  # x of the largest luminosity, (ratios,)


@cache
def _table() -> _Spindown:
    """The diffusion integral, 2 exp(-x^2) Int_0^x x' exp(x'^2) (1 + (td/tp) x')^-2 dx', divided by its limits.

    x' = a + (x - a) q^3 crowds the nodes where the engine is young; below a, light of more than 40 e-foldings ago
    has left.
    """
    log_ratio, log_x = (
        np.linspace(np.log(5e-4), np.log(3e3), 240),
        np.linspace(np.log(1e-3), np.log(200), 400),
    )
    nodes, weights = np.polynomial.legendre.leggauss(96)
    q, weights = 0.5 * (1 + nodes), 0.5 * weights
    x, ratio = np.exp(log_x)[:, None], np.exp(log_ratio)
    start = np.sqrt(np.maximum(x**2 - 40, 0))
    inner = start + (x - start) * q**3
    kernel = 2 * inner * np.exp(inner**2 - x**2) * (x - start) * 3 * q**2 * weights
    value = np.stack([(kernel * (1 + r * inner) ** -2).sum(axis=1) for r in ratio])
    escaped = -np.expm1(-(x[:, 0] ** 2))
    ends = escaped / (1 + ratio[:, None] * x[:, 0]) ** 2
    # dL/dx = 2x (engine - L): at maximum the luminosity is that of the engine
    excess = np.log(value / ends * escaped)
    last = (excess < 0).cumprod(axis=1).sum(axis=1) - 1
    rows = np.arange(len(ratio))
    low, high = excess[rows, last], excess[rows, last + 1]
    maximum = np.exp(log_x[last] - low / (high - low) * (log_x[1] - log_x[0]))
    return _Spindown(log_ratio, log_x, np.log(value / ends), maximum)


def time_of_maximum(log_ratio: Array) -> FloatArray:
    """t/td of the largest luminosity for the logarithm of td/tp, (n,)."""
    table = _table()
    return np.interp(log_ratio, table.log_ratio, table.maximum)


def _place(x: Array, nodes: FloatArray) -> tuple[Array, Array]:
    """Cell of an even grid and the place in it, in [0, 1]."""
    first, step = float(nodes[0]), float(nodes[1] - nodes[0])
    place = np.clip((x - first) / step, 0, len(nodes) - 1)
    cell = np.minimum(place.astype(np.intp), len(nodes) - 2)
    return cell, (place - cell).astype(place.dtype)


def _interpolate(log_x: Array, log_ratio: Array) -> Array:
    table = _table()
    column, u = _place(log_x, table.log_x)
    row, v = _place(log_ratio, table.log_ratio)
    corner = row * len(table.log_x) + column
    value, down = table.value.reshape(-1).astype(u.dtype), len(table.log_x)
    upper = value[corner] * (1 - u) + value[corner + 1] * u
    lower = value[corner + down] * (1 - u) + value[corner + down + 1] * u
    return np.asarray(upper * (1 - v) + lower * v)
