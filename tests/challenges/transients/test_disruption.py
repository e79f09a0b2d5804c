"""Tidal disruptions: closed forms."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.transients import disruption
from blindsky.challenges.transients.bands import to_magnitude
from blindsky.challenges.transients.blackbody import planck
from blindsky.challenges.transients.sources import TRANSIENTS

TDE = TRANSIENTS["TDE"]


def test_light_curve() -> None:
    """exp(-1/2) one rise before maximum, 1 at it, 2^(-5/3) one decline after."""
    p = {"rise": np.array([10.0]), "fall": np.array([40.0]), "T": np.array([2e4])}
    S, T = disruption.accretion(p, np.array([-10.0, 0, 40, 280]))
    np.testing.assert_allclose(S / planck(4700, T), [np.exp(-0.5), 1, 2 ** (-5 / 3), 8 ** (-5 / 3)])
    assert (T == 2e4).all()


def test_colour_is_constant_and_blue() -> None:
    table = TDE.draw(np.random.default_rng(1), 300)
    table["a_v"][:] = 0
    m = to_magnitude(TDE.grid(table, np.array([-10.0, 0, 60, 200])))
    colour = m[:, 1] - m[:, 3]
    np.testing.assert_allclose(colour, np.broadcast_to(colour[0], colour.shape), atol=1e-9)
    assert np.median(colour[:, table["z"] < 0.5]) < -0.3
