"""Gaussian processes in time and wavelength, their shapes as features, and trees: the method that won PLAsTiCC.

blindsky baseline transients/gp --release ID

A process is fitted to every light curve. What the trees read is taken from its mean on a grid of times about the
maximum, from its uncertainty there, and from how many observations lie where (Boone 2019, table 2), beside the
simple features of ``features``. Where the training set is brighter than the test set, copies of its objects at
higher redshifts stand beside it (``resampling``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.transients import boosted, features, gaussian_process, lightcurves, resampling
from blindsky.baselines.transients.gaussian_process import BANDS, Posterior, Sample, in_batches
from blindsky.baselines.transients.lightcurves import KEY, Archive, LightCurves
from blindsky.challenges.release import Public
from blindsky.challenges.transients.bands import ZERO_POINT
from blindsky.scoring.measurements import FloatArray, Table

REPRESENTATIVE = "representative"  # the track whose training set is like its test set: it needs no copies
LETTERS = "ugrizy"
# Days about the brightest observation: steps of a day where a kilonova lives, of five where only slow ones do
GRID = np.concatenate(
    [
        np.arange(-150, -60, 5),
        np.arange(-60, -20, 2),
        np.arange(-20, 40),
        np.arange(40, 100, 2),
        np.arange(100, 251, 5),
    ]
).astype(np.float64)
STEPS = np.gradient(GRID)
PHASES = np.array([-10.0, 0.0, 15.0, 30.0, 60.0])  # days after the maximum
REST_PHASES = np.array([0.0, 15.0, 30.0])  # the same in the frame of the host
REST = np.array([2800.0, 3600.0, 4400.0, 5500.0, 6500.0])  # Angstrom in the frame of the host
REACH = (3400.0, 10_300.0)  # Angstrom, observed, beyond which a process knows nothing
FRACTIONS = (0.8, 0.5, 0.2)  # of the maximum
PEAK = 0.2  # of the maximum: a lower peak doesn't count
COUNTED = (-100, -50, -20, -5, 5, 20, 50, 100)  # days about the maximum between which visits are counted
SIGNIFICANT = 5.0  # sigma
BRIGHT = 1e12  # keeps float32 finite


@dataclass(frozen=True)
class Processes:
    """Fitted and trained; ``device`` and ``workers`` as they were asked for."""

    archive: Archive
    classifier: boosted.Classifier
    settings: Settings

    def predict(self, test: Table) -> Table:
        """What the trees make of the objects' processes."""
        curves = self.archive.read(test[KEY])
        return self.classifier.answer(describe(curves, test, self.settings), test)


def train(public: Public, settings: Settings) -> Processes:
    """Fit the training set's light curves, and let trees learn from them."""
    table, curves = lightcurves.training(public)
    if public.track.name != REPRESENTATIVE:
        table, curves = resampling.joined((table, curves), resampling.copies(public, settings))
    described = describe(curves, table, settings)
    classifier = boosted.train_on(described, table, public, settings, name="gp")
    return Processes(Archive.of(public, "test"), classifier, settings)


def describe(curves: LightCurves, table: Table, settings: Settings) -> NDArray[np.float32]:
    """Features (n, F) of the processes of n objects, beside those of ``features``; NaN where unknown."""
    columns = np.stack(list(shapes(curves, table, settings).values()), axis=1).astype(np.float32)
    return np.concatenate([features.features(curves, table), columns], axis=1)


def shapes(curves: LightCurves, table: Table, settings: Settings) -> Table:
    """Features of the processes of n objects, one or more, by name, (n,) each; NaN where unknown."""
    sample = Sample.of(curves)
    z = np.asarray(table["hostgal_photoz"], dtype=np.float64)
    modulus = np.asarray(table["distmod"], dtype=np.float64)

    def of(objects: NDArray[np.int64], device: torch.device) -> Table:
        courses = _Courses.of(sample, objects, z[objects], device)
        columns = courses.columns(modulus[objects]) | _observed(sample.curves.take(objects), courses.maximum)
        empty = sample.curves.counts[objects] == 0
        return {
            name: np.where(empty, np.nan, column.clip(-BRIGHT, BRIGHT)) for name, column in columns.items()
        }

    found = list(in_batches(sample, of, settings, "fitting Gaussian processes"))
    places = np.argsort(np.concatenate([objects for objects, _ in found]))
    return {name: np.concatenate([part[name] for _, part in found])[places] for name in found[0][1]}


