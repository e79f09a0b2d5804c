"""Labels by hand on four pixels, and the rule of what counts as a lens at its edges."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens.labels import is_lens, measure_arcs

SOURCE = np.array([True, False])


def test_by_hand() -> None:
    arcs = np.array([[[3.0, 1.0], [0.5, 2.0]], [[0.0, 0.0], [0.0, 0.0]]])
    found = measure_arcs(arcs, np.full((2, 2, 2), 5.0), np.array([1.0, 1.0]), SOURCE)
    assert found["npix"].tolist() == [2, 0]
    assert found["npix"].dtype == np.int32
    assert found["flux_sigma"][0] == 5.0
    assert found["snr_arc"][0] == pytest.approx(np.sqrt(9 + 1 + 0.25 + 4))
    assert found["contrast"][0] == pytest.approx(6.5 / 20)
    for name in ("flux_sigma", "snr_arc", "contrast"):
        assert np.isnan(found[name][1])


def test_noise_scales_the_signal() -> None:
    arcs = np.full((1, 3, 3), 4.0)
    one, two = (measure_arcs(arcs, arcs, np.array([s]), np.array([True])) for s in (1.0, 2.0))
    assert one["snr_arc"] == 2 * two["snr_arc"]
    assert one["flux_sigma"] == 2 * two["flux_sigma"]


@pytest.mark.parametrize(
    ("source", "mu", "npix", "expected"),
    [(True, 1.7, 21, True), (True, 1.6, 21, False), (True, 1.7, 20, False), (False, np.nan, 0, False)],
)
def test_rule(source: bool, mu: float, npix: int, expected: bool) -> None:
    assert is_lens(np.array([source]), np.array([mu]), np.array([npix]))[0] == expected
