"""Our disc beside KinMS 3.0.14 (Davis, Zabel & Dawson 2020), a million clouds; KINMS_SITE may name its folder.

KinMS has velocity ascending where we have frequency, and adds the square of its pixel to sizes.
"""

from __future__ import annotations

import os
import sys
import warnings

import numpy as np
import pytest

from blindsky.challenges.hi import profiles, render
from blindsky.challenges.hi.field import BEAM, BEAM_AREA, C_KMS, CHANNEL, PIXEL, Field
from blindsky.scoring.measurements import FloatArray

if os.environ.get("KINMS_SITE"):
    sys.path.append(os.environ["KINMS_SITE"])
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    kinms = pytest.importorskip("kinms", reason="kinms is not installed")

FREQUENCY = 1.05e9
STEP = CHANNEL / FREQUENCY * C_KMS  # km/s of a channel
FIELD = Field(64, 64, 80, 100e6 / 30e3 - 40, 1, 1, 5, (8, 8, 4), 72)  # type: ignore[arg-type]
DISC = {
    "hi_size": 24.0, "line_flux_integral": 50.0, "central_freq": FREQUENCY, "pa": 40.0, "i": 60.0, "mu": 3.8,
    "v_flat": 180.0, "sigma_v": 10.0, "lop": 0.0, "lop_phase": 0.0, "warp": 0.0, "x": 32.0, "y": 32.0,
}  # fmt: skip


def rendered() -> FloatArray:
    """Our disc, Jy/beam, (80, 64, 64)."""
    (stamp,) = render.stamps(FIELD, {name: np.array([value]) for name, value in DISC.items()})
    found = np.zeros(FIELD.shape)
    found[tuple(slice(at, at + n) for at, n in zip(stamp[:3], stamp.values.shape, strict=True))] = (
        stamp.values
    )
    return found


def clouds() -> FloatArray:
    """The disc of KinMS, channels in order of frequency."""
    radius = np.linspace(0.001, 2.6, 2600)
    surface = profiles.profile(np.array([3.8]))(radius[None])[0]
    arcsec = radius * DISC["hi_size"] / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kinms.KinMS(
            64 * PIXEL,
            64 * PIXEL,
            80 * STEP,
            PIXEL,
            STEP,
            [BEAM, BEAM, 0],
            nSamps=1_000_000,
            cleanOut=False,
            verbose=False,
        )
        found = model.model_cube(
            DISC["i"], DISC["pa"], gasSigma=DISC["sigma_v"], diskThick=0, sbProf=surface, sbRad=arcsec,
            velRad=arcsec, velProf=DISC["v_flat"] * profiles.rotation(radius),
            intFlux=DISC["line_flux_integral"] / CHANNEL * STEP,
        )  # fmt: skip
    return np.roll(np.transpose(found, (2, 1, 0))[::-1], 1, axis=0)  # velocity 0 is channel 40 on either axis


def _places(cube: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Light by pixel, and columns and rows from the centre of the disc."""
    light = cube.sum(axis=0)
    y, x = np.indices(light.shape) - 32.0
    return light, x, y


def sizes(cube: FloatArray) -> FloatArray:
    """Second moments along the minor and the major axis, pixels."""
    light, x, y = _places(cube)
    return np.sqrt(
        np.linalg.eigvalsh([[(light * a * b).sum() / light.sum() for a in (x, y)] for b in (x, y)])
    )


def angle(cube: FloatArray) -> float:
    """Position angle of the receding side, deg: where light is, weighted by its velocity."""
    _, x, y = _places(cube)
    receding = np.tensordot(40.0 - np.arange(80), cube, axes=1)
    return float(np.degrees(np.arctan2(-(receding * x).sum(), (receding * y).sum())))


def w20(cube: FloatArray) -> float:
    """Width at a fifth of the peak, km/s."""
    spectrum = cube.sum(axis=(1, 2))
    level = 0.2 * spectrum.max()
    above = np.flatnonzero(spectrum >= level)
    first, last = above[0], above[-1]
    left = first - (spectrum[first] - level) / (spectrum[first] - spectrum[first - 1])
    right = last + (spectrum[last] - level) / (spectrum[last] - spectrum[last + 1])
    return float(right - left) * STEP


@pytest.fixture(scope="module")
def ours() -> FloatArray:
    return rendered()


@pytest.fixture(scope="module")
def theirs() -> FloatArray:
    return clouds()


def test_flux_and_spectrum(ours: FloatArray, theirs: FloatArray) -> None:
    fluxes = [cube.sum() * CHANNEL / BEAM_AREA for cube in (ours, theirs)]
    np.testing.assert_allclose(fluxes, 50, rtol=1e-3)
    one, two = (cube.sum(axis=(1, 2)) for cube in (ours, theirs))
    assert np.abs(one - two).max() <= 0.015 * two.max()


def test_moment_zero(ours: FloatArray, theirs: FloatArray) -> None:
    one, two = ours.sum(axis=0), theirs.sum(axis=0)
    assert np.abs(one - two).max() <= 0.025 * two.max()


def testsizes(ours: FloatArray, theirs: FloatArray) -> None:
    np.testing.assert_allclose(np.sqrt(sizes(ours) ** 2 + 1 / 12), sizes(theirs), atol=0.01)


def test_width_and_positionangle(ours: FloatArray, theirs: FloatArray) -> None:
    assert abs(w20(ours) - w20(theirs)) <= 0.5
    assert abs(angle(ours) - angle(theirs)) <= 0.2
    assert abs(angle(ours) - 40) <= 0.2
