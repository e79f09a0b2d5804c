"""The oracle: the posterior p(z | fluxes) of the sky that drew them, the ceiling of the density board.

The selection is a function of the data alone, so it drops out; the prior only has to reach fainter than the
cut. The amplitude of each template is integrated out analytically: counts n(m) ~ 10^(0.3 m) are A^-0.75 dA/A
in flux, and the likelihood in A is a Gaussian. Variance and prior are taken at the observed flux, which costs
the mean log p less than 0.001 nat against iterating them at the model's.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.photoz import prior
from blindsky.challenges.photoz.photometry import FLOOR, SED_SCATTER, Survey, magnitude, variance
from blindsky.challenges.photoz.templates import CLASSES, templates
from blindsky.challenges.prediction import Grid
from blindsky.scoring.measurements import Table

Float32 = NDArray[np.float32]

GRID = Grid(0.0, 3.0, 301)  # the nodes that an entry sends; every second one of the oracle's own
FAINTEST = 1e-3  # nJy; least amplitude in i
AMPLITUDE_SLOPE = 1.75
CPU_BATCH, DEVICE_BATCH = 4, 1024  # galaxies at once: four keep the work of 57,696 models in the cache


class Oracle:
    """The posterior of one sky: ``G`` (T, 601, B) fluxes relative to i, ``survey`` its bands and noise."""

    def __init__(self, G: NDArray[np.float64], survey: Survey) -> None:
        self.survey = survey
        self.models = np.ascontiguousarray(np.moveaxis(G, 2, 0).reshape(G.shape[2], -1), dtype=np.float32)
        self.squares = self.models**2
        known = templates()
        self.log_weight = np.log(known.weight).astype(np.float32)[:, None]
        self.log_prior = prior.log_joint().astype(np.float32)
        ends = np.searchsorted(known.type_class, np.arange(len(CLASSES) + 1))
        self.classes = [slice(int(a), int(b)) for a, b in pairwise(ends)]

    def density(self, observed: NDArray[np.float64], f5: NDArray[np.float64], device: str = "cpu") -> Float32:
        """p(z) on the 601 nodes, trapezoid integral one, shape (n, 601).

        observed, f5 : (n, B) fluxes and 5-sigma fluxes in nJy.  device : ``cpu`` (NumPy) or a torch device.
        """
        f = np.maximum(observed, 0)
        V = variance(f, f, f5, self.survey.photons, np.hypot(FLOOR, SED_SCATTER))
        weighted, inverse = (observed / V).astype(np.float32), (1 / V).astype(np.float32)
        node = prior.magnitude_node(magnitude(observed[:, self.survey.bands.index("i")]))
        batch, evaluate = self._numpy() if device == "cpu" else self._torch(device)
        p = np.empty((len(observed), len(prior.Z_NODES)), dtype=np.float32)
        for start in range(0, len(observed), batch):
            rows = slice(start, start + batch)
            p[rows] = evaluate(weighted[rows], inverse[rows], node[rows])
        return normalise(p)

    def _numpy(self) -> tuple[int, Callable[[Float32, Float32, NDArray[np.intp]], Float32]]:
        """Batch length, and sum_T exp(ln L) of a batch up to a factor, in place in four buffers."""
        buffers = np.empty((4, CPU_BATCH, self.models.shape[1]), dtype=np.float32)

        def evaluate(weighted: Float32, inverse: Float32, node: NDArray[np.intp]) -> Float32:
            num, den, A, log_l = buffers[:, : len(node)]
            np.matmul(weighted, self.models, out=num)  # sum o g / V
            np.matmul(inverse, self.squares, out=den)  # sum g^2 / V
            np.maximum(np.divide(num, den, out=A), FAINTEST, out=A)
            np.multiply(A, den, out=log_l)  # -chi2 / 2 = A (num - A den / 2) + constant
            log_l *= -0.5
            log_l += num
            log_l *= A
            np.multiply(A, A, out=num)  # 0.5 ln den + 1.75 ln A = 0.5 ln(den A^3.5), one logarithm
            num *= A
            num *= np.sqrt(A, out=A)
            num *= den
            np.log(num, out=num)
            num *= 0.5
            log_l -= num
            by_template = log_l.reshape(len(node), len(self.log_weight), -1)
            by_template += self.log_weight
            for number, members in enumerate(self.classes):
                by_template[:, members] += self.log_prior[node, number, None]
            by_template -= by_template.max(axis=(1, 2), keepdims=True)
            summed: Float32 = np.exp(by_template, out=by_template).sum(axis=1)
            return summed

        return CPU_BATCH, evaluate

    def _torch(self, device: str) -> tuple[int, Callable[[Float32, Float32, NDArray[np.intp]], Float32]]:
        """The same on a torch device."""
        import torch

        def there(array: NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        models, squares, log_weight = there(self.models), there(self.squares), there(self.log_weight)
        log_prior = there(self.log_prior)

        def evaluate(weighted: Float32, inverse: Float32, node: NDArray[np.intp]) -> Float32:
            num, den = there(weighted) @ models, there(inverse) @ squares
            A = (num / den).clamp_(min=FAINTEST)
            log_l = (A * den).mul_(-0.5).add_(num).mul_(A)
            log_l -= num.copy_(A).mul_(A).mul_(A).mul_(A.sqrt_()).mul_(den).log_().mul_(0.5)
            by_template = log_l.reshape(len(node), len(log_weight), -1).add_(log_weight)
            at = log_prior[there(node)]
            for number, members in enumerate(self.classes):
                by_template[:, members] += at[:, number, None]
            by_template -= by_template.amax(dim=(1, 2), keepdim=True)
            summed: Float32 = by_template.exp_().sum(dim=1).cpu().numpy()
            return summed

        return DEVICE_BATCH, evaluate


def normalise(p: Float32) -> Float32:
    """Densities (n, k) on equal steps over 0 ... 3, divided by their trapezoid integral."""
    step = GRID.high / (p.shape[1] - 1)
    total = step * (p.sum(axis=1, dtype=np.float64) - (p[:, 0].astype(np.float64) + p[:, -1]) / 2)
    return np.asarray(p / total[:, None], dtype=np.float32)


def submittable(p: Float32) -> Float32:
    """The density that could be sent: every second node of (n, 601), renormalised, shape (n, 301)."""
    return normalise(p[:, ::2])


def columns(z_true: NDArray[np.float64], pdf: Float32) -> Table:
    """The scalars of the private oracle table, from the density that could be sent; all (n,) float64."""
    from blindsky.scoring import density

    found = density.measure(z_true, pdf, GRID.low, GRID.high)
    return {
        "oracle_logp": np.log(np.maximum(found["p_true"], np.finfo(np.float64).tiny)),
        "oracle_int_p2": found["int_p2"],
        "oracle_pit": found["pit"],
        "oracle_crps": found["crps"],
        "oracle_z_mean": found["pdf_mean"],
        "oracle_z_median": density.median(pdf, GRID.low, GRID.high),
        "oracle_z_mode": density.mode(pdf, GRID.low, GRID.high),
    }
