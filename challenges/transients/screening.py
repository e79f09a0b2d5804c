"""Candidates too faint to be detected are dropped before their cadence is drawn, which loses no detection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.transients.noise import WIDE
from blindsky.challenges.transients.sources import Transient
from blindsky.scoring.measurements import FloatArray, Table

_OBJECTS = 8192  # at a time, so that phases and bands of them stay in the cache

# Below 2.5 times the noise of a night 2.6 sigma better than usual no visit detects: flux (6,)
_MU, _S = np.array(WIDE).T
FAINTEST: FloatArray = 2.5 * np.exp(_MU - 2.6 * _S)


def bright(source: Transient, parameters: Table) -> NDArray[np.bool_]:
    """Whether the wide survey could detect a candidate: in some band at some phase of its source, (n,)."""
    n = len(parameters["z"])
    found = np.empty(n, dtype=bool)
    phases, floor = np.array(source.phases), FAINTEST.astype(np.float32)[:, None]
    for start in range(0, n, _OBJECTS):
        part = slice(start, start + _OBJECTS)
        flux = source.grid({name: c[part] for name, c in parameters.items()}, phases, np.float32)
        found[part] = (flux > floor).any(axis=(0, 1))
    return found
