"""Where the galaxies of a blend are: told, or found as peaks of its light.

Bands are added in units of their noise, so that a galaxy counts in whichever of them it stands out.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from blindsky.baselines.deblending.blends import Image, Task, smooth
from blindsky.scoring.measurements import Array, FloatArray, Table

SMOOTHING = 1.0  # pixels: below the noise there is nothing to see
SEARCH = 2.0  # pixels, of the light in which a companion is looked for, as wide as most of them are
NARROW, WIDE = (
    1.2,
    2.4,
)  # pixels, of two Gaussians whose difference a galaxy on another's shoulder stands out of
DEEP = 5.0  # rms of that difference above which a peak is a galaxy


def significance(image: Image, sigma: Array) -> Image:
    """The bands of one blend (bands, N, N) added in units of their noise, (N, N); its own noise has rms 1."""
    return np.asarray((image / sigma[:, None, None]).sum(axis=0) / np.sqrt(len(image)), dtype=np.float32)


def mirrored(light: Image, x: float, y: float) -> Image:
    """Light (N, N) turned by half a turn about (x, y), to the nearest half pixel; 0 where it is not known."""
    turned = np.zeros_like(light)
    both = tuple(_overlap(n, round(2 * c)) for n, c in zip(light.shape, (y, x), strict=True))
    turned[both] = light[both][::-1, ::-1]
    return turned


def _overlap(n: int, twice: int) -> slice:
    """Pixels i of a line of n for which twice - i is one of them too."""
    return slice(max(twice - n + 1, 0), max(min(twice, n - 1) + 1, 0))


def symmetric(light: Image, x: float, y: float) -> Image:
    """What of the light (N, N) is the same on the other side of (x, y), clipped at 0 (Lupton's template)."""
    return np.clip(np.minimum(light, mirrored(light, x, y)), 0, None)


def beside(light: Image, number: int) -> FloatArray:
    """Places (number, 2), x and y, of the galaxy at the centre of a stamp and of others.

    Each one is the peak of what is left when the symmetric parts of those before it are taken away.
    """
    side = light.shape[0]
    found = [(side // 2, side // 2)]
    left = smooth(light, SMOOTHING)
    while len(found) < number:
        left = left - symmetric(left, *found[-1])
        y, x = divmod(int(smooth(left, SEARCH).argmax()), side)
        found.append((x, y))
    return np.array(found[:number], dtype=np.float64)


@cache
def _rms() -> float:
    """Noise of ``_contrast`` where that of a pixel is 1."""
    point = np.zeros((65, 65), dtype=np.float32)
    point[32, 32] = 1
    return float(np.sqrt((_contrast(point) ** 2).sum()))


def _contrast(light: Image) -> Image:
    return smooth(light, NARROW) - smooth(light, WIDE)


def peaks(light: Image, most: int) -> FloatArray:
    """Places (m, 2), x and y, of the peaks of light (N, N) whose noise has rms 1; at most ``most``, brightest first.

    They are those of a difference of two Gaussians, to a fraction of a pixel by the parabola through its neighbours.
    """
    contrast = _contrast(light)
    inner = contrast[1:-1, 1:-1]
    side = len(contrast)
    around = [
        contrast[1 + dy : side - 1 + dy, 1 + dx : side - 1 + dx]
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if dx or dy
    ]
    rows, columns = np.nonzero((inner > np.max(around, axis=0)) & (inner > DEEP * _rms()))
    order = np.argsort(-inner[rows, columns], kind="stable")[:most]
    y, x = rows[order] + 1, columns[order] + 1
    return np.stack(
        [
            x + _vertex(contrast[y, x - 1], contrast[y, x], contrast[y, x + 1]),
            y + _vertex(contrast[y - 1, x], contrast[y, x], contrast[y + 1, x]),
        ],
        axis=1,
    )


def _vertex(before: Array, at: Array, after: Array) -> FloatArray:
    """Where the parabola through three neighbours has its peak, from the middle one, (m,)."""
    return np.asarray(0.5 * (after - before) / (2 * at - before - after), dtype=np.float64)


def places(light: Image, task: Task, told: Table) -> FloatArray:
    """Places (m, 2), x and y, of the galaxies of a blend, in the order of what is ``told`` of them.

    light : as ``significance`` gives it.
    """
    if task.listed is None:
        return peaks(light, task.most)
    if "x" in told:
        return np.stack([told["x"], told["y"]], axis=1).astype(np.float64)
    return beside(light, int(told["obj"].max(initial=0)) + 1)[told["obj"]]
