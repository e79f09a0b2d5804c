"""Pairs of another sky than the one methods train on: more irregular galaxies, clumpier, a third one, and stars."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.deblending.bands import Setting
from blindsky.challenges.deblending.galaxies import Galaxies
from blindsky.challenges.deblending.pairs import CENTRE, Draw, build, draw_pairs, radii
from blindsky.challenges.draws import choose

SHARES = {"sph": 0.10, "sphd": 0.20, "disk": 0.20, "irr": 0.50}
KNOT_SHARE = (0.3, 0.7)
STARS = 0.03  # of the companions
THIRD = 0.5  # share of pairs with a third galaxy ...
THIRD_DISTANCE = (20.0, 45.0)  # pixels from the central one
THIRD_MAGNITUDE = (21.0, 24.0)


def shifted_pairs(stream: np.random.Generator, setting: Setting, n: int) -> Galaxies:
    """The galaxies of ``n`` pairs: central, companion, and where there is one the third, which nobody asks for."""
    drawn = draw_pairs(stream, SHARES, n, stars=STARS)
    kind = choose(stream, SHARES, n)
    magnitude = stream.uniform(*THIRD_MAGNITUDE, n)
    third = Draw(kind, magnitude, radii(stream, kind, magnitude))
    distance, angle = stream.uniform(*THIRD_DISTANCE, n), stream.uniform(0, 2 * np.pi, n)
    there = stream.random(n) < THIRD

    def interleaved(*columns: np.ndarray) -> np.ndarray:
        return np.stack(columns, axis=1).ravel()

    three = Draw(*(interleaved(*c) for c in zip(drawn.central, drawn.companion, third, strict=True)))
    zero, yes = np.zeros(n), np.ones(n, dtype=bool)
    x = CENTRE + interleaved(zero, drawn.dx, distance * np.cos(angle))
    y = CENTRE + interleaved(zero, drawn.dy, distance * np.sin(angle))
    listed = interleaved(yes, yes, ~yes)
    galaxies = build(stream, setting, three, np.repeat(np.arange(n), 3), x, y, listed, KNOT_SHARE)
    return galaxies.select(interleaved(yes, yes, there))
