"""All randomness of a release comes from its secret 256-bit key.

Block streams are Philox keyed by HMAC-SHA256, so that a block has the same bytes in any process and order, and
nobody without the key can redraw an object. Ids are a keyed permutation of the row number.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 32
ID_BITS = 53  # exact in a float64, so that no reader can spoil an id
TEST_ROWS = 1 << 52  # row numbers of the test split start here; train counts from 0
_ROUNDS = 8
_LEFT, _RIGHT = 27, 26  # the two halves of an id in the Feistel network


def new_key() -> bytes:
    """A fresh secret key, 32 bytes."""
    return secrets.token_bytes(KEY_BYTES)


def derive(key: bytes, path: str) -> bytes:
    """HMAC-SHA256 of a path under the key, 32 bytes."""
    return hmac.new(key, path.encode(), hashlib.sha256).digest()


def stream(key: bytes, path: str) -> np.random.Generator:
    """The generator of one block; ``path`` is ``<release id>/<challenge>/<track>/<size>/<split>/<block>``.

    The first 16 bytes of the HMAC are two little-endian uint64, the key of Philox (Salmon et al. 2011).
    """
    words = np.frombuffer(derive(key, path)[:16], dtype="<u8")
    return np.random.Generator(np.random.Philox(key=words.astype(np.uint64)))


@dataclass(frozen=True)
class Streams:
    """The generators of a split by the name of a block, such as ``noise/7/0/0``.

    path : ``<release id>/<challenge>/<track>/<size>/<split>``.
    """

    key: bytes
    path: str

    def __call__(self, block: str) -> np.random.Generator:
        """A new generator at the beginning of the stream of a block."""
        return stream(self.key, f"{self.path}/{block}")


def splitmix64(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014), elementwise on uint64."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def object_ids(key: bytes, release_id: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ids of row numbers below 2**53: an eight-round Feistel network, so no collision and no order.

    rows : int64 (n,). Returns int64 (n,), non-negative, below 2**53.
    """
    words = np.frombuffer(derive(key, f"{release_id}/ids") + derive(key, f"{release_id}/ids/more"), "<u8")
    wide, narrow = np.uint64((1 << _LEFT) - 1), np.uint64((1 << _RIGHT) - 1)
    numbers = np.asarray(rows, dtype=np.int64).astype(np.uint64)
    left, right = numbers >> np.uint64(_RIGHT), numbers & narrow
    for i in range(0, _ROUNDS, 2):
        left = left ^ (splitmix64(right ^ words[i]) & wide)
        right = right ^ (splitmix64(left ^ words[i + 1]) & narrow)
    return ((left << np.uint64(_RIGHT)) | right).astype(np.int64)


def keyed_uniform(key: bytes, purpose: str, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """A number in [0, 1) per id that only the holder of the key can know, shape (n,)."""
    first, second = np.frombuffer(derive(key, purpose)[:16], dtype="<u8")
    mixed = splitmix64(splitmix64(ids.astype(np.uint64) ^ first) ^ second)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
