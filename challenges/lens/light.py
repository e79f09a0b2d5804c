"""Unlensed light: Sersic profiles, discs with spiral arms, and ridges along rings and arcs.

Each kind is a table of objects, ``stamp`` naming the row an object belongs to. Positions and radii in arcsec,
angles in radian, fluxes in maggies per band. ``brightness`` gives surface brightness per unit flux, in arcsec^-2,
on NumPy arrays (float64) and torch tensors (float32) alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from blindsky.challenges.lens.mass import namespace, rotate
from blindsky.challenges.sersic import sersic_b, sersic_centre
from blindsky.scoring.measurements import Array, FloatArray

GAUSSIAN = np.sqrt(2 * np.log(2))  # half-light radius of a round Gaussian over its sigma; Sersic n = 0.5


def ellipse(q: FloatArray, angle: FloatArray, scale: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A, B, C of A x^2 + 2 B x y + C y^2 = scale (q along^2 + across^2/q), axes turned by ``angle``."""
    c, s = np.cos(angle), np.sin(angle)
    return scale * (q * c * c + s * s / q), scale * (q - 1 / q) * c * s, scale * (q * s * s + c * c / q)


def like(x: Any, column: Array) -> Any:
    """A column (m,) as (m, 1, 1), of the kind, precision and device of ``x``."""
    xp = namespace(x)
    if xp is np:
        return column[:, None, None]
    return xp.as_tensor(column, dtype=x.dtype, device=x.device)[:, None, None]


@dataclass(frozen=True)
class Light(ABC):
    """What every kind has: ``stamp`` (m,), centre (m,), ``flux`` (m, bands)."""

    stamp: Array
    x: FloatArray
    y: FloatArray
    flux: FloatArray

    def __len__(self) -> int:
        return len(self.stamp)

    @abstractmethod
    def brightness(self, rows: Array, dx: Any, dy: Any) -> Any:
        """Surface brightness per unit flux of the given rows at offsets (m, ...) from their centres, arcsec^-2."""

    @abstractmethod
    def reach(self, level: FloatArray) -> FloatArray:
        """Largest radius (m,) in arcsec where one unit of flux is brighter than ``level`` (m,), arcsec^-2."""

    @classmethod
    def join(cls, tables: Sequence[Self]) -> Self:
        """Several tables below one another."""
        return cls(*(np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(cls)))

    def select(self, keep: Array) -> Self:
        """Rows by mask or index."""
        return type(self)(*(getattr(self, f.name)[keep] for f in fields(self)))

    def of(self, stamps: slice) -> Self:
        """Objects of a run of stamps, numbered from its start."""
        inside = self.select((self.stamp >= stamps.start) & (self.stamp < stamps.stop))
        return replace(inside, stamp=inside.stamp - stamps.start)


@dataclass(frozen=True)
class Sersics(Light):
    """Sersic profiles, I ~ exp(-b (R/R_e)^(1/n)), R^2 = q x^2 + y^2/q; ``radius`` is R_e."""

    radius: FloatArray
    n: FloatArray
    q: FloatArray
    angle: FloatArray

    def brightness(self, rows: Array, dx: Any, dy: Any) -> Any:
        """See Light."""
        xp = namespace(dx)
        n, radius, b = self.n[rows], self.radius[rows], sersic_b(self.n[rows])
        # -b R^(1/n), b drawn into the form, and the centre into the exponent: fewer passes over the pixels
        A, B, C = ellipse(self.q[rows], self.angle[rows], b ** (2 * n) / radius**2)
        form = like(dx, A) * dx + like(dx, 2 * B) * dy
        form *= dx
        form += like(dx, C) * dy * dy
        power = xp.log(form.clip(min=1e-20))  # exp and log are faster than a power
        power *= like(dx, 0.5 / n)
        return xp.exp(like(dx, np.log(sersic_centre(n) / radius**2)) - xp.exp(power))

    def reach(self, level: FloatArray) -> FloatArray:
        """See Light."""
        centre = sersic_centre(self.n) / self.radius**2
        excess = np.log(np.maximum(centre / level, 1.0 + 1e-9))
        return np.asarray(self.radius * (excess / sersic_b(self.n)) ** self.n / np.sqrt(self.q))


