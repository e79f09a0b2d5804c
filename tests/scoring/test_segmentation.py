"""Masks and images of objects: closed forms of squares and Gaussians, scikit-learn, batches that must not show."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.scoring import segmentation
from blindsky.scoring.segmentation import (
    blendedness,
    cosine,
    ellipticity,
    iou,
    residual,
    residual_chi2,
    shared,
    sums_by_case,
)


def square(row, column, *, size=4, side=2):
    mask = np.zeros((1, size, size), bool)
    mask[0, row : row + side, column : column + side] = True
    return mask


def gaussian(x, y, *, xx=4.0, yy=4.0, xy=0.0, flux=1.0, n=61):
    """A Gaussian of covariance xx, yy, xy on a stamp of n pixels, (1, n, n); x counts columns."""
    dy, dx = np.mgrid[:n, :n] - np.array([y, x])[:, None, None]
    form = (yy * dx**2 - 2 * xy * dx * dy + xx * dy**2) / (xx * yy - xy**2)
    return flux * np.exp(-0.5 * form)[None] / (2 * np.pi * np.sqrt(xx * yy - xy**2))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: iou(np.ones((2, 4, 4), bool), np.ones((2, 4, 5), bool)), "one shape"),
        (lambda: iou(np.ones((4, 4), bool), np.ones((4, 4), bool)), "one shape"),
        (lambda: iou(np.ones((2, 4, 4)), np.ones((2, 4, 4))), "bool or uint8"),
        (lambda: residual(np.ones((2, 4, 4)), np.ones((1, 4, 4))), "one shape"),
    ],
)
def test_what_can_not_be_compared(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_iou_of_squares():
    # 2x2 squares one pixel apart share 2 of 6 pixels; booleans that are added instead give 1/2
    assert iou(square(1, 1), square(1, 2)) == pytest.approx([1 / 3], abs=1e-15)
    assert iou(square(1, 1), square(1, 1)) == [1]
    assert iou(square(0, 0), square(2, 2)) == [0]


def test_iou_of_empty_masks():
    nothing = np.zeros((1, 4, 4), bool)
    assert iou(nothing, nothing) == [1]
    assert iou(nothing, square(1, 1)) == [0]
    assert iou(square(1, 1), nothing) == [0]
    assert iou(nothing[:0], nothing[:0]).shape == (0,)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_iou_of_any_masks(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, (7, 20, 20)))
    truth, prediction = rng.random((2, *shape)) < rng.random((2, shape[0], 1, 1))
    both, either = np.logical_and(truth, prediction), np.logical_or(truth, prediction)
    expected = [b.sum() / e.sum() if e.any() else 1.0 for b, e in zip(both, either, strict=True)]
    np.testing.assert_allclose(iou(truth, prediction), expected, rtol=1e-15)
    np.testing.assert_array_equal(iou(truth, prediction), iou(prediction, truth))
    np.testing.assert_array_equal(iou(truth, prediction), iou(~~truth, prediction.astype(np.uint8) * 255))


def test_iou_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth, prediction = rng.random((2, 30, 32, 32)) < rng.random((2, 30, 1, 1))
    expected = [
        metrics.jaccard_score(t.ravel(), p.ravel(), zero_division=1.0)
        for t, p in zip(truth, prediction, strict=True)
    ]
    np.testing.assert_allclose(iou(truth, prediction), expected, rtol=1e-14)


def test_shared_pixels():
    """Of a case two squares share one pixel of four, a third is alone, the fourth empty; the next case has none."""
    four = [square(*at, size=6) for at in ((0, 0), (1, 1), (4, 4), (5, 5))]
    four[3][:] = False
    masks = np.concatenate([*four, four[0]])
    np.testing.assert_array_equal(shared(masks, np.array([4, 0, 1])), [0.25, 0.25, 0, 0, 0])
    three = np.concatenate([four[0]] * 3).astype(np.uint8)
    np.testing.assert_array_equal(shared(three, np.array([3])), [1, 1, 1])


def test_memory_does_not_grow_with_the_number_of_masks():
    peaks = []
    for n in (64, 1024):
        masks = np.ones((n, 128, 128), np.uint8)
        tracemalloc.start()
        iou(masks, masks)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 16 kB a mask; words are 2 kB, and there are a few sets of them
    assert (peaks[1] - peaks[0]) / (1024 - 64) < 12_000


def test_residual_and_cosine():
    s = gaussian(30, 30)
    for factor, left in ((1.0, 0.0), (0.7, 0.3), (0.0, 1.0), (2.0, 1.0), (5.0, 1.0)):
        assert residual(s, factor * s) == pytest.approx([left], abs=1e-12)
    assert cosine(s, 2 * s) == pytest.approx([1.0])  # a direction alone, hence recon beside it
    assert cosine(s, -s) == pytest.approx([-1.0])
    # two Gaussians of variance 4 at distance d: <a, b>/(|a||b|) = exp(-d^2/16); |a - b|^2 = 2 |a|^2 (1 - that)
    likeness = np.exp(-1 / 4)
    assert cosine(s, gaussian(32, 30)) == pytest.approx([likeness], abs=1e-9)
    assert residual(s, gaussian(32, 30)) == pytest.approx([np.sqrt(2 * (1 - likeness))], abs=1e-9)


def test_images_without_light():
    s, nothing = gaussian(30, 30), np.zeros((1, 61, 61))
    assert cosine(s, nothing) == [0]
    assert cosine(nothing, s) == [0]
    assert residual(nothing, nothing) == [0]
    assert residual(nothing, s) == [1]
    assert np.isnan(blendedness(nothing, s)[0])
    assert np.isnan(ellipticity(nothing, [30.0], [30.0], [3.0])).all()


def test_single_precision_images_and_batches():
    rng = np.random.default_rng(1)
    s, p = rng.normal(0, 1e4, (2, 100, 61, 61)).astype(np.float32)
    s64, p64 = s.astype(np.float64).reshape(100, -1), p.astype(np.float64).reshape(100, -1)
    norm = np.linalg.norm(s64, axis=1)
    expected = np.minimum(np.linalg.norm(p64 - s64, axis=1) / norm, 1)
    np.testing.assert_allclose(residual(s, p), expected, rtol=1e-13)
    expected = (s64 * p64).sum(axis=1) / norm / np.linalg.norm(p64, axis=1)
    np.testing.assert_allclose(cosine(s, p), expected, rtol=1e-10, atol=1e-13)


def test_chi2_of_noise():
    rng = np.random.default_rng(2)
    sigma = np.array([0.01, 2.0])
    noise = sigma[:, None, None] * rng.standard_normal((2, 128, 128))
    s = gaussian(64, 64, flux=100, n=128)
    # 16,384 pixels: the mean of chi2 scatters by sqrt(2/16384) = .011
    np.testing.assert_allclose(residual_chi2(s + noise, np.repeat(s, 2, axis=0), sigma), 1, atol=0.04)
    np.testing.assert_allclose(residual_chi2(noise, noise - sigma[:, None, None], sigma), 1, rtol=1e-12)


def test_sums_by_case():
    images = np.arange(5.0)[:, None, None] * np.ones((5, 2, 3), np.float32)
    total = sums_by_case(images, np.array([2, 0, 3, 0]))
    assert total.dtype == np.float64
    np.testing.assert_array_equal(total[:, 0, 0], [1, 0, 9, 0])
    assert sums_by_case(images[:0], np.array([0, 0])).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("flux", "expected"), [(1.0, (0.26894142, 0.26894142)), (3.0, (0.10923177, 0.52463311))]
)
def test_blendedness_of_two_gaussians(flux, expected):
    # widths 2 px, distance 4 px
    pair = np.concatenate([gaussian(28, 30, flux=flux), gaussian(32, 30)])
    total = sums_by_case(pair, np.array([2]))[[0, 0]]
    np.testing.assert_allclose(blendedness(pair, total), expected, atol=1e-8)
    np.testing.assert_allclose(blendedness(pair, pair), 0, atol=1e-15)


@pytest.mark.parametrize(("xx", "yy", "xy"), [(9, 4, 0), (4, 9, 0), (6, 6, 2), (8, 5, -1.5), (4, 4, 0)])
@pytest.mark.parametrize("sigma", [3.0, 6.0])
def test_moments_of_gaussians(xx, yy, xy, sigma):
    # a Gaussian under a Gaussian weight is one of covariance (C^-1 + 1/sigma^2)^-1
    image = gaussian(30.3, 29.6, xx=xx, yy=yy, xy=xy)
    q = np.linalg.inv(np.linalg.inv([[xx, xy], [xy, yy]]) + np.eye(2) / sigma**2)
    expected = np.array([q[0, 0] - q[1, 1], 2 * q[0, 1]]) / np.trace(q)
    found = ellipticity(image, np.array([30.3]), np.array([29.6]), np.array([sigma]))
    np.testing.assert_allclose(np.ravel(found), expected, atol=1e-6)
    bright = ellipticity(
        (7 * image).astype(np.float32), np.array([30.3]), np.array([29.6]), np.array([sigma])
    )
    np.testing.assert_allclose(np.ravel(bright), expected, atol=1e-6)


def test_moments_under_rotation():
    image = gaussian(30, 30, xx=9, yy=4, xy=1.5)
    centre = ([30.0], [30.0], [4.0])
    e1, e2 = ellipticity(image, *centre)
    turned = ellipticity(np.rot90(image, axes=(1, 2)), *centre)
    mirrored = ellipticity(np.swapaxes(image, 1, 2), *centre)
    np.testing.assert_allclose(turned, (-e1, -e2), atol=1e-12)
    np.testing.assert_allclose(mirrored, (-e1, e2), atol=1e-12)


def test_moments_against_galsim():
    galsim = pytest.importorskip("galsim")
    drawn = (
        galsim.Gaussian(sigma=3).shear(e1=0.3, e2=-0.2).drawImage(nx=61, ny=61, scale=1, method="no_pixel")
    )
    image = drawn.array[None]
    moments = galsim.hsm.FindAdaptiveMom(drawn, round_moments=True)
    found = ellipticity(image, [30.0], [30.0], [moments.moments_sigma])
    np.testing.assert_allclose(
        np.ravel(found), [moments.observed_shape.e1, moments.observed_shape.e2], atol=2e-3
    )


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_batches_do_not_show(monkeypatch, rows):
    rng = np.random.default_rng(3)
    masks, images = rng.random((9, 20, 21)) < 0.5, rng.random((9, 20, 21))
    place = rng.uniform(9, 11, (2, 9))

    def everything():
        shapes = ellipticity(images, *place, np.full(9, 4.0))
        return iou(masks, masks[::-1]), residual(images, images[::-1]), *shapes

    whole = everything()
    monkeypatch.setattr(segmentation, "_BYTES", 8 * 20 * 21 * rows)
    np.testing.assert_array_equal(everything(), whole)
