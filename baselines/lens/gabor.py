"""Gabor filters in polar coordinates and a support vector machine.

blindsky baseline lens/gabor_svm --release ID

The method of Hartley et al. 2017, which came closest to networks in the first challenge: how strongly, how
unevenly and how far out a stamp answers to waves of three lengths and four orientations. The galaxy is left in:
to take away the median over the angle at each radius takes full rings with it (an AUROC of .76 for .82 in `space`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.lens import polar
from blindsky.baselines.lens.colours import with_differences
from blindsky.baselines.lens.stamps import (
    Camera,
    Pixels,
    cameras,
    described,
    labels,
    smooth,
    stamps,
    train_described,
)
from blindsky.baselines.lens.standard import Features, Standard
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

SMOOTHING = 0.7  # pixels: the narrowest filter smooths further
STRETCH = 2.0  # asinh(image / 2 rms)
FAINTEST = 1e-3  # rms of a response below which its logarithm says nothing
C = 2.0  # weight of a stamp on the wrong side of the margin
CHUNK = 1024  # rows at once: a kernel of 1024 x 20,000 float32 is 80 MB
MOST_ROWS = 20_000  # to learn from, as many as the first challenge had: the time goes as their square
CACHE_MB = 1000  # of kernel rows in training: a third of those of 20,000 stamps


def moments(response: Pixels) -> Features:
    """Six numbers of each response (m, RADII, ANGLES): shape (m, 6), NaN where nothing answers.

    log of the standard deviation, skewness, log of the kurtosis, log of the rms in the inner and in the outer half
    of the radii, log of the largest absolute value.
    """
    flat = response.reshape(len(response), -1)
    d = flat - flat.mean(axis=1, keepdims=True)
    square = d * d
    variance = square.mean(axis=1)
    variance[variance == 0] = np.nan
    skew = np.einsum("mi,mi->m", square, d) / flat.shape[1] / variance**1.5
    kurtosis = np.einsum("mi,mi->m", square, square) / flat.shape[1] / variance**2
    inner, outer = square.reshape(len(flat), 2, -1).mean(axis=2).T
    sizes = np.sqrt([variance, inner, outer]) + FAINTEST
    peak = np.abs(flat).max(axis=1) + FAINTEST
    log_std, log_inner, log_outer = np.log(sizes)
    found = np.stack([log_std, skew, np.log(kurtosis), log_inner, log_outer, np.log(peak)], axis=1)
    found[np.isnan(variance)] = np.nan
    return found.astype(np.float32)


@dataclass(frozen=True)
class Responses:
    """The cameras whose bands, and differences of bands, are described one after the other."""

    cameras: tuple[Camera, ...]

    def __call__(self, table: Table) -> Features:
        """Moments of all responses, (n, k)."""
        found = []
        for camera in self.cameras:
            values, good = with_differences(*smooth(*stamps(table, camera), SMOOTHING), camera)
            planes = values.reshape(-1, *values.shape[2:])
            seen, known = polar.to_polar(planes, good.reshape(planes.shape))
            maps = np.where(known, np.arcsinh(seen / STRETCH), np.float32(0))
            answers = np.concatenate([moments(response) for response in polar.gabor(maps)], axis=1)
            found.append(answers.reshape(len(values), -1))
        return np.concatenate(found, axis=1)


@dataclass(frozen=True)
class Machine:
    """describe, standard : from stamps to features (n, k).    vectors, weights : (m, k), (m,), the support.

    gamma : of the kernel exp(-gamma |x - y|^2).    offset : of the decision.
    """

    describe: Responses
    standard: Standard
    vectors: Features
    weights: Features
    gamma: float
    offset: float
    workers: int

    def decide(self, features: Features) -> FloatArray:
        """Decision of standardised features (n, k): the sum over the support, as matrix products."""
        lengths = np.einsum("mk,mk->m", self.vectors, self.vectors)
        decisions = []
        for first in range(0, len(features), CHUNK):
            x = features[first : first + CHUNK]
            squared = np.einsum("nk,nk->n", x, x)[:, None] + lengths - 2 * (x @ self.vectors.T)
            decisions.append(np.exp(-self.gamma * np.maximum(squared, 0)) @ self.weights + self.offset)
        return np.concatenate(decisions).astype(np.float64)

    def predict(self, test: Table) -> Table:
        """The decision, through a sigmoid into 0..1."""
        from scipy.special import expit

        features = self.standard(described(self.describe, test, self.workers))
        return {"id": test["id"], "score": expit(self.decide(features))}


def train(public: Public, settings: Settings) -> Machine:
    """Describe the train split and fit; of more than 20,000 stamps the first do, for ids carry no information."""
    from sklearn.svm import SVC

    answers = labels(public)
    describe = Responses(cameras(public))
    features = train_described(public, describe, settings, "gabor_svm", MOST_ROWS)
    standard = Standard.of(features)
    gamma = 1 / features.shape[1]  # distances between standardised features grow as the root of their number
    svc = SVC(C=C, gamma=gamma, cache_size=CACHE_MB).fit(standard(features), answers[: len(features)])
    return Machine(
        describe=describe,
        standard=standard,
        vectors=svc.support_vectors_.astype(np.float32),
        weights=svc.dual_coef_[0].astype(np.float32),
        gamma=gamma,
        offset=float(svc.intercept_[0]),
        workers=settings.workers,
    )
