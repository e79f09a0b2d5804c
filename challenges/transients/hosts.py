"""What the survey knows of a host galaxy: a photometric redshift, now and then a spectroscopic one."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np

from blindsky.challenges.transients.cosmology import C
from blindsky.scoring.measurements import FloatArray

PECULIAR = 300.0  # km/s, rms

BIMODAL_SHARE, BIMODAL_ERROR = 0.15, (0.3, 1.5)
LOST_SHARE, LOST_BIMODAL_SHARE, LOST_RANGE = 0.01, 0.25, (0.01, 3.0)


def photometric(stream: np.random.Generator, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Photometric redshifts of hosts at ``z`` (n,) and their stated errors; some are not within (0, 3).

    Some hosts have two solutions: a large stated error, whatever the scatter, and often the wrong one. Stream, each
    (n,): normals of the error, whether bimodal, error of those, scatter, whether lost, where to.
    """
    n = len(z)
    e = 0.02 * (1 + z) * np.exp(0.5 * stream.standard_normal(n))
    bimodal, large = stream.random(n) < BIMODAL_SHARE, stream.uniform(*BIMODAL_ERROR, n)
    scatter = np.where(bimodal, 0.03 * (1 + z), e) * stream.standard_normal(n)
    lost = stream.random(n) < np.where(bimodal, LOST_BIMODAL_SHARE, LOST_SHARE)
    return np.where(lost, stream.uniform(*LOST_RANGE, n), z + scatter), np.where(bimodal, large, e)


@cache
def _efficiency(survey: str) -> tuple[FloatArray, FloatArray]:
    text = files("blindsky.challenges.transients") / "data" / "host_specz_efficiency.csv"
    lines = list(csv.DictReader(text.read_text(encoding="utf-8").splitlines()))
    nodes = sorted((float(r["z"]), float(r["efficiency"])) for r in lines if r["survey"] == survey)
    z, share = np.array(nodes).T
    return z, share


def efficiency(z: FloatArray, deep: bool) -> FloatArray:
    """Probability (n,) that a host at ``z`` (n,) has a spectroscopic redshift."""
    return np.interp(z, *_efficiency("DDF" if deep else "WFD"))


def spectroscopic(stream: np.random.Generator, z: FloatArray, deep: bool, always: bool) -> FloatArray:
    """Spectroscopic redshifts (n,), NaN where none was taken; training objects ``always`` have one.

    Stream, each (n,): whether, peculiar velocity.
    """
    has = (stream.random(len(z)) < efficiency(z, deep)) | always
    measured = z + (1 + z) * PECULIAR / C * stream.standard_normal(len(z))
    return np.where(has, measured, np.nan)
