"""What is left of one band when another is subtracted: red galaxies go, and blue arcs that they hide stay."""

from __future__ import annotations

import numpy as np

from blindsky.baselines.lens.stamps import Camera, Good, Pixels

PAIRS = (("g", "i"), ("g", "r"), ("u", "r"))  # blue less red


def with_differences(values: Pixels, good: Good, camera: Camera) -> tuple[Pixels, Good]:
    """The bands of a camera (n, b, s, s), and after them the differences of those pairs that it has.

    A - a B, with a by least squares over each stamp's good pixels: the colour of what dominates it. Values are in
    units of the noise, and so are the differences.
    """
    maps, known = [values], [good]
    for blue, red in PAIRS:
        if blue in camera.bands and red in camera.bands:
            i, j = camera.bands.index(blue), camera.bands.index(red)
            both = good[:, i] & good[:, j]
            A, B = np.where(both, values[:, i], 0), np.where(both, values[:, j], 0)
            power = np.einsum("nij,nij->n", B, B)
            a = np.einsum("nij,nij->n", A, B) / np.where(power > 0, power, 1)
            left = (A - a[:, None, None] * B) / np.sqrt(1 + a**2)[:, None, None]
            maps.append(left[:, None])
            known.append(both[:, None])
    return np.concatenate(maps, axis=1), np.concatenate(known, axis=1)
