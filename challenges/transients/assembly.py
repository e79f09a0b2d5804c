"""From candidates of one population in one survey to the objects that the survey reports, with what is behind them.

What can be told from a candidate alone is asked first: only those that could be detected get a place on the sky, visits
and fluxes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from blindsky.challenges.skies import Ragged
from blindsky.challenges.transients import cadence, hosts, noise, positions, screening, selection
from blindsky.challenges.transients.cadence import Visits
from blindsky.challenges.transients.positions import Positions
from blindsky.challenges.transients.sources import Source, Transient
from blindsky.challenges.transients.variables import template_of
from blindsky.scoring.measurements import FloatArray, Table


class Objects(NamedTuple):
    """Columns (n,) but for the light curves.

    parameters : of the source; of those outside our Galaxy also photo_z and photo_z_err of the host.
    trigger : MJD.   peak_i : brightest noiseless i magnitude, infinite where there is none; of variables the mean.
    curves : mjd, passband, flux, flux_err, detected of every visit, in order of time.
    """

    parameters: Table
    where: Positions
    trigger: FloatArray
    peak_i: FloatArray
    curves: Ragged


def candidates(stream: np.random.Generator, source: Source, deep: bool, n: int) -> Table:
    """Parameters of those of ``n`` candidates that could be reported, with the host's photometric redshift.

    Stream: parameters (n,), then redshifts of those that could be detected.
    """
    parameters = source.draw(stream, n)
    if isinstance(source, Transient) and not deep:
        parameters = _where(parameters, screening.bright(source, parameters))
    if "z" in parameters:
        parameters["photo_z"], parameters["photo_z_err"] = hosts.photometric(stream, parameters["z"])
        parameters = _where(parameters, noise.near_enough(parameters["photo_z"]))
    return parameters


def _where(table: Table, kept: np.ndarray) -> Table:
    return {name: column[kept] for name, column in table.items()}


def observe(
    stream: np.random.Generator,
    source: Source,
    parameters: Table,
    shared: Visits | None,
    spectra: bool,
) -> Objects:
    """The candidates that trigger and are not cut; some thousands at a time, because every visit of theirs is drawn.

    shared : the visits of the deep fields for objects in these, None for those in the wide survey.
    spectra : whether only those are kept of which somebody took a spectrum.
    Stream: positions (n,), visits, fluxes, noise, chances of a spectrum (n,).
    """
    n = len(next(iter(parameters.values())))
    if shared is None:
        where = positions.wide(stream, n, positions.DENSITY.get(source.target, positions.isotropic))
        visits = cadence.wide(stream, where.ra)
    else:
        where = positions.deep(stream, n)
        visits = cadence.deep(shared, where.field)
    index, mjd, band = visits.index, visits.mjd, visits.band
    true = source.flux(parameters, index, mjd, band, stream)
    dust = positions.extinction(where.ebv)[index, band]
    seen = noise.observe(stream, true, dust, band, shared is not None)

    trigger = noise.trigger(index, mjd, seen.detected, n)
    template = template_of(parameters) if "template_u" in parameters else None
    kept = np.isfinite(trigger) & noise.observable(index, band, true, n, template)
    peak_i = parameters.get("mag_i")
    if peak_i is None:
        peak_i = selection.brightest(index, band, true, n)
    if spectra:
        kept &= selection.accepted(stream, peak_i)

    rows = kept[index]
    columns: Table = {
        "mjd": mjd[rows],
        "passband": band[rows].astype(np.int8),
        "flux": seen.flux[rows],
        "flux_err": seen.error[rows],
        "detected": seen.detected[rows].astype(np.int8),
    }
    counts = np.bincount(index, minlength=n)[kept]
    return Objects(
        _where(parameters, kept),
        Positions(*(column[kept] for column in where)),
        trigger[kept],
        peak_i[kept],
        Ragged(counts, columns),
    )


def until(curves: Ragged, last: FloatArray) -> Ragged:
    """Light curves that end with the last visit not after MJD ``last`` (n,)."""
    kept = curves.columns["mjd"] <= np.repeat(last, curves.counts)
    owner = np.repeat(np.arange(len(last)), curves.counts)
    return Ragged(np.bincount(owner[kept], minlength=len(last)), _where(curves.columns, kept))
