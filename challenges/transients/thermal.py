"""Supernovae that cool as they expand: a bolometric light curve with a plateau, and a falling temperature.

Types II, Ibc and Iax, calcium-rich transients, intermediate-luminosity transients and pair-instability supernovae.
Light curve: Villar et al. 2019. Luminosity functions start from Li et al. 2011 and McCully et al. 2014 and are
tuned to the efficiencies that PLAsTiCC reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from blindsky.challenges.transients import dust
from blindsky.challenges.transients.blackbody import Photosphere, Prepared, planck
from blindsky.challenges.transients.draws import Distribution, LogUniform, Normal, Uniform
from blindsky.scoring.measurements import Array, FloatArray, Table

ANCHOR = 6200.0  # Angstrom, where M is measured
COBALT = 0.0098  # mag/day, decay of 56Co
NEVER = Uniform(0, 0)  # no radioactive tail


@dataclass(frozen=True)
class Variant:
    """A kind of supernova and its ``share`` of the model; columns as in the specification's table.

    M : mag.   beta : per day.   gam, tr, tf, t_cool : days.   Tp, Tf : K.   tail : of the maximum.
    """

    name: str
    share: float
    M: Distribution
    beta: Distribution
    gam: Distribution
    tr: Distribution
    tf: Distribution
    Tp: Distribution
    Tf: Distribution
    t_cool: Distribution
    tail: Distribution = NEVER


_COLUMNS = ("M", "beta", "gam", "tr", "tf", "Tp", "Tf", "t_cool", "tail")


@dataclass(frozen=True)
class Thermal:
    """A model of one or several variants, blanketed as (l/edge)^slope below ``edge`` Angstrom.

    exponential : share of the exponential in the distribution of host dust.
    """

    variants: tuple[Variant, ...]
    edge: float
    slope: float
    exponential: float = dust.WHOLE

    @property
    def names(self) -> tuple[str, ...]:
        """Submodels, in the order of the column ``variant``."""
        return tuple(variant.name for variant in self.variants)

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), float64; ``variant`` counts the variants."""
        edges = np.cumsum([variant.share for variant in self.variants])[:-1]
        kind = np.searchsorted(edges, stream.random(n), side="right")
        table = {name: np.empty(n) for name in _COLUMNS}
        for k, variant in enumerate(self.variants):
            where = np.flatnonzero(kind == k)
            for name in _COLUMNS:
                table[name][where] = getattr(variant, name).draw(stream, where.size)
        table["a_v"] = dust.draw_a_v(stream, n, self.exponential)
        table["variant"] = kind.astype(np.float64)
        return table

    def prepare(self, columns: Table, dtype: Any) -> Prepared:
        """Objects ready to be observed."""
        read = {name: columns[name] for name in _COLUMNS[1:]}
        read["top"] = maximum(*(columns[name] for name in ("beta", "gam", "tr", "tf")))
        return Photosphere(cooling, ANCHOR, "M", self.edge, self.slope).prepare(columns, read, dtype)


def shape(te: Array, beta: Array, gam: Array, tr: Array, tf: Array) -> Array:
    """S0: a rise of width ``tr``, a linear decline to ``gam``, an exponential one after. Eq. 1, Villar+2019."""
    with np.errstate(over="ignore"):
        rise = 1 / (1 + np.exp(-te / tr))
    return np.asarray(rise * (1 - beta * np.minimum(te, gam)) * np.exp(-np.maximum(te - gam, 0) / tf))


def maximum(beta: Array, gam: Array, tr: Array, tf: Array) -> FloatArray:
    """Largest value of ``shape``, (n,).

    On the plateau dS0/dte = 0 where e^u = 1/(beta tr) - 1 - u, u = te/tr, which Wright's omega solves. Where the
    rise is still steep at the plateau's end, the maximum is past it, at u = ln(tf/tr - 1).
    """
    from scipy.special import wrightomega

    before = tr * np.log(wrightomega(1 / np.maximum(beta * tr, 1e-12) - 1))
    after = tr * np.log(np.maximum(tf / tr - 1, 1e-12))
    at = np.where(before < gam, before, np.maximum(after, gam))
    return shape(at, beta, gam, tr, tf)


def cooling(p: Table, t: Array) -> tuple[Array, Array]:
    """Strength and temperature (K) at rest-frame time ``t`` in days after the time of reference."""
    te = t + 3 * p["tr"]
    S = np.maximum(shape(te, p["beta"], p["gam"], p["tr"], p["tf"]) / p["top"], 0)
    decay = p["tail"] * np.exp(-0.4 * np.log(10) * COBALT * np.maximum(te - p["gam"], 0))
    S = np.where(te > p["gam"], np.maximum(S, decay), S)
    T = p["Tf"] + (p["Tp"] - p["Tf"]) * np.exp(-np.maximum(te + 4 * p["tr"], 0) / p["t_cool"])
    return S * planck(ANCHOR, T), T


