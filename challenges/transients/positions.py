"""Where objects lie, how densely their kind fills the sky, and how much dust of the Milky Way is before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray

DECLINATIONS = (-65.0, 5.0)  # deg, of the wide survey
PLANE = 7.0  # deg: |b| of the wide survey is larger
FIELDS: FloatArray = np.array(  # ra, dec of the deep drilling fields, deg
    [(349.39, -63.32), (0.00, -45.53), (34.39, -5.09), (53.01, -27.44), (150.36, 2.84)]
)
FIELD_RADIUS = 1.75  # deg
DUST_SCATTER = 0.5  # of ln E(B-V)
MOST_DUST = 3.0  # mag of E(B-V)
R_BAND: FloatArray = np.array(
    [4.145, 3.237, 2.273, 1.684, 1.323, 1.088]
)  # Schlafly & Finkbeiner 2011, ugrizy

# Rows: the Galactic x, y, z axes in ICRS (ESA 1997, The Hipparcos and Tycho Catalogues, vol. 1, Eq. 1.5.11)
_GALACTIC: FloatArray = np.array(
    [
        (-0.0548755604162154, -0.8734370902348850, -0.4838350155487132),
        (+0.4941094278755837, -0.4448296299600112, +0.7469822444972189),
        (-0.8676661490190047, -0.1980763734312015, +0.4559837761750669),
    ]
)

Density = Callable[[FloatArray], FloatArray]  # |b| in deg -> relative number a solid angle


class Positions(NamedTuple):
    """Columns (n,): ``ra``, ``dec``, ``l``, ``b`` in deg, ``field`` index of the deep field or -1, ``ebv`` mag."""

    ra: FloatArray
    dec: FloatArray
    l: FloatArray  # noqa: E741 (its name)
    b: FloatArray
    field: Array
    ebv: FloatArray


def isotropic(b: FloatArray) -> FloatArray:
    """Other galaxies know nothing of ours."""
    return np.ones_like(b)


def stars(b: FloatArray) -> FloatArray:
    """Density of distant stars at |b| in deg: a fit that falls below zero next to the pole."""
    fit = np.polyval([-3.5119e-5, 0.010405, -1.1885, 65.293, -1757.7, 20383.0], b)
    return np.asarray(np.maximum(fit, 0.0))


def dwarfs(b: FloatArray) -> FloatArray:
    """Density of nearby M dwarfs at |b| in deg."""
    c = np.cos(np.deg2rad(b))
    return np.asarray(0.1 + c + c**2 + c**3)


DENSITY: dict[int, Density] = {
    6: stars,
    16: stars,
    53: stars,
    65: dwarfs,
    92: stars,
    991: stars,
}  # else isotropic


def galactic(ra: FloatArray, dec: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Galactic longitude in [0, 360) and latitude of ICRS positions, all deg."""
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    x, y, z = _GALACTIC @ np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    return np.rad2deg(np.arctan2(y, x)) % 360.0, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def wide(stream: np.random.Generator, n: int, density: Density = isotropic) -> Positions:
    """Positions (n,) in the wide survey, as many a solid angle as ``density`` says, and the dust there."""
    low, high = np.sin(np.deg2rad(DECLINATIONS))
    most = density(np.linspace(PLANE, 90.0, 1000)).max()
    found = [np.empty((4, 0))]
    lacking = n
    while lacking > 0:
        m = 2 * lacking + 64
        ra, dec = stream.uniform(0, 360, m), np.rad2deg(np.arcsin(stream.uniform(low, high, m)))
        l, b = galactic(ra, dec)  # noqa: E741
        height = np.abs(b)
        kept = (height > PLANE) & (most * stream.random(m) < density(height))
        found.append(np.stack([ra, dec, l, b])[:, kept])
        lacking -= int(kept.sum())
    ra, dec, l, b = np.concatenate(found, axis=1)[:, :n]  # noqa: E741
    typical = 0.02 / np.sin(np.deg2rad(np.abs(b)))
    return Positions(ra, dec, l, b, np.full(n, -1, dtype=np.int8), _dust(stream, typical))


def deep(stream: np.random.Generator, n: int) -> Positions:
    """Positions (n,) in the deep drilling fields, uniform over field and disc, and the dust there."""
    field = stream.integers(len(FIELDS), size=n, dtype=np.int8)
    away = np.arccos(1 - stream.random(n) * (1 - np.cos(np.deg2rad(FIELD_RADIUS))))
    angle = stream.uniform(0, 2 * np.pi, n)
    ra_0, dec_0 = np.deg2rad(FIELDS[field]).T
    sine = np.sin(dec_0) * np.cos(away) + np.cos(dec_0) * np.sin(away) * np.cos(angle)
    turn = np.arctan2(np.sin(angle) * np.sin(away) * np.cos(dec_0), np.cos(away) - np.sin(dec_0) * sine)
    ra, dec = np.rad2deg(ra_0 + turn) % 360.0, np.rad2deg(np.arcsin(sine))
    l, b = galactic(ra, dec)  # noqa: E741
    return Positions(ra, dec, l, b, field, _dust(stream, np.full(n, 0.015)))


def extinction(ebv: FloatArray) -> FloatArray:
    """Factors a_b >= 1 by which dust divides the flux in ugrizy: (n,) mag of E(B-V) -> (n, 6)."""
    return np.asarray(10 ** (0.4 * ebv[:, None] * R_BAND))


def _dust(stream: np.random.Generator, typical: FloatArray) -> FloatArray:
    return np.minimum(typical * np.exp(DUST_SCATTER * stream.standard_normal(len(typical))), MOST_DUST)
