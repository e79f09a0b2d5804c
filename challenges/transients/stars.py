"""Variable stars: RR Lyrae, eclipsing binaries and Miras, as magnitudes about the mean against phase."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.transients.draws import LogNormal, LogUniform, Normal, Uniform
from blindsky.challenges.transients.variables import VariableStar, single
from blindsky.scoring.measurements import Array, FloatArray, Table

RR_COLOURS = (1.15, 0.20, 0.06, 0.02, 0.0)  # u-g g-r r-i i-z z-y
RR_RATIOS = (0.93, 1.0, 0.71, 0.56, 0.52, 0.50)  # of the amplitude in g (Sesar et al. 2010)
RR_RISE = 0.15  # of the period, type ab
BINARY_COLOURS = (1.6, 0.65, 0.25, 0.12, 0.05)
BINARY_RATIOS = (1.10, 1.03, 1.0, 0.98, 0.96, 0.95)  # of the primary depth; the secondary's are inverse
MIRA_COLOURS = (2.5, 1.8, 2.0, 1.0, 0.5)
MIRA_RATIOS = (1.1, 1.0, 0.85, 0.5, 0.4, 0.35)
TREND = 1500.0  # days, of the slow change of a Mira


def phase(parameters: Table, index: Array, t: FloatArray) -> Array:
    """Phase (m,) in [0, 1), float32: computed in float64, because a survey spans thousands of periods."""
    cycles = t * (1 / parameters["period"])[index]
    cycles += parameters["phase"][index]
    cycles -= np.floor(cycles)
    found = cycles.astype(np.float32)
    return np.where(found < 1, found, np.float32(0))


def rr_shape(phase: Array, ab: Array) -> Array:
    """Faintness (m,) from 0 to 1 of type ab, a fast rise and a slow decline, or of type c, a cosine."""
    rise = 0.5 * (1 + np.cos(np.pi / RR_RISE * phase))
    decline = np.expm1(-2.5 / (1 - RR_RISE) * (phase - RR_RISE)) / np.expm1(-2.5)
    fast = np.where(phase < RR_RISE, rise, decline)
    return np.where(ab, fast, 0.5 * (1 - np.cos(2 * np.pi * phase)))


def eclipses(phase: Array, contact: Array, width: Array, first: Array, second: Array) -> Array:
    """Magnitudes lost (m,): eclipses of depth ``first`` at phase 0 and ``second`` at 0.5."""
    away = np.abs((phase + 0.25) % 1 - 0.25)  # from the nearest: primary within 0.25, secondary beyond
    primary = away <= 0.25
    away = np.where(primary, away, np.abs(away - 0.5))
    depth = np.where(primary, first, second)
    detached = np.clip(1.5 * (1 - away / width), 0, 1)
    return np.asarray(depth * np.where(contact, 0.5 * (1 + np.cos(4 * np.pi * phase)), detached))


def _rr_population(stream: np.random.Generator, n: int) -> Table:
    """Stream: r, type, period of ab, of c, amplitude, phase."""
    r, ab = Uniform(15, 22).draw(stream, n), stream.random(n) < 0.75
    slow, fast = (
        Normal(0.57, 0.07, 0.43, 0.85).draw(stream, n),
        Normal(0.33, 0.03, 0.25, 0.42).draw(stream, n),
    )
    u = stream.random(n)
    amplitude = np.where(ab, 0.5 + 0.75 * u, 0.25 + 0.30 * u)
    return {
        "r": r,
        "type_ab": ab.astype(np.float64),
        "period": np.where(ab, slow, fast),
        "amplitude": amplitude,
        "phase": stream.random(n),
    }


def _rr_offset(parameters: Table, index: Array, t: FloatArray, band: Array) -> Array:
    shape = rr_shape(phase(parameters, index, t), (parameters["type_ab"] > 0)[index])
    ratio = np.array(RR_RATIOS, dtype=np.float32)[band]
    return np.asarray(single(parameters["amplitude"], index) * ratio * (shape - np.float32(0.6)))


def _binary_population(stream: np.random.Generator, n: int) -> Table:
    """Stream: r, kind, period if in contact and if not, width, depth, ratio of the depths, phase."""
    r, contact = 15 + 10 * stream.random(n) ** 0.4, stream.random(n) < 0.35
    touching, apart = Uniform(0.22, 0.8).draw(stream, n), LogUniform(0.4, 30).draw(stream, n)
    width = Uniform(0.02, 0.12).draw(stream, n)
    deep, ratio = stream.random((2, n))
    first = np.where(contact, 0.1 + 0.6 * deep, 0.75 * deep**1.5 + 0.03)
    return {
        "r": r,
        "contact": contact.astype(np.float64),
        "period": np.where(contact, touching, apart),
        "width": width,
        "depth_1": first,
        "depth_2": first * np.where(contact, 0.7 + 0.3 * ratio, ratio),
        "phase": stream.random(n),
    }


def _binary_offset(parameters: Table, index: Array, t: FloatArray, band: Array) -> Array:
    ratio = np.array(BINARY_RATIOS, dtype=np.float32)[band]
    return eclipses(
        phase(parameters, index, t),
        (parameters["contact"] > 0)[index],
        single(parameters["width"], index),
        single(parameters["depth_1"], index) * ratio,
        single(parameters["depth_2"], index) / ratio,
    )


def _mira_population(stream: np.random.Generator, n: int) -> Table:
    """Stream: r, period, amplitude, second harmonic, trend, phase."""
    return {
        "r": Uniform(17, 21.5).draw(stream, n),
        "period": LogNormal(10**2.5, 0.13, 100, 700).draw(stream, n),
        "amplitude": Uniform(2.5, 7).draw(stream, n),
        "harmonic": Uniform(-0.15, 0.15).draw(stream, n),
        "trend": Normal(0, 0.15).draw(stream, n),
        "phase": stream.random(n),
    }


def _mira_offset(parameters: Table, index: Array, t: FloatArray, band: Array) -> Array:
    w = 2 * np.float32(np.pi) * phase(parameters, index, t)
    shape = np.cos(w) + single(parameters["harmonic"], index) * np.cos(2 * w)
    half = 0.5 * np.array(MIRA_RATIOS, dtype=np.float32)[band]
    slow = single(parameters["trend"], index) * np.sin(2 * np.pi / TREND * t).astype(np.float32)
    return np.asarray(single(parameters["amplitude"], index) * half * shape + slow)


RR_LYRAE = VariableStar("RRL", 92, RR_COLOURS, _rr_population, _rr_offset)
ECLIPSING_BINARY = VariableStar("EB", 16, BINARY_COLOURS, _binary_population, _binary_offset)
MIRA = VariableStar("Mira", 53, MIRA_COLOURS, _mira_population, _mira_offset)
