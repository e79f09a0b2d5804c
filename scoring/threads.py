"""Work on long tables in a few threads: NumPy lets go of the interpreter while it works on arrays.

What is done does not depend on how many threads do it, so neither do results, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
LONG = 1 << 18  # rows from which threads are worth their start
MOST = 4  # threads: each may hold a few columns of its own


def each(work: Callable[[T], R], items: Iterable[T], rows: int) -> list[R]:
    """``work`` on each item, in a few threads if the table has many ``rows``; results in order."""
    if rows < LONG:
        return [work(item) for item in items]
    import joblib
    from threadpoolctl import threadpool_limits

    # threads of BLAS inside ours would only wait
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(min(joblib.cpu_count(), MOST)) as threads:
        return list(threads.map(work, items))


def stretches(rows: int, length: int = LONG) -> list[slice]:
    """A table of so many rows in stretches, at least one; the same on every machine."""
    return [slice(i, min(i + length, rows)) for i in range(0, max(rows, 1), length)]
