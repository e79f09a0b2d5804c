"""Pixels of objects: how well masks and images of single objects agree with the truth, and shapes from moments.

Masks are compared as bits, 64 pixels a word, and by Boolean algebra: sums of Booleans are no counts. Images are
compared with the truth's own norm, never with their own maximum, which would forgive every wrong flux. Sums are
float64 over a few rows at a time, so memory is that of a batch whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray

Words = NDArray[np.uint64]
_BYTES = 1 << 22  # of images at a time: they stay in the cache


def _batches(images: Array) -> Iterator[slice]:
    """Slices of the rows of images (n, ...), a few megabytes of float64 each."""
    step = max(1, _BYTES // (8 * max(images[:1].size, 1)))
    return (slice(i, i + step) for i in range(0, len(images), step))


def _alike(first: Array, *others: Array) -> None:
    """ValueError unless all are images (n, H, W) of one shape."""
    shapes = [np.shape(images) for images in (first, *others)]
    if len(shapes[0]) != 3 or any(shape != shapes[0] for shape in shapes):
        message = f"expected images of one shape (n, H, W), got {', '.join(map(str, shapes))}"
        raise ValueError(message)


def pack(masks: Array) -> Words:
    """Masks (n, H, W) as words of 64 pixels, (n, ceil(H W / 64)); a pixel is in a mask where it is not 0.

    masks : bool or uint8; ValueError for others, whose rounding would be a guess.
    """
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.dtype not in (np.bool_, np.uint8):
        message = f"expected bool or uint8 masks (n, H, W), got {masks.dtype} of shape {masks.shape}"
        raise ValueError(message)
    pixels = masks.shape[1] * masks.shape[2]
    packed: NDArray[np.uint8] = np.zeros((len(masks), -(-pixels // 64) * 8), dtype=np.uint8)
    for rows in _batches(masks):
        packed[rows, : -(-pixels // 8)] = np.packbits(masks[rows].reshape(-1, pixels), axis=1)
    return packed.view(np.uint64)


def iou_of_words(truth: Words, prediction: Words) -> FloatArray:
    """``iou`` of packed masks (n, words), (n,)."""
    both = np.bitwise_count(truth & prediction).sum(axis=1, dtype=np.int64)
    either = np.bitwise_count(truth | prediction).sum(axis=1, dtype=np.int64)
    agreement: FloatArray = np.ones(len(truth))  # both empty
    np.divide(both, either, out=agreement, where=either > 0)
    return agreement


def iou(truth: Array, prediction: Array) -> FloatArray:
    """Intersection over union of each mask, (n,): 1 where both are empty, 0 where one is (Jaccard 1912).

    truth, prediction : (n, H, W), bool or uint8.   ValueError for other shapes and types.
    """
    _alike(truth, prediction)
    return iou_of_words(pack(truth), pack(prediction))


def shared(masks: Array, counts: Array) -> FloatArray:
    """Share (n,) of each mask that lies in other masks of its case too; 0 where a mask is empty.

    masks : (counts.sum(), H, W), those of the first case first, bool or uint8.   counts : (n_cases,).
    """
    words = pack(masks)
    both: NDArray[np.int64] = np.zeros(len(words), dtype=np.int64)
    start = 0
    for count in np.asarray(counts).tolist():
        own = words[start : start + count]
        for k in range(count):
            others = np.bitwise_or.reduce(np.delete(own, k, axis=0), axis=0)
            both[start + k] = np.bitwise_count(own[k] & others).sum(dtype=np.int64)
        start += count
    whole = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return np.asarray(np.divide(both, whole, out=np.zeros(len(words)), where=whole > 0))


def _products(first: Array, second: Array) -> FloatArray:
    """Sum over pixels of the product of images (n, H, W), (n,)."""
    sums: FloatArray = np.empty(len(first))
    for rows in _batches(first):
        a, b = first[rows].astype(np.float64), second[rows].astype(np.float64)
        sums[rows] = np.einsum("nij,nij->n", a, b)
    return sums


def _differences(first: Array, second: Array) -> FloatArray:
    """Sum over pixels of the squared difference of images (n, H, W), (n,)."""
    sums: FloatArray = np.empty(len(first))
    for rows in _batches(first):
        d = first[rows].astype(np.float64) - second[rows]
        sums[rows] = np.einsum("nij,nij->n", d, d)
    return sums


def residual(truth: Array, prediction: Array) -> FloatArray:
    """||P - S||_2 / ||S||_2 of each image, at most 1, (n,): what is left beside what there was.

    truth S, prediction P : (n, H, W).   An S without light is matched by a P without light (0) and by no other (1).
    """
    _alike(truth, prediction)
    left, there = _differences(truth, prediction), _products(truth, truth)
    squared: FloatArray = np.where(left > 0, 1.0, 0.0)
    np.divide(left, there, out=squared, where=there > 0)
    return np.sqrt(np.minimum(squared, 1.0))


def cosine(truth: Array, prediction: Array) -> FloatArray:
    """<P, S> / (|P| |S|) of each image, (n,); 0 where one is without light.

    truth S, prediction P : (n, H, W).
    """
    _alike(truth, prediction)
    norm = np.sqrt(_products(truth, truth)) * np.sqrt(_products(prediction, prediction))
    likeness: FloatArray = np.zeros(len(norm))
    np.divide(_products(truth, prediction), norm, out=likeness, where=norm > 0)
    return likeness


def residual_chi2(image: Array, model: Array, sigma: Array) -> FloatArray:
    """Sum of (image - model)^2 / sigma^2 over pixels, divided by their number, (n,).

    image, model : (n, H, W).   sigma : (n,) > 0, rms of the background of a pixel, in the unit of the image.
    """
    _alike(image, model)
    pixels = image.shape[1] * image.shape[2]
    noise: FloatArray = pixels * np.asarray(sigma, dtype=np.float64) ** 2
    return _differences(image, model) / noise


def sums_by_case(images: Array, counts: Array) -> FloatArray:
    """The sum of the images of each case, (n, H, W) float64; zero where a case has none.

    images : (counts.sum(), H, W), those of the first case first.   counts : (n,).
    """
    total: FloatArray = np.zeros((len(counts), *images.shape[1:]))
    some = np.flatnonzero(counts)
    if len(some):
        starts = (np.cumsum(counts) - counts)[some]
        total[some] = np.add.reduceat(images, starts, axis=0, dtype=np.float64)
    return total


def blendedness(isolated: Array, total: Array) -> FloatArray:
    """1 - sum S_i^2 / sum S_i S_tot of each object, (n,); 0 = isolated (Bosch+2018). NaN without light.

    isolated : S_i (n, H, W), noiseless image of the object alone.   total : S_tot (n, H, W), of all of its blend.
    """
    _alike(isolated, total)
    shared = _products(isolated, total)
    own: FloatArray = np.full(len(shared), np.nan)
    np.divide(_products(isolated, isolated), shared, out=own, where=shared > 0)
    return 1 - own


def ellipticity(images: Array, x: Array, y: Array, sigma: Array) -> tuple[FloatArray, FloatArray]:
    """e1, e2 = (Qxx - Qyy, 2 Qxy)/(Qxx + Qyy) of second moments Q under a round Gaussian weight, (n,) each.

    images : (n, H, W).   x, y : (n,) centre of the weight, pixels, 0 the centre of the first.   sigma : (n,) > 0, width
    of the weight, pixels.   NaN where Qxx + Qyy is not above 0.
    """
    images = np.asarray(images)
    xx, yy, xy = np.empty((3, len(images)))
    for rows in _batches(images):
        light = images[rows].astype(np.float64)
        dx = np.arange(light.shape[2]) - np.asarray(x, dtype=np.float64)[rows, None]  # (n, W)
        dy = np.arange(light.shape[1]) - np.asarray(y, dtype=np.float64)[rows, None]  # (n, H)
        width = np.asarray(sigma, dtype=np.float64)[rows, None]
        # the weight is a product of one factor a direction, so moments are two matrix products
        wx, wy = np.exp(-0.5 * (dx / width) ** 2), np.exp(-0.5 * (dy / width) ** 2)
        along = np.stack([wx, wx * dx, wx * dx**2], axis=2)  # (n, W, 3)
        across = np.stack([wy, wy * dy, wy * dy**2], axis=1)  # (n, 3, H)
        moments = across @ light @ along  # (n, 3, 3), powers of dy by powers of dx
        xx[rows], yy[rows], xy[rows] = moments[:, 0, 2], moments[:, 2, 0], moments[:, 1, 1]
    size = xx + yy
    e1, e2 = np.full((2, len(images)), np.nan)
    np.divide(xx - yy, size, out=e1, where=size > 0)
    np.divide(2 * xy, size, out=e2, where=size > 0)
    return e1, e2
