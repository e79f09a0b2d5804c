"""Stamps and noise of HI cubes beside closed forms, a dense quadrature, and KinMS where installed (KINMS_SITE)."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from blindsky.challenges.hi import interference, population, profiles, render
from blindsky.challenges.hi.field import BEAM_AREA, C_KMS, CHANNEL, DEV, Field
from blindsky.challenges.hi.noise import Noise
from blindsky.challenges.progress import Progress
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import FloatArray
from tests.acceptance.line import Row, row

STREAMS = Streams(hashlib.sha256(b"blindsky-golden").digest(), "golden/hi/core/dev/test")
STAMPS = 100
PLANES = 40
# The golden disc is at 1050 MHz in channel 40, which no channel of the global grid is
GOLDEN = Field(64, 64, 80, 100e6 / 30e3 - 40, 1, 1, 5, (8, 8, 4), 72)  # type: ignore[arg-type]
DISC = {
    "hi_size": 24.0, "line_flux_integral": 50.0, "central_freq": 1.05e9, "pa": 40.0, "i": 60.0, "mu": 3.8,
    "v_flat": 180.0, "sigma_v": 10.0, "lop": 0.0, "lop_phase": 0.0, "warp": 0.0, "x": 32.0, "y": 32.0,
}  # fmt: skip


def _crossings(spectrum: FloatArray) -> float:
    """Channels between the outermost crossings of a fifth of the peak."""
    level = 0.2 * spectrum.max()
    above = np.flatnonzero(spectrum >= level)
    first, last = above[0], above[-1]
    left = first - (spectrum[first] - level) / (spectrum[first] - spectrum[first - 1])
    right = last + (spectrum[last] - level) / (spectrum[last] - spectrum[last + 1])
    return float(right - left)


def _population() -> list[Row]:
    """Flux and width of stamps of the sources of a field."""
    nominal = interference.channels(DEV, "core")
    drawn = population.draw(replace(DEV, density=0.1), "core", STREAMS)
    some = np.random.default_rng(7).permutation(len(drawn["x"]))[:STAMPS]
    sources = population.complete(DEV, {name: column[some] for name, column in drawn.items()}, nominal)
    stamps = render.stamps(DEV, sources)
    flux = np.array([stamp.values.sum(dtype=np.float64) for stamp in stamps]) * CHANNEL / BEAM_AREA
    channels = np.array([_crossings(stamp.values.sum(axis=(1, 2), dtype=np.float64)) for stamp in stamps])
    wider = channels * CHANNEL / sources["central_freq"] * C_KMS - sources["w20"]
    inside = bool((wider >= 0).all() and (wider <= 5).all())
    return [
        row("flux of stamps over F, worst of 100", _worst(flux / sources["line_flux_integral"]), 1.0, 1e-5),
        row("w20 on the channels less w20, mean", float(wider.mean()), 2.2, 0.5, "km/s"),
        row("w20 on the channels less w20, least", float(wider.min()), "in [0, 5]", unit="km/s", met=inside),
        row(
            "w20 on the channels less w20, largest", float(wider.max()), "in [0, 5]", unit="km/s", met=inside
        ),
    ]


def _worst(ratio: FloatArray) -> float:
    return float(ratio[np.abs(ratio - 1).argmax()])


def _size(mu: float) -> float:
    """Radius in R where a face-on disc has 1 Msun/pc^2: pixel R/25, beam R/50, 1000 rings of 4000 points."""
    profile = profiles.profile(np.array([mu]))
    edge, tail = float(profile.edge[0]), profiles.REACH * profiles.SCALE
    x, mass = [], []
    for first, length, n in ((0.0, edge, 400), (edge, tail, 600)):
        at, weight = np.polynomial.legendre.leggauss(n)
        x.append(first + length * (1 + at) / 2)
        mass.append(weight * length / 2 * x[-1])
    radius, share = np.concatenate(x), np.concatenate(mass)
    share = share * profile(radius[None])[0]
    share *= mu / share.sum() / 4000  # a disc of R = 1 has the mass mu pi
    sigma = 25 / 50 / np.sqrt(8 * np.log(2))  # pixels
    grid = np.arange(-45, 46)
    plane = np.zeros((grid.size, grid.size))
    for ring, (r, m) in enumerate(zip(25 * radius, share, strict=True)):
        theta = 2 * np.pi * (np.arange(4000) + profiles.SHIFT * ring % 1) / 4000
        across, up = (
            np.exp(-((grid[:, None] - r * f(theta)) ** 2) / (2 * sigma**2)) for f in (np.cos, np.sin)
        )
        plane += m * (up @ across.T)
    density = plane / (2 * np.pi * sigma**2) * np.pi * 25**2
    away = np.hypot(*np.meshgrid(grid, grid))
    bins = np.arange(20, 31)
    means = np.array([density[(away >= at) & (away < at + 1)].mean() for at in bins])
    places = np.array([away[(away >= at) & (away < at + 1)].mean() for at in bins])
    return float(np.interp(0, -np.log(means), places) / 25)


def _disc() -> FloatArray:
    (stamp,) = render.stamps(GOLDEN, {name: np.array([value]) for name, value in DISC.items()})
    found = np.zeros(GOLDEN.shape)
    found[tuple(slice(at, at + n) for at, n in zip(stamp[:3], stamp.values.shape, strict=True))] = (
        stamp.values
    )
    return found


def _golden() -> list[Row]:
    cube = _disc()
    light = cube.sum(axis=0)
    y, x = np.indices(light.shape) - 32.0
    spread = [[(light * a * b).sum() / light.sum() for a in (x, y)] for b in (x, y)]
    minor, major = np.sqrt(np.linalg.eigvalsh(spread))
    spectrum = cube.sum(axis=(1, 2))
    speed = (np.arange(80) - 40) * CHANNEL / 1.05e9 * C_KMS
    given = [
        ("peak", cube.max(), 4.7173e-5, 5e-3, "Jy/beam"),
        ("peak [23, 34, 30]", cube[23, 34, 30], 4.7173e-5, 5e-3, "Jy/beam"),
        ("voxel [40, 32, 32]", cube[40, 32, 32], 1.5115e-5, 5e-3, "Jy/beam"),
        ("moment-0 peak", light.max() * CHANNEL, 12.8991, 3e-3, "Jy/beam Hz"),
        ("spectrum, channel 23", spectrum[23] / BEAM_AREA, 7.4576e-5, 5e-3, "Jy"),
        ("spectrum, channel 40", spectrum[40] / BEAM_AREA, 3.1466e-5, 5e-3, "Jy"),
        ("flux", spectrum.sum() * CHANNEL / BEAM_AREA, 50.0, 2e-6, "Jy Hz"),
        ("second moment, major", major, 2.469, 3e-3, "px"),
        ("second moment, minor", minor, 1.539, 3e-3, "px"),
        ("velocity rms", np.sqrt((spectrum * speed**2).sum() / spectrum.sum()), 107.09, 3e-3, "km/s"),
    ]
    found = [
        row(f"golden disc: {name}", float(value), reference, tolerance * reference, unit)
        for name, value, reference, tolerance, unit in given
    ]
    width = _crossings(spectrum) * CHANNEL / 1.05e9 * C_KMS
    return [*found, row("golden disc: w20 on the channels", width, 339.02, 0.3, "km/s")]


def _noise() -> list[Row]:
    rms = interference.channels(DEV, "survey")["rms_jy_beam"]
    drawn = Noise(DEV, rms, STREAMS)
    ratio, lags = 0.0, np.zeros(7)
    for z in range(0, PLANES * 160, 160):
        plane = drawn.plane(z).astype(np.float64) / rms[z]
        ratio += plane.std() / PLANES
        for axis in (0, 1):
            turned = plane if axis else plane.T
            lags[3 * axis : 3 * axis + 3] += [(turned[:, j:] * turned[:, :-j]).mean() for j in (1, 2, 3)]
        lags[6] += (plane[1:, 1:] * plane[:-1, :-1]).mean()
    lags /= PLANES * ratio**2
    names = [f"lag {j} along {axis}" for axis in ("y", "x") for j in (1, 2, 3)] + ["lag (1, 1)"]
    exact = [0.63193, 0.16958, 0.01817] * 2 + [0.399]
    found = [row("noise: rms over the nominal one, 40 planes", ratio, 1.0, 0.003)]
    for name, value, reference in zip(names, lags.tolist(), exact, strict=True):
        found.append(row(f"noise: autocorrelation, {name}", value, reference, 0.004))
    return found


def _kinms() -> list[Row]:
    """The golden disc beside a million clouds."""
    if os.environ.get("KINMS_SITE"):
        sys.path.append(os.environ["KINMS_SITE"])
    if find_spec("kinms") is None:
        return [{"name": "golden disc: no comparison, kinms is not installed", "met": None}]
    from tests.references import test_disc_against_kinms as peer

    ours, theirs = peer.rendered(), peer.clouds()
    spectra, lights = ([cube.sum(axis=axes) for cube in (ours, theirs)] for axes in ((1, 2), 0))
    beside = "KinMS 3.0.14"
    found = [
        row(f"{beside}: flux", theirs.sum() * CHANNEL / BEAM_AREA, 50.0, 0.05, "Jy Hz"),
        row(
            f"{beside}: spectra over the peak",
            np.abs(np.subtract(*spectra)).max() / spectra[1].max(),
            0.0,
            0.015,
        ),
        row(
            f"{beside}: moments 0 over the peak",
            np.abs(np.subtract(*lights)).max() / lights[1].max(),
            0.0,
            0.025,
        ),
        row(f"{beside}: w20", peer.w20(theirs), peer.w20(ours), 0.5, "km/s"),
        row(f"{beside}: position angle", peer.angle(theirs), 40.0, 0.2, "deg"),
    ]
    with_pixel = np.sqrt(peer.sizes(ours) ** 2 + 1 / 12)
    for name, size, expected in zip(("minor", "major"), peer.sizes(theirs), with_pixel, strict=True):
        found.append(
            row(f"{beside}: second moment, {name}, pixel added to ours", float(size), float(expected), 0.02)
        )
    return found


def rows(report: Progress) -> list[Row]:
    """The table."""
    report.note("stamps")
    found = _population() + _golden()
    for mu in (1.8, 3.8, 8.8):
        report.note(f"size at mu {mu}")
        found.append(row(f"radius of 1 Msun/pc2 over R, mu {mu}", _size(mu), 1.0, 0.01))
    report.note("noise")
    return found + _noise() + _kinms()