@dataclass(frozen=True)
class _Courses:
    """The processes of B objects in numbers, fluxes in units of ``scale``.

    z, scale : (B,).   centre : MJD of day 0 of the grid, (B,).   hyper : amplitude, length, and per observation
    likelihood and chi2, (4, B).   mean : on the grid, (B, T, 6).   top : index of the maximum of r + i, (B,).
    phases : flux and its error after the maximum, (B, len(PHASES), 6) each.
    rest : the same in the frame of the host, (B, len(REST_PHASES), len(REST)) each.
    """

    z: FloatArray
    scale: FloatArray
    centre: FloatArray
    hyper: FloatArray
    mean: FloatArray
    top: NDArray[np.int64]
    phases: tuple[FloatArray, FloatArray]
    rest: tuple[FloatArray, FloatArray]

    @classmethod
    def of(cls, sample: Sample, objects: NDArray[np.int64], z: FloatArray, device: torch.device) -> _Courses:
        points = sample.points(objects, device)
        amplitude, length = gaussian_process.fit(points)
        posterior = gaussian_process.condition(points, amplitude, length)
        n = points.counts.clamp(min=1)
        hyper = torch.stack([amplitude, length, posterior.log_likelihood / n, posterior.chi2 / n])
        everywhere = np.broadcast_to(GRID, (len(objects), len(GRID)))
        mean = _mean(posterior, everywhere, BANDS)
        top = (mean[:, :, 2] + mean[:, :, 3]).argmax(axis=1)
        maximum, stretch = GRID[top][:, None], (1 + z)[:, None]
        return cls(
            z,
            sample.scale[objects],
            sample.centre[objects],
            _numpy(hyper),
            mean,
            top,
            _both(posterior, maximum + PHASES, BANDS),
            _both(posterior, maximum + REST_PHASES * stretch, REST * stretch),
        )

    @property
    def maximum(self) -> FloatArray:
        """MJD of the maximum, (B,)."""
        return self.centre + GRID[self.top]

    def columns(self, modulus: FloatArray) -> dict[str, FloatArray]:
        """Features by name, (B,) each.   modulus : of the host's distance, NaN in our Galaxy."""
        return {
            **dict(zip(("relative_amplitude", "length", "likelihood", "chi2"), self.hyper, strict=True)),
            "amplitude": self.hyper[0] * self.scale,
            "rest_length": self.hyper[1] / (1 + self.z),
            **self._fluxes(modulus),
            **self._widths(),
        }

    def _fluxes(self, modulus: FloatArray) -> dict[str, FloatArray]:
        """Extremes of the bands, magnitudes, colours and luminosities at phases."""
        found: dict[str, FloatArray] = {}
        high, low = self.mean.max(axis=1), self.mean.min(axis=1)  # (B, 6)
        when = GRID[self.mean.argmax(axis=1)] - GRID[self.top][:, None]
        flux, error = self.phases
        magnitude = _magnitude(flux, error, self.scale)
        here = int(np.flatnonzero(PHASES == 0)[0])
        for k, band in enumerate(LETTERS):
            found[f"highest_{band}"] = high[:, k] * self.scale
            found[f"positive_{band}"] = _ratio(high[:, k], high[:, k] - low[:, k])
            found[f"time_{band}"] = when[:, k]
            found[f"magnitude_{band}"] = magnitude[:, here, k]
            found[f"luminosity_{band}"] = magnitude[:, here, k] - modulus
            found[f"signal_{band}"] = _ratio(flux[:, here, k], error[:, here, k])
        for p, phase in enumerate(PHASES):
            for k in range(len(LETTERS) - 1):
                name = f"{LETTERS[k : k + 2]}{phase:+.0f}"
                found[f"colour_{name}"] = magnitude[:, p, k] - magnitude[:, p, k + 1]
            for k, band in enumerate(LETTERS if phase else ""):
                found[f"course_{band}{phase:+.0f}"] = _ratio(flux[:, p, k], flux[:, here, k])
        absolute = _magnitude(*self.rest, self.scale) - modulus[:, None, None]
        observed = np.outer(1 + self.z, REST)[:, None, :]
        absolute[np.broadcast_to((observed < REACH[0]) | (observed > REACH[1]), absolute.shape)] = np.nan
        for p, phase in enumerate(REST_PHASES):
            for k, wavelength in enumerate(REST):
                found[f"rest_{wavelength:.0f}{phase:+.0f}"] = absolute[:, p, k]
                if k:
                    found[f"rest_colour_{wavelength:.0f}{phase:+.0f}"] = (
                        absolute[:, p, k - 1] - absolute[:, p, k]
                    )
        return found

    def _widths(self) -> dict[str, FloatArray]:
        """How fast the flux rises and falls, and whether it does so more than once."""
        found: dict[str, FloatArray] = {}
        red, blue, far = self.mean[:, :, 2] + self.mean[:, :, 3], self.mean[:, :, 1], self.mean[:, :, 4]
        for name, line in (("ri", red), ("g", blue), ("z", far), ("dip", -red)):
            top = line.argmax(axis=1)
            height = np.take_along_axis(line, top[:, None], axis=1)
            for fraction in FRACTIONS:
                rise, fall = _crossings(line <= fraction * height, top)
                found |= {f"rise_{name}_{fraction}": rise, f"fall_{name}_{fraction}": fall}
                if name == "ri":
                    found |= {
                        f"rest_{key}_{fraction}": t / (1 + self.z)
                        for key, t in (("rise", rise), ("fall", fall))
                    }
            width = _ratio(np.maximum(line, 0) @ STEPS, height[:, 0])
            found |= {f"width_{name}": width, f"rest_width_{name}": width / (1 + self.z)}
        inner = red[:, 1:-1]
        peaks = np.where((inner > red[:, :-2]) & (inner >= red[:, 2:]), inner, 0.0)
        peaks = np.sort(_ratio(peaks, red.max(axis=1)[:, None]), axis=1)
        found["second_peak"], found["peaks"] = peaks[:, -2], (peaks > PEAK).sum(axis=1).astype(np.float64)
        return found


