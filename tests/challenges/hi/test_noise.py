"""Noise: the golden stream, the beam as its autocorrelation, and tiles that have the bytes of the plane."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.hi.field import DEV, TINY, Field
from blindsky.challenges.hi.noise import Noise, taps
from blindsky.challenges.randomness import Streams, derive

STREAMS = Streams(hashlib.sha256(b"blindsky-golden").digest(), "golden/hi/core/tiny/test")
UNIT = np.ones(40)


def test_the_golden_stream() -> None:
    words = np.frombuffer(derive(STREAMS.key, f"{STREAMS.path}/noise/0/0/0")[:16], "<u8")
    assert words.tolist() == [17093710841401815046, 2478282073207088942]
    raw = STREAMS("noise/0/0/0").bit_generator.random_raw(2)
    assert raw.tolist() == [18390844972178182853, 2060257988983284795]
    first = STREAMS("noise/0/0/0").standard_normal(4, dtype=np.float32)
    np.testing.assert_allclose(first, [0.4370553, -0.21918438, -0.20250642, 0.5457934], rtol=2e-7)


def test_taps_are_those_of_the_beam_over_root_two() -> None:
    np.testing.assert_allclose(taps(), [0.863609, 0.355630, 0.024834, 0.000294, 0.000001], atol=5e-7)


def test_a_plane_is_the_first_blocks_smoothed_along_rows_and_columns() -> None:
    white = STREAMS("noise/3083/0/0").standard_normal((200, 200), dtype=np.float32).astype(np.float64)
    kernel = np.concatenate([taps()[:0:-1], taps()]).astype(np.float64)
    for axis in (0, 1):
        white = np.apply_along_axis(np.convolve, axis, white, kernel, "valid")
    rms = np.arange(1.0, 41) * 1e-5
    np.testing.assert_allclose(Noise(TINY, rms, STREAMS).plane(5), 6e-5 * white, rtol=0, atol=6e-11)


def test_rms_and_autocorrelation_are_those_of_the_beam() -> None:
    """40 planes of 643 x 643 have about 1.6 million beams: the rms is known to 0.06 %, a correlation to 0.001."""
    drawn = Noise(DEV, UNIT, STREAMS)
    power, lags = 0.0, np.zeros(7)
    for z in range(40):
        plane = drawn.plane(z).astype(np.float64)
        power += (plane**2).mean() / 40
        lags[:3] += [(plane[:, j:] * plane[:, :-j]).mean() / 40 for j in (1, 2, 3)]
        lags[3:6] += [(plane[j:] * plane[:-j]).mean() / 40 for j in (1, 2, 3)]
        lags[6] += (plane[1:, 1:] * plane[:-1, :-1]).mean() / 40
    assert np.sqrt(power) == pytest.approx(1, abs=0.003)
    expected = [0.63193, 0.16958, 0.01817] * 2 + [0.399]
    np.testing.assert_allclose(lags / power, expected, atol=0.004)


def test_channels_and_blocks_are_independent() -> None:
    drawn = Noise(DEV, UNIT, STREAMS)
    one, two = drawn.plane(0), drawn.plane(1)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(one[:200, :200].ravel(), one[217:417, :200].ravel())[0, 1]) < 0.03
    shifted = Field(643, 643, 40, 1, 1, 1, 1.8, (64, 64, 256), 217)
    np.testing.assert_array_equal(Noise(shifted, UNIT, STREAMS).plane(0), two)  # named by the global channel


@pytest.fixture(scope="module")
def plane() -> np.ndarray:
    return Noise(DEV, UNIT, STREAMS).plane(7)


@settings(deadline=None, max_examples=30)
@given(
    ys=st.tuples(st.integers(0, 643), st.integers(0, 643)),
    xs=st.tuples(st.integers(0, 643), st.integers(0, 643)),
)
def test_a_tile_is_the_slice_of_its_plane(
    plane: np.ndarray, ys: tuple[int, int], xs: tuple[int, int]
) -> None:
    (y0, y1), (x0, x1) = sorted(ys), sorted(xs)
    tile = Noise(DEV, UNIT, STREAMS).tile(7, y0, y1, x0, x1)
    np.testing.assert_array_equal(tile, plane[y0:y1, x0:x1])


@pytest.mark.parametrize("y0", range(205, 222, 2))
def test_a_tile_that_begins_beside_the_edge_of_a_block(plane: np.ndarray, y0: int) -> None:
    tile = Noise(DEV, UNIT, STREAMS).tile(7, y0, y0 + 6, 640, 643)
    np.testing.assert_array_equal(tile, plane[y0 : y0 + 6, 640:643])
