"""Bootstrap replicates as weights: Poisson(1) counts from a keyed hash of (case, replicate).

The weights depend on the case's id and the key alone, so every team meets the same replicates, whatever the order
of rows, and differences between entries are paired. Per case: 8 bytes of keyed BLAKE2b of the id, then SplitMix64
over the replicates, four 16-bit draws a word through a table of the Poisson distribution with mean 1.
"""

from __future__ import annotations

import hashlib
import itertools
import math

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.threads import each, stretches

REPLICATES = 1000
SLICE_REPLICATES = 200
BLOCK = 32  # replicates evaluated at once
_PER_WORD = 4
_CASES = 16384  # at a time: their words stay in the cache
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _poisson_table() -> NDArray[np.uint8]:
    """Count for each of 65,536 equally likely words: the inverse CDF of Poisson(1) at (word + 1/2) / 65536."""
    cdf = np.cumsum([math.exp(-1.0) / math.factorial(k) for k in range(20)])
    return np.searchsorted(cdf, (np.arange(65536) + 0.5) / 65536).astype(np.uint8)


_TABLE = _poisson_table()


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser in place (Steele, Lea & Flood 2014)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x ^= x >> np.uint64(shift)
        x *= np.uint64(factor)
    x ^= x >> np.uint64(31)
    return x


class Replicates:
    """Paired replicates of the cases with these ids.

    key : at most 64 bytes, the bootstrap key of a release.   ids : int64 (n,), the ids of the cases.
    """

    def __init__(self, key: bytes, ids: NDArray[np.int64]) -> None:
        data = np.ascontiguousarray(ids, dtype="<i8").tobytes()
        digests = b"".join(
            hashlib.blake2b(data[i : i + 8], digest_size=8, key=key).digest() for i in range(0, len(data), 8)
        )
        self._seeds = np.frombuffer(digests, dtype="<u8").astype(np.uint64)

    def __len__(self) -> int:
        """Number of cases."""
        return len(self._seeds)

    def select(self, mask: NDArray[np.bool_]) -> Replicates:
        """The replicates of a subset of the cases, unchanged for each case."""
        chosen = Replicates.__new__(Replicates)
        chosen._seeds = self._seeds[mask]
        return chosen

    def block(self, first: int, count: int) -> NDArray[np.uint8]:
        """Weights of replicates ``first`` to ``first + count - 1``, shape (count, n); both multiples of 4."""
        if first % _PER_WORD or count % _PER_WORD:
            message = f"replicates come in fours, got first={first}, count={count}"
            raise ValueError(message)
        weights = np.empty((count, len(self._seeds)), dtype=np.uint8)

        def fill(stretch: slice) -> None:
            for i, j in itertools.product(
                range(stretch.start, stretch.stop, _CASES), range(count // _PER_WORD)
            ):
                cases = slice(i, min(i + _CASES, stretch.stop))
                step = np.uint64((int(_GOLDEN) * (first // _PER_WORD + j + 1)) % 2**64)
                words = _mix(self._seeds[cases] + step)
                quarters = words.astype("<u8", copy=False).view("<u2").reshape(-1, _PER_WORD)
                for k in range(_PER_WORD):
                    # every word is in the table; "clip" spares the copy that "raise" makes before it writes
                    np.take(_TABLE, quarters[:, k], out=weights[_PER_WORD * j + k, cases], mode="clip")

        each(fill, stretches(len(self)), len(self))
        return weights
