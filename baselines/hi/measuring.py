"""What a mask over a cube says of a source: place, frequency, flux, width and the direction in which it turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.challenges.hi.cosmology import distances, mass, redshift
from blindsky.challenges.hi.field import BEAM_AREA, C_KMS, CHANNEL
from blindsky.challenges.hi.sofia import relation
from blindsky.scoring.measurements import Array, FloatArray, Table

LEVEL = 0.2  # of the peak of a spectrum: where its width is taken
THERMAL = 36.0  # km/s: the width of a disc seen face-on
PRIOR = 60.0  # deg: the median inclination of discs at random, half of what is claimed
WIDTHS = (5.0, 1500.0)  # km/s that are claimed
SIZES = (0.5, 200.0)  # arcsec, the same
FLUXES = (1e-3, 1e5)  # Jy Hz, the same


@dataclass(frozen=True)
class Measured:
    """A source, in the box that it was measured in.

    x, y, z : pixels and plane of the centre.   flux : Jy Hz.   width : Hz between the outermost crossings of 20 %
    of the peak.   pa : deg, direction of the receding side from North through East.
    """

    x: float
    y: float
    z: float
    flux: float
    width: float
    pa: float


def measure(data: Array, mask: Array) -> Measured | None:
    """The source under a mask (nz, ny, nx) of a box in Jy/beam; None where it has no flux.

    Pixel axes are taken for East and North, which turn by at most 1.3 deg in the largest field.
    """
    light = np.where(mask, data, 0).astype(np.float64)
    total = light.sum()
    if total <= 0:
        return None
    z, y, x = (np.arange(n, dtype=np.float64) for n in light.shape)
    spectrum, plane = light.sum(axis=(1, 2)), light.sum(axis=0)
    x0, y0, z0 = (_centre(side, total) for side in (plane.sum(axis=0), plane.sum(axis=1), spectrum))
    slope = (z0 - z) @ light.reshape(len(z), -1)  # velocity recedes as frequency falls
    slope = slope.reshape(plane.shape)
    east, north = -(slope.sum(axis=0) @ (x - x0)), slope.sum(axis=1) @ (y - y0)
    low, high = crossings(spectrum)
    return Measured(
        x=x0,
        y=y0,
        z=(low + high) / 2,
        flux=float(total * CHANNEL / BEAM_AREA),
        width=(high - low) * CHANNEL,
        pa=float(np.degrees(np.arctan2(east, north)) % 360),
    )


def _centre(light: FloatArray, total: float) -> float:
    """Mean place of light (n,), kept between its ends: weights below 0 may put it anywhere."""
    return float(np.clip((light @ np.arange(len(light))) / total, 0, len(light) - 1))


def crossings(spectrum: FloatArray) -> tuple[float, float]:
    """The outermost places where a spectrum (n,), smoothed over 3 channels, crosses 20 % of its peak."""
    smooth = np.convolve(np.pad(spectrum, 2), np.full(3, 1 / 3), mode="same")  # 0 at both ends
    level = LEVEL * smooth.max()
    above = np.flatnonzero(smooth >= level)
    first, last = int(above[0]), int(above[-1])
    low = first - (smooth[first] - level) / (smooth[first] - smooth[first - 1])
    high = last + (smooth[last] - level) / (smooth[last] - smooth[last + 1])
    return float(low) - 2, float(high) - 2


def rest_width(width: Array, frequency: Array) -> FloatArray:
    """Widths in Hz at observed frequencies as km/s in the rest frame, (n,)."""
    return np.asarray(width * C_KMS / frequency)


def derived(flux: FloatArray, frequency: FloatArray, w20: FloatArray) -> Table:
    """What a claim needs besides: ``hi_size`` in arcsec and ``i`` in deg of sources (n,), by mean relations.

    Size and mass: Wang et al. 2016. Rotation and mass: the relation that the widths of the development field follow.
    """
    space = distances(redshift(frequency))
    hydrogen = mass(flux, space.luminosity)
    flat = 10 ** (0.221 * np.log10(hydrogen) + 0.10)
    sine = np.sqrt(np.maximum(w20**2 - THERMAL**2, 0)) / (2 * flat)
    inclination = (np.degrees(np.arcsin(np.minimum(sine, 1))) + PRIOR) / 2
    return {"hi_size": np.clip(relation(hydrogen, space.angular), *SIZES), "i": inclination}
