"""Distributions that sources draw their parameters from; every draw takes the block's own stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from blindsky.scoring.measurements import FloatArray


class Distribution(Protocol):
    """Something that can be drawn."""

    def draw(self, stream: np.random.Generator, n: int) -> FloatArray:
        """Values (n,)."""


@dataclass(frozen=True)
class Uniform:
    """Uniform between ``low`` and ``high``: U(low, high) of the specification."""

    low: float
    high: float

    def draw(self, stream: np.random.Generator, n: int) -> FloatArray:
        """Values (n,)."""
        return np.asarray(self.low + (self.high - self.low) * stream.random(n))


@dataclass(frozen=True)
class LogUniform:
    """Uniform in the logarithm: L(low, high)."""

    low: float
    high: float

    def draw(self, stream: np.random.Generator, n: int) -> FloatArray:
        """Values (n,)."""
        return np.asarray(self.low * np.exp(np.log(self.high / self.low) * stream.random(n)))


@dataclass(frozen=True)
class Normal:
    """Normal with one standard deviation below the mode and another above it (equal where ``above`` is None).

    Draws outside [low, high] are drawn again, so nothing piles up on the bounds. With two deviations the density
    is continuous at the mode (the two-sided Gaussian of Scolnic & Kessler 2016).
    """

    mode: float
    sd: float
    low: float = -np.inf
    high: float = np.inf
    above: float | None = None

    def draw(self, stream: np.random.Generator, n: int) -> FloatArray:
        """Values (n,)."""
        x = self._free(stream, n)
        while (outside := np.flatnonzero((x < self.low) | (x > self.high))).size:
            x[outside] = self._free(stream, outside.size)
        return x

    def _free(self, stream: np.random.Generator, n: int) -> FloatArray:
        x = self.sd * stream.standard_normal(n)
        if self.above is not None:
            up = stream.random(n) * (self.sd + self.above) < self.above
            x = np.where(up, self.above / self.sd, -1.0) * np.abs(x)
        return x + self.mode


@dataclass(frozen=True)
class LogNormal:
    """10^N(log10 median, dex), within [low, high]."""

    median: float
    dex: float
    low: float
    high: float

    def draw(self, stream: np.random.Generator, n: int) -> FloatArray:
        """Values (n,)."""
        exponent = Normal(np.log10(self.median), self.dex, np.log10(self.low), np.log10(self.high))
        return np.asarray(10 ** exponent.draw(stream, n))
