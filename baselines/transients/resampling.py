"""Copies of training objects as the wide survey would see them at another redshift: what made Boone (2019) win.

The Gaussian process of an object beyond our Galaxy says what its flux is at any time and wavelength. A copy takes a
new redshift, at which the same rest frame is seen in other bands, stretched or shrunk in time, dimmer or brighter;
the visits and errors of another object of the wide survey near it on the sky, so that both have the same seasons;
and the error of a photometric redshift of another host. Visits at which the process knows nothing are left out, and
so are copies that nobody would have detected. Classes of few training objects get more copies of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.transients import gaussian_process
from blindsky.baselines.transients.augmentation import flagged
from blindsky.baselines.transients.gaussian_process import BANDS, Sample, in_batches
from blindsky.baselines.transients.lightcurves import KEY, SAME_NIGHT, Archive, LightCurves
from blindsky.challenges import tables
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.challenges.transients.classes import DAYS
from blindsky.challenges.transients.cosmology import distance_modulus
from blindsky.scoring.measurements import FloatArray, Table

MEMBERS = 1500  # copies of a class, as far as the next line allows
FEWEST, MOST = 3, 12  # copies of an object
SPARE = 2  # copies drawn for each that is wanted, for many are too faint
NEARER, TIMES, STRETCH = 0.95, 5.0, 1.5  # z grows by .95 to 5, and 1 + z by no more than 1.5, Boone 2019
SHIFT = 30.0  # days at most by which a copy is early or late
YEAR = 365.25  # days between seasons, which are not stretched
KNOWN = 0.5  # of the amplitude: a process with a larger error knows nothing
NEIGHBOURS = 200  # objects near in right ascension of which one lends its visits
CALIBRATION = 0.005  # of the flux, in the error of a bright visit
FARTHEST, DRAWS = 3.0, 4  # photometric redshift, and how often one below it is tried
VISITS = 20  # a copy has no fewer


@dataclass(frozen=True)
class _Drawn:
    """What m copies are made of.

    originals, donors : rows of the training set.   z, photoz, photoz_err : of the copies.
    stretch : (1 + z) over that of the original.   factor : of the flux.   shift : days.   All (m,).
    """

    originals: NDArray[np.int64]
    donors: NDArray[np.int64]
    z: FloatArray
    photoz: FloatArray
    photoz_err: FloatArray
    stretch: FloatArray
    factor: FloatArray
    shift: FloatArray

    @classmethod
    def of(cls, table: Table, rng: np.random.Generator) -> _Drawn:
        z, photoz = (np.asarray(table[f"hostgal_{kind}"], dtype=np.float64) for kind in ("specz", "photoz"))
        beyond = np.isfinite(z) & (z > 0) & (photoz > 0)
        givers = np.flatnonzero(beyond & (table["ddf"] == 0))
        _, kind, members = np.unique(table["target"], return_inverse=True, return_counts=True)
        wanted = np.clip(np.round(MEMBERS / members[kind]), FEWEST, MOST).astype(np.int64) * SPARE
        chosen = np.repeat(np.arange(len(z)), np.where(beyond & (len(givers) > 0), wanted, 0))
        old, n = z[chosen], len(chosen)
        farthest = np.minimum(TIMES * old, STRETCH * (1 + old) - 1)
        new = np.exp(rng.uniform(np.log(NEARER * old), np.log(farthest)))
        stretch = (1 + new) / (1 + old)
        factor = 10 ** (-0.4 * (distance_modulus(new) - distance_modulus(old))) * stretch
        host_z = z[beyond]
        offset, error = (
            (photoz[beyond] - host_z) / (1 + host_z),
            table["hostgal_photoz_err"][beyond] / (1 + host_z),
        )
        seen, stated = new.copy(), np.full(n, np.median(error) if len(error) else 0.0) * (1 + new)
        waiting = np.ones(n, np.bool_)
        for _ in range(DRAWS):
            host = rng.integers(0, max(len(host_z), 1), n)
            found = new + offset[host] * (1 + new) if n else new
            good = waiting & (found > 0) & (found < FARTHEST)
            seen[good], stated[good] = found[good], (error[host] * (1 + new))[good]
            waiting &= ~good
        return cls(
            chosen, _neighbours(table["ra"], givers, chosen, rng), new, np.minimum(seen, FARTHEST), stated, stretch,
            factor, rng.uniform(-SHIFT, SHIFT, n),
        )  # fmt: skip


def _neighbours(
    ra: FloatArray, givers: NDArray[np.int64], objects: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """For each object one of the ``givers`` that are nearest in right ascension, (m,)."""
    if not len(objects):
        return objects
    order = givers[np.argsort(ra[givers])]
    half = min(NEIGHBOURS, len(order)) // 2
    place = np.searchsorted(ra[order], ra[objects]) + rng.integers(-half, half + 1, len(objects))
    return np.asarray(order[place % len(order)])


def copies(public: Public, settings: Settings) -> tuple[Table, LightCurves]:
    """Copies of a release's training objects, cut as its track asks; each has its original's ``object_id``."""
    table = public.table("train")
    curves = Archive.of(public, "train").read(table[KEY])
    rng = np.random.default_rng([settings.seed, rows(table)])
    found, seen = resampled(table, curves, rng, settings)
    if "epoch_cut" not in tables.column_names(public.path("test")):
        return found, seen
    cut = rng.choice(np.array(DAYS, dtype=np.float64), len(seen))
    return found | {"epoch_cut": cut}, seen.until(seen.trigger() + cut)


def resampled(
    table: Table, curves: LightCurves, rng: np.random.Generator, settings: Settings
) -> tuple[Table, LightCurves]:
    """Copies of training objects (n,) with whole light curves.

    None where no object beyond our Galaxy, with a spectroscopic redshift and of the wide survey lends its visits.
    """
    drawn = _Drawn.of(table, rng)
    donors = curves.take(drawn.donors)
    mean, error = _fluxes(curves, drawn, donors, settings)
    # The part of a bright donor in the error of its visit goes, and that of the copy comes
    own = np.minimum((CALIBRATION * donors.flux) ** 2, 0.75 * donors.flux_err**2)
    noise = np.sqrt(donors.flux_err**2 - own + (CALIBRATION * mean) ** 2)
    total = np.hypot(noise, error)
    known = np.isfinite(mean)
    detected = known & (rng.random(len(mean)) < flagged(np.abs(mean) / noise))
    flux = mean + total * rng.standard_normal(len(mean))
    seen = gaussian_process.where(
        LightCurves(donors.starts, donors.mjd, donors.passband, flux, total, detected), known
    )
    kept = _reported(seen, drawn.originals)
    return _hosts(table, drawn, kept), seen.take(kept)


def _fluxes(
    curves: LightCurves, drawn: _Drawn, visits: LightCurves, settings: Settings
) -> tuple[FloatArray, FloatArray]:
    """Flux of each copy at the visits of its donor, and the error that the process leaves; NaN where unknown."""
    amplitude, length = gaussian_process.hyperparameters(Sample.of(curves), settings)
    sample = Sample.of(curves, near=np.inf).take(drawn.originals)
    mean, error = np.full(len(visits.mjd), np.nan), np.full(len(visits.mjd), np.nan)

    def ask(copies: NDArray[np.int64], device: torch.device) -> tuple[FloatArray, FloatArray]:
        points = sample.points(copies, device)
        hyper = (torch.as_tensor(a[drawn.originals[copies]], device=device) for a in (amplitude, length))
        posterior = gaussian_process.condition(points, *hyper)
        asked = visits.take(copies)
        days = asked.mjd - (sample.centre + drawn.shift)[copies][asked.owner]
        season = YEAR * np.round(days / YEAR)
        days = season + (days - season) / drawn.stretch[copies][asked.owner]
        wavelength = BANDS[asked.passband] / drawn.stretch[copies][asked.owner]
        where = [gaussian_process.padded(asked.counts, a, 0.0, device) for a in (days, wavelength)]
        values = posterior.mean(*where), posterior.variance(*where).sqrt()
        inside = np.arange(where[0].shape[1]) < asked.counts[:, None]
        unit = (sample.scale * drawn.factor)[copies][asked.owner]
        flux, left = (v.cpu().numpy()[inside] for v in values)
        unknown = left > KNOWN * amplitude[drawn.originals[copies]][asked.owner]
        return np.where(unknown, np.nan, flux * unit), left * unit

    for copies, (flux, left) in in_batches(sample, ask, settings, "moving training objects"):
        where = _rows(visits, copies)
        mean[where], error[where] = flux, left
    return mean, error


def _rows(curves: LightCurves, objects: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of objects, one object after the other."""
    counts = curves.counts[objects]
    before = np.concatenate([[0], np.cumsum(counts)])[:-1]
    return np.asarray(np.arange(counts.sum()) + np.repeat(curves.starts[:-1][objects] - before, counts))