@dataclass(frozen=True)
class Discs(Light):
    """Inclined exponential discs with logarithmic spiral arms.

    radius : scale length R_d.   q : cos i.   angle : of the major axis.   amplitude, arms, pitch (radian), phase :
    the factor 1 + A cos(N theta + (N / tan p) ln(2R/R_d) + phi_d), Metcalf et al. 2019.
    """

    radius: FloatArray
    q: FloatArray
    angle: FloatArray
    amplitude: FloatArray
    arms: FloatArray
    pitch: FloatArray
    phase: FloatArray

    def brightness(self, rows: Array, dx: Any, dy: Any) -> Any:
        """See Light; arms are computed only where some row has them."""
        xp = namespace(dx)
        x, y = rotate(dx, dy, like(dx, self.angle[rows]))
        y = y / like(dx, self.q[rows])
        R = xp.sqrt((x * x + y * y).clip(min=1e-12)) * like(dx, 1 / self.radius[rows])
        norm = like(dx, 1 / (2 * np.pi * self.radius[rows] ** 2 * self.q[rows]))
        smooth = norm * xp.exp(-R)
        if not self.amplitude[rows].any():
            return smooth
        winding = like(dx, self.arms[rows] / np.tan(self.pitch[rows]))
        turn = (
            like(dx, self.arms[rows]) * xp.atan2(y, x) + winding * xp.log(2 * R) + like(dx, self.phase[rows])
        )
        return smooth * (1 + like(dx, self.amplitude[rows]) * xp.cos(turn))

    def reach(self, level: FloatArray) -> FloatArray:
        """See Light; arms at their brightest."""
        centre = (1 + self.amplitude) / (2 * np.pi * self.radius**2 * self.q)
        return np.asarray(self.radius * np.log(np.maximum(centre / level, 1.0 + 1e-9)))


@dataclass(frozen=True)
class Ridges(Light):
    """Light along an ellipse or a part of it, Gaussian across: rings and tidal arcs.

    radius : of the ridge, R^2 = q x^2 + y^2/q.   width : sigma across.   length : angle covered (radian), 2 pi for
    a ring.   middle : its middle, counted from ``angle``.
    """

    radius: FloatArray
    width: FloatArray
    q: FloatArray
    angle: FloatArray
    middle: FloatArray
    length: FloatArray

    def brightness(self, rows: Array, dx: Any, dy: Any) -> Any:
        """See Light."""
        xp = namespace(dx)
        radius, width, length = self.radius[rows], self.width[rows], self.length[rows]
        x, y = rotate(dx, dy, like(dx, self.angle[rows]))
        q = like(dx, self.q[rows])
        R = xp.sqrt(q * x * x + y * y / q)
        across = xp.exp(-0.5 * ((R - like(dx, radius)) * like(dx, 1 / width)) ** 2)
        norm = like(dx, 1 / (length * radius * width * np.sqrt(2 * np.pi)))
        if (length >= 2 * np.pi).all():
            return norm * across
        away = xp.atan2(y, x) - like(dx, self.middle[rows])
        away = xp.abs(away - 2 * np.pi * xp.round(away / (2 * np.pi)))
        soft = like(dx, np.maximum(0.5 * width / radius, 1e-3))  # ends fade over half a width
        window = 0.5 * (1 + xp.tanh((like(dx, length / 2) - away) / soft))
        whole = like(dx, (length >= 2 * np.pi).astype(np.float64))
        return norm * across * (window + whole * (1 - window))

    def reach(self, level: FloatArray) -> FloatArray:
        """Radius beyond which nothing of the ridge is left, whatever the level."""
        return np.asarray((self.radius + 5 * self.width) / np.sqrt(self.q)) + 0 * level