_II: dict[str, Distribution] = {"Tp": Uniform(11e3, 18e3), "Tf": Uniform(5e3, 6e3), "t_cool": Uniform(12, 25)}
_IBC: dict[str, Distribution] = {
    "beta": Uniform(0.015, 0.028), "gam": Uniform(16, 30), "tr": Uniform(3, 6), "tf": Uniform(18, 40),
    "Tp": Uniform(7.5e3, 10.5e3), "Tf": Uniform(4.5e3, 5.5e3), "t_cool": Uniform(8, 16), "tail": Uniform(0.10, 0.25),
}  # fmt: skip

IIP = Variant(
    "IIP", 0.86, M=Normal(-16.75, 1.05, -18.9, -13.5), beta=Uniform(0, 0.006), gam=Normal(90, 15, 55, 130),
    tr=Uniform(1.5, 4), tf=Uniform(6, 14), tail=Uniform(0.04, 0.15), **_II,
)  # fmt: skip
IIL = Variant(
    "IIL", 0.14, M=Normal(-17.6, 0.64, -19.2, -15.5), beta=Uniform(0.007, 0.011), gam=Normal(70, 12, 45, 100),
    tr=Uniform(2, 5), tf=Uniform(10, 25), tail=Uniform(0.04, 0.12), **_II,
)  # fmt: skip
II = Thermal((IIP, IIL), edge=3300, slope=2, exponential=dust.HALF)
IIN = Thermal(
    (Variant(
        "IIn", 1, M=Normal(-16.0, 1.1, -19.5, -14), beta=Uniform(0.001, 0.006), gam=LogUniform(25, 100),
        tr=LogUniform(3, 14), tf=LogUniform(30, 150), Tp=Uniform(11e3, 16e3), Tf=Uniform(6e3, 8e3),
        t_cool=Uniform(25, 60),
    ),),
    edge=3000, slope=1,
)  # fmt: skip
IBC = Thermal(
    (
        Variant("IIb", 0.36, M=Normal(-16.65, 0.9, -19.5, -14), **_IBC),
        Variant("Ib", 0.35, M=Normal(-17.01, 0.6, -19.5, -14), **_IBC),
        Variant("Ic", 0.29, M=Normal(-16.9, 1.0, -19.5, -14), **_IBC),
    ),
    edge=3900, slope=3,
)  # fmt: skip
IAX = Thermal(
    (Variant(
        "Iax", 1, M=Normal(-17.4, 1.0, -18.9, -13.5), beta=Uniform(0.02, 0.035), gam=Uniform(12, 22),
        tr=Uniform(2, 4), tf=Uniform(14, 30), Tp=Uniform(9e3, 13e3), Tf=Uniform(4.6e3, 5.6e3), t_cool=Uniform(6, 10),
    ),),
    edge=3600, slope=2.5,
)  # fmt: skip
CALCIUM_RICH = Thermal(
    (Variant(
        "Ca-rich", 1, M=Normal(-17.0, 0.8, -18.5, -14.5), beta=Uniform(0.03, 0.045), gam=Uniform(8, 14),
        tr=Uniform(1.8, 3), tf=Uniform(9, 18), Tp=Uniform(7e3, 9.5e3), Tf=Uniform(4.2e3, 5e3), t_cool=Uniform(5, 9),
    ),),
    edge=3900, slope=2.5,
)  # fmt: skip
ILOT = Thermal(
    (Variant(
        "ILOT", 1, M=Normal(-13.9, 1.0, -16.2, -11), beta=Uniform(0.002, 0.008), gam=Uniform(20, 80),
        tr=Uniform(1.5, 5), tf=Uniform(15, 60), Tp=Uniform(6e3, 9e3), Tf=Uniform(3.5e3, 4.5e3), t_cool=Uniform(15, 40),
    ),),
    edge=3600, slope=2,
)  # fmt: skip
PISN = Thermal(
    (Variant(
        "PISN", 1, M=Normal(-21.0, 1.0, -22.8, -18), beta=Uniform(0.002, 0.005), gam=Uniform(60, 120),
        tr=Uniform(18, 35), tf=Uniform(60, 150), Tp=Uniform(8e3, 12e3), Tf=Uniform(4.5e3, 5.5e3),
        t_cool=Uniform(60, 120),
    ),),
    edge=3600, slope=2.5,
)  # fmt: skip
