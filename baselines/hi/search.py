"""A cube searched region by region: a finder says how voxels stand out, what stands together is measured once.

Memory is that of one region, whatever the cube; neighbours overlap, and a source belongs to the region that its top
lies in. What two regions make of one source all the same is merged when claims are made.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import ProgressFactory
from blindsky.baselines.hi.linking import Clip, components
from blindsky.baselines.hi.measuring import measure
from blindsky.baselines.hi.regions import VOXELS, Region, regions
from blindsky.challenges.hi.cube import Voxels
from blindsky.scoring.measurements import Table

Floats = NDArray[np.float32]
COLUMNS = ("x", "y", "z", "flux", "width", "pa", "peak", "voxels")
MB = 1e6


def megabytes(cube: Voxels) -> float:
    """Of all voxels."""
    return 4 * math.prod(cube.shape) / MB


def search(
    cube: Voxels,
    stand_out: Callable[[Floats, Region], Floats],
    clip: Clip,
    progress: ProgressFactory,
    budget: int = VOXELS,
) -> Table:
    """Everything that stands out in a cube: COLUMNS, (n,) each.

    stand_out : voxels of an outer box in Jy/beam -> how far each stands out.   budget : voxels of such a box.
    x, y, z : pixels and local plane.   flux : Jy Hz.   width : Hz.   pa : deg.   peak : of what stands out.
    """
    found: list[tuple[float, ...]] = []
    with progress("searching", megabytes(cube), "MB") as bar:
        for region in regions(cube.shape, budget):
            data = cube.tile(*region.tile)
            score = stand_out(data, region)
            for one in components(score, region, clip):
                seen = measure(data[one.box], one.mask)
                if seen is not None:
                    z, y, x = (part.start + at for part, at in zip(one.box, region.origin, strict=True))
                    place = (seen.x + x, seen.y + y, seen.z + z)
                    found.append((*place, seen.flux, seen.width, seen.pa, one.peak, one.voxels))
            bar.advance(4 * region.voxels / MB)
            bar.note(f"{len(found)} candidates")
    rows = np.array(found, dtype=np.float64).reshape(-1, len(COLUMNS))
    return dict(zip(COLUMNS, rows.T.copy(), strict=True))
