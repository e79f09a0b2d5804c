"""Kilonovae: closed forms of a component, and fast reddening of the sum."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.transients import kilonova
from blindsky.challenges.transients.bands import to_magnitude
from blindsky.challenges.transients.blackbody import planck
from blindsky.challenges.transients.sources import TRANSIENTS

KN = TRANSIENTS["KN"]


def test_component() -> None:
    """Nothing at the merger, half the light at half the time of maximum, one e-folding 1.6 of them later."""
    p = {"tp": np.array([1.0]), "T": np.array([8000.0])}
    te = np.array([-0.2, 0.5, 1.0, 2.6, 1.0 + 2 * 1.6])
    S, T = kilonova.expansion(1.6, p, te - 0.6)
    np.testing.assert_allclose(S / planck(6200, T), [0, 0.5, 1, np.exp(-1), np.exp(-2)], atol=1e-12)
    np.testing.assert_allclose(T[1:3], [8000 * 0.5**-0.4, 8000])
    assert kilonova.expansion(1.6, p, np.array([400.0]))[1][0] == 2000


def test_fast_and_red() -> None:
    """Like AT 2017gfo: g is gone within days and g - i grows by magnitudes from one night to the fourth."""
    table = KN.draw(np.random.default_rng(1), 500)
    m = to_magnitude(KN.grid(table, np.array([0.2, 4.0, 10.0])))
    assert np.median(m[1, 1] - m[0, 1]) > 1.5
    assert np.median((m[1, 1] - m[1, 3]) - (m[0, 1] - m[0, 3])) > 1
    assert np.median(m[2, 1] - m[0, 1]) > 4


def test_components_add() -> None:
    table = KN.draw(np.random.default_rng(2), 50)
    phase = np.array([1.0])
    whole = KN.grid(table, phase)
    alone = []
    for colour in ("blue", "red"):
        dark = table | {f"M_{colour}": np.full(50, 99.0)}
        alone.append(KN.grid(dark, phase))
    np.testing.assert_allclose(whole, alone[0] + alone[1], rtol=1e-6)
