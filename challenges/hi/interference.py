"""The channels of a cube: nominal noise, what interference multiplies it by, and flags.

Interference follows the total power that MeerKAT measures over the noise of its receivers
(``meerkat_total_power_band.csv``: columns 1 and 4 of ``telescope/mktpdat.txt`` of PhilippaHartley/SKAO-SDC2,
3-clause BSD, SKA Observatory 2020).
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from blindsky.challenges.hi.field import CHANNEL, FIRST, Field
from blindsky.scoring.measurements import Array, FloatArray, Table

CHANNELS = 6668  # of the whole band
FLAGGED = 2.0  # gamma from which a channel is flagged


@cache
def _measured() -> tuple[FloatArray, FloatArray]:
    """Frequencies in Hz and total power over that of the receivers."""
    file = files("blindsky.challenges.hi").joinpath("meerkat_total_power_band.csv")
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return (
        np.array([1e6 * float(row["freq_mhz"]) for row in rows]),
        np.array([float(row["total_power_ratio"]) for row in rows]),
    )


def interference(frequency: Array) -> FloatArray:
    """gamma, at least 1: the factor on the noise at frequencies in Hz."""
    return np.maximum(1, np.interp(frequency, *_measured()))


def sensitivity(frequency: Array, width: float) -> FloatArray:
    """Noise in Jy/beam without interference at frequencies in Hz, of a channel of ``width`` Hz.

    SDC2's pipeline: 13.6 to 17.1 uJy/beam over 0.95 to 1.35 GHz in 115 kHz.
    """
    level = 13.6 + 3.5 * (np.asarray(frequency) / 1e9 - 0.95) / 0.40
    return np.asarray(1e-6 * level * np.sqrt(115e3 / width))


def channels(field: Field, track: str) -> Table:
    """Of each plane: global ``chan``, ``freq_hz``, nominal ``rms_jy_beam``, ``gamma`` and ``flag``, (nchan,).

    A narrower band holds the interference of the whole one, compressed; ``core`` has none.
    """
    frequency = field.frequencies
    gamma = np.ones(field.nchan)
    if track == "survey":
        stretched = np.rint(np.arange(field.nchan) * (CHANNELS - 1) / (field.nchan - 1))
        gamma = interference(FIRST + CHANNEL * stretched)
    return {
        "chan": (field.k0 + np.arange(field.nchan)).astype(np.int32),
        "freq_hz": frequency,
        "rms_jy_beam": field.noise * gamma * sensitivity(frequency, CHANNEL),
        "gamma": gamma,
        "flag": gamma >= FLAGGED,
    }