def _asked(
    posterior: Posterior, days: FloatArray, wavelengths: FloatArray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every pair of days (B, T) and wavelengths (W,) or (B, W), as (B, T W)."""
    shape = (len(days), days.shape[1], wavelengths.shape[-1])
    pairs = (
        np.broadcast_to(days[:, :, None], shape),
        np.broadcast_to(np.atleast_2d(wavelengths)[:, None], shape),
    )
    like = posterior.weights
    time, wavelength = (
        torch.as_tensor(a.reshape(len(days), -1).copy(), dtype=like.dtype, device=like.device) for a in pairs
    )
    return time, wavelength


def _mean(posterior: Posterior, days: FloatArray, wavelengths: FloatArray) -> FloatArray:
    """Flux (B, T, W) at days (B, T) and wavelengths (W,) or (B, W)."""
    mean = posterior.mean(*_asked(posterior, days, wavelengths))
    return _numpy(mean).reshape(len(days), days.shape[1], wavelengths.shape[-1])


def _both(posterior: Posterior, days: FloatArray, wavelengths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Flux and its error, as ``_mean``."""
    mean = _mean(posterior, days, wavelengths)
    variance = posterior.variance(*_asked(posterior, days, wavelengths))
    return mean, _numpy(variance.sqrt()).reshape(mean.shape)


def _numpy(values: torch.Tensor) -> FloatArray:
    return np.asarray(values.cpu().numpy(), dtype=np.float64)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """NaN where nothing is below."""
    above, below = np.broadcast_arrays(above, below)
    return np.asarray(np.divide(above, below, out=np.full(below.shape, np.nan), where=below != 0))


def _magnitude(flux: FloatArray, error: FloatArray, scale: FloatArray) -> FloatArray:
    """Magnitude of (B, T, W); that of the error where the flux is lower."""
    return ZERO_POINT - 2.5 * np.log10(np.maximum(np.maximum(flux, error), 1e-9) * scale[:, None, None])


def _crossings(below: NDArray[np.bool_], top: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Days from the last time below before the top (B,), and to the first one after it; NaN where there is none."""
    place = np.arange(len(GRID))
    before, after = below & (place < top[:, None]), below & (place > top[:, None])
    last, first = len(GRID) - 1 - before[:, ::-1].argmax(axis=1), after.argmax(axis=1)
    rise = np.where(before.any(axis=1), GRID[top] - GRID[last], np.nan)
    return rise, np.where(after.any(axis=1), GRID[first] - GRID[top], np.nan)


def _observed(curves: LightCurves, maximum: FloatArray) -> dict[str, FloatArray]:
    """How well the light curves are observed near the maximum (B,), and how significantly."""
    n, owner = len(curves), curves.owner
    signal = curves.flux / np.hypot(curves.flux_err, 1e-9)
    phase = curves.mjd - maximum[owner]
    cell = owner * (len(COUNTED) + 1) + np.searchsorted(COUNTED, phase)
    counts = np.bincount(cell, minlength=n * (len(COUNTED) + 1)).reshape(n, -1).astype(np.float64)
    total = np.maximum(counts.sum(axis=1), 1)
    found = {f"observed{start:+d}": counts[:, k + 1] for k, start in enumerate(COUNTED[:-1])}
    found["signal"] = np.sqrt(np.bincount(owner, signal**2, n))
    for name, chosen in (
        ("bright", signal > SIGNIFICANT),
        ("faint", signal < -SIGNIFICANT),
        ("background", np.abs(signal) < SIGNIFICANT),
    ):
        found[name] = np.bincount(owner[chosen], minlength=n) / total
    strong = np.abs(signal) > SIGNIFICANT
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(first, owner[strong], phase[strong])
    np.maximum.at(last, owner[strong], phase[strong])
    seen = last >= first
    return found | {"first_seen": np.where(seen, first, np.nan), "last_seen": np.where(seen, last, np.nan)}
