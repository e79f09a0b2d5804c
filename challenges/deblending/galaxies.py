"""Galaxies as the renderer sees them: a bulge, and a disc that may have spiral arms and knots.

Lengths in pixels, angles in radian from the x axis to the y axis, fluxes in the unit of the track, by band. Positions
count from 0 at the centre of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np

from blindsky.scoring.measurements import Array, FloatArray

KNOTS = 8  # at most
HALF_LIGHT = 1.678  # scale lengths within which an exponential disc has half of its light


@dataclass(frozen=True, kw_only=True)
class Galaxies:
    """Objects of a run of blends, those of the first blend first; columns (m,) unless said.

    blend : row of the blend.   listed : whether it is an object of the challenge.   kind : its type.   radius :
    half-light radius that it was drawn with.   bulge_flux, disc_flux : (m, bands), the disc's with its knots.
    bulge_radius : R_e, R^2 = q x^2 + y^2/q, 0 for a point; bulge_n : Sersic index.   disc_radius : scale length along
    the major axis; disc_q : cos i.   amplitude, arms, pitch, phase : the factor 1 + A cos(N theta +
    (N / tan p) ln(2R/R_d) + phi) on the disc.   knot_share : of the disc's flux; knot_x, knot_y (offsets from the
    centre), knot_sigma, knot_weight : (m, ``KNOTS``), weights of a galaxy sum to 1 where it has knots.
    """

    blend: Array
    listed: Array
    kind: Array
    magnitude: FloatArray
    radius: FloatArray
    z: FloatArray
    x: FloatArray
    y: FloatArray
    angle: FloatArray
    bulge_flux: FloatArray
    bulge_radius: FloatArray
    bulge_n: FloatArray
    bulge_q: FloatArray
    disc_flux: FloatArray
    disc_radius: FloatArray
    disc_q: FloatArray
    amplitude: FloatArray
    arms: FloatArray
    pitch: FloatArray
    phase: FloatArray
    knot_share: FloatArray
    knot_x: FloatArray
    knot_y: FloatArray
    knot_sigma: FloatArray
    knot_weight: FloatArray

    def __len__(self) -> int:
        return len(self.blend)

    @property
    def flux(self) -> FloatArray:
        """Total fluxes (m, bands), to infinity."""
        return self.bulge_flux + self.disc_flux

    def select(self, rows: Array) -> Self:
        """Rows by mask or index."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def of(self, blends: slice) -> Self:
        """Objects of a run of blends, numbered from its start."""
        inside = self.select((self.blend >= blends.start) & (self.blend < blends.stop))
        inside.blend[:] -= blends.start
        return inside


class Knots(NamedTuple):
    """Offsets, widths (pixels) and weights of knots, each (m, ``KNOTS``)."""

    x: FloatArray
    y: FloatArray
    sigma: FloatArray
    weight: FloatArray


def draw_knots(stream: np.random.Generator, radius: FloatArray, knotty: Array) -> Knots:
    """3 to 8 Gaussians within about a half-light ``radius`` (m,), none where a galaxy is not ``knotty`` (m,)."""
    shape = (len(radius), KNOTS)
    number = np.where(knotty, stream.integers(3, KNOTS + 1, len(radius)), 0)
    far = radius[:, None] * np.abs(stream.normal(0, 0.8, shape))
    angle = stream.uniform(0, 2 * np.pi, shape)
    sigma = radius[:, None] * stream.uniform(0.1, 0.3, shape)
    weight = stream.exponential(1, shape) * (np.arange(KNOTS) < number[:, None])
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    return Knots(far * np.cos(angle), far * np.sin(angle), sigma, weight)


class Arms(NamedTuple):
    """Amplitude, number, pitch angle and phase of spiral arms, each (m,)."""

    amplitude: FloatArray
    number: FloatArray
    pitch: FloatArray
    phase: FloatArray


def draw_arms(stream: np.random.Generator, spiral: Array) -> Arms:
    """Weak arms where a galaxy is ``spiral`` (m,), in the form of Metcalf et al. 2019."""
    m = len(spiral)
    amplitude = np.where(spiral, stream.uniform(0, 0.25, m), 0.0)
    number = np.where(stream.random(m) < 0.8, 2.0, 4.0)
    return Arms(amplitude, number, np.deg2rad(stream.uniform(11, 31, m)), stream.uniform(0, 2 * np.pi, m))


def draw_inclination(stream: np.random.Generator, m: int) -> FloatArray:
    """Axis ratios cos i (m,) of discs."""
    return np.cos(np.deg2rad(stream.uniform(0, 75, m)))
