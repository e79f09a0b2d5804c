"""From densities on the grid to an answer: normalise, take the mode, put the ids beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Array, FloatArray, Table


def grid(public: Public) -> FloatArray:
    """The redshift nodes on which a density is asked for, equally spaced, shape (k,)."""
    return public.challenge.prediction.densities[0].grid.nodes


def integral(density: NDArray[np.floating], nodes: FloatArray) -> FloatArray:
    """Trapezoid integral of each row of (n, k), shape (n, 1)."""
    return np.asarray(np.trapezoid(density, nodes, axis=1), dtype=np.float64).reshape(-1, 1)


def normalised(density: NDArray[np.floating], nodes: FloatArray) -> NDArray[np.float32]:
    """Each row divided by its trapezoid integral, shape (n, k); rows must have one above zero."""
    return np.asarray(density / integral(density, nodes), dtype=np.float32)


def answer(test: Table, density: NDArray[np.floating], nodes: FloatArray) -> Table:
    """A prediction from densities (n, k) of any norm: normalised, with the mode as the point."""
    pdf = normalised(density, nodes)
    return {"object_id": test["object_id"], "z_point": nodes[np.argmax(pdf, axis=1)], "pdf": pdf}


def point(test: Table, z: Array, nodes: FloatArray) -> Table:
    """A prediction without densities: redshifts (n,), clipped to the grid's range."""
    return {
        "object_id": test["object_id"],
        "z_point": np.clip(np.asarray(z, np.float64), nodes[0], nodes[-1]),
    }
