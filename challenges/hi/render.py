"""Noiseless stamps of galaxies: every point of a disc adds the beam in two dimensions and its line in the third.

The points come from ``profiles``. One matrix product a stamp, (channels, points) x (points, pixels), taken in runs of
points of neighbouring velocity: a run has flux in few channels, and its pixels fit the cache. Shapes and order
depend on the sources alone. Torch, float32, CPU or GPU.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.hi import profiles
from blindsky.challenges.hi.field import BEAM_SIGMA, C_KMS, CHANNEL, Field
from blindsky.challenges.threads import one_thread
from blindsky.scoring.measurements import FloatArray, Table

REACH = 5.0  # standard deviations of beam and line around the points
_RUN = {"cpu": 512, "cuda": 8192}  # points of a run: small ones stay in a cache, large ones fill a GPU

Floats = NDArray[np.float32]


class Stamp(NamedTuple):
    """What a source adds to the cube. ``z``, ``y``, ``x``: local place of the first voxel, maybe outside the cube.

    values : (channels, rows, columns) Jy/beam.
    """

    z: int
    y: int
    x: int
    values: Floats


def stamps(field: Field, sources: Table, device: str = "cpu") -> list[Stamp]:
    """The stamps of a few sources, rows of a truth table: hundreds at once take hundreds of megabytes."""
    import torch

    points = profiles.nodes(sources)
    column, row = profiles.pixels(points, profiles.steps(field, sources["x"], sources["y"]))
    shift = sources["central_freq"] / (C_KMS * CHANNEL)  # channels per km/s
    channel = field.channel(sources["central_freq"]) - field.k0
    spread = sources["sigma_v"] * shift
    with one_thread(), torch.inference_mode():
        return [
            _stamp(
                (
                    channel[k] - points.velocity[of] * shift[k],
                    sources["y"][k] + row[of],
                    sources["x"][k] + column[of],
                ),
                points.weight[of] * (sources["line_flux_integral"][k] / CHANNEL),
                float(spread[k]),
                device,
            )
            for k, of in enumerate(map(slice, points.start[:-1], points.start[1:]))
        ]


def _stamp(places: tuple[FloatArray, ...], flux: FloatArray, spread: float, device: str) -> Stamp:
    """Points at ``places`` (channel, row, column) with ``flux`` in Jy channels; ``spread`` of the line in channels."""
    import torch

    order = np.argsort(places[0], kind="stable")
    margins = (REACH * spread, REACH * BEAM_SIGMA, REACH * BEAM_SIGMA)
    # A channel reaches half a channel beyond its centre; a pixel is sampled at its centre
    first = [
        round(float(places[0].min()) - margins[0]),
        *(math.ceil(at.min() - m) for at, m in zip(places[1:], margins[1:], strict=True)),
    ]
    last = [
        round(float(places[0].max()) + margins[0]),
        *(math.floor(at.max() + m) for at, m in zip(places[1:], margins[1:], strict=True)),
    ]
    shape = [int(b - a + 1) for a, b in zip(first, last, strict=True)]
    local = np.stack([*(at - a for at, a in zip(places, first, strict=True)), flux])[:, order].astype(
        np.float32
    )
    z, y, x, amount = torch.as_tensor(local, device=device)
    total = torch.zeros((shape[0], shape[1] * shape[2]), device=device)
    run = _RUN["cpu" if device == "cpu" else "cuda"]
    rows, columns = (torch.arange(n, device=device, dtype=torch.float32)[:, None] for n in shape[1:])
    for start in range(0, len(flux), run):
        of = slice(start, start + run)
        lo = max(round(float(local[0, of][0]) - margins[0]), 0)
        hi = min(round(float(local[0, of][-1]) + margins[0]) + 1, shape[0])
        edges = torch.arange(lo, hi + 1, device=device, dtype=torch.float32)[:, None] - 0.5
        below = torch.erf((edges - z[of]) * (1 / (math.sqrt(2) * spread)))
        line = (below[1:] - below[:-1]) * (amount[of] / 2)  # (channels, points)
        up, along = (
            torch.exp((at - c[of]) ** 2 * (-0.5 / BEAM_SIGMA**2)) for at, c in ((rows, y), (columns, x))
        )
        beam = (up[:, None] * along).flatten(0, 1)  # (pixels, points)
        total[lo:hi].addmm_(line, beam.T)
    values: Floats = total.view(shape).cpu().numpy()
    return Stamp(first[0], first[1], first[2], values)