def _reported(seen: LightCurves, originals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Copies that are detected on two nights, no more than wanted of each original."""
    n, owner = len(seen), seen.owner
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(first, owner[seen.detected], seen.mjd[seen.detected])
    np.maximum.at(last, owner[seen.detected], seen.mjd[seen.detected])
    good = np.flatnonzero((last > first + SAME_NIGHT) & (seen.counts >= VISITS))
    _, start, drawn = np.unique(originals, return_index=True, return_counts=True)
    wanted = np.zeros(originals.max(initial=0) + 1, np.int64)
    wanted[originals[start]] = drawn // SPARE
    begin = np.searchsorted(originals[good], originals[good])  # originals come in order
    return good[np.arange(len(good)) - begin < wanted[originals[good]]]


def _hosts(table: Table, drawn: _Drawn, kept: NDArray[np.int64]) -> Table:
    """The table of the copies that are kept."""
    originals, donors = drawn.originals[kept], drawn.donors[kept]
    at_donor = {name: table[name][donors] for name in ("ra", "decl", "gal_l", "gal_b", "mwebv")}
    of_copy = {
        "ddf": np.zeros(len(kept)),
        "hostgal_specz": np.full(len(kept), np.nan),
        "hostgal_photoz": drawn.photoz[kept],
        "hostgal_photoz_err": drawn.photoz_err[kept],
        "distmod": distance_modulus(drawn.photoz[kept]),
    }
    found = {name: column[originals] for name, column in table.items()} | at_donor
    return found | {name: column.astype(table[name].dtype) for name, column in of_copy.items()}


def joined(a: tuple[Table, LightCurves], b: tuple[Table, LightCurves]) -> tuple[Table, LightCurves]:
    """Objects of both, the first ones first."""
    table = {name: np.concatenate([a[0][name], b[0][name]]) for name in a[0]}
    x, y = a[1], b[1]
    names = ("mjd", "passband", "flux", "flux_err", "detected")
    starts = np.concatenate([x.starts, x.starts[-1] + y.starts[1:]])
    return table, LightCurves(starts, *(np.concatenate([getattr(x, n), getattr(y, n)]) for n in names))
