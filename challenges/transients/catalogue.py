"""What is told about objects beside their light curves: the public columns of PLAsTiCC, and the hidden ones."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.transients import hosts
from blindsky.challenges.transients.assembly import Objects
from blindsky.challenges.transients.cosmology import distance_modulus
from blindsky.challenges.transients.dust import R_V
from blindsky.challenges.transients.sources import Source, submodels
from blindsky.scoring.measurements import Array, Table

# Parameters that have a column of their own
_TOLD = {"z", "t0", "a_v", "variant", "mag_i", "photo_z", "photo_z_err"}


def metadata(stream: np.random.Generator, objects: Objects, deep: bool, always: bool) -> Table:
    """Columns (n,) that a participant gets. Stream: spectroscopic redshifts of hosts outside our Galaxy.

    always : whether every host has a spectroscopic redshift, as those of training objects do.
    """
    where, n = objects.where, len(objects.trigger)
    if "z" in objects.parameters:
        z = objects.parameters["z"]
        photo, error = objects.parameters["photo_z"], objects.parameters["photo_z_err"]
        measured = hosts.spectroscopic(stream, z, deep, always)
        modulus = distance_modulus(photo)
    else:
        photo, error, measured, modulus = np.zeros(n), np.zeros(n), np.zeros(n), np.full(n, np.nan)
    columns = {
        "ra": where.ra,
        "decl": where.dec,
        "gal_l": where.l,
        "gal_b": where.b,
        "ddf": np.full(n, deep),
        "hostgal_specz": measured,
        "hostgal_photoz": photo,
        "hostgal_photoz_err": error,
        "distmod": modulus,
        "mwebv": where.ebv,
    }
    return {name: column.astype(np.int8 if name == "ddf" else np.float32) for name, column in columns.items()}


def truth(source: Source, objects: Objects) -> Table:
    """Hidden columns (n,); without a redshift z is 0, without a reference time the peak is NaN."""
    parameters, n = objects.parameters, len(objects.trigger)
    a_v = parameters.get("a_v", np.zeros(n))
    owner = np.repeat(np.arange(n), objects.curves.counts)
    return {
        "true_target": np.full(n, source.target, dtype=np.int16),
        "true_submodel": submodels(source, parameters),
        "true_z": parameters.get("z", np.zeros(n)),
        "true_peakmjd": parameters.get("t0", np.full(n, np.nan)),
        "true_av": a_v,
        "true_rv": np.where(a_v > 0, R_V, 0.0),
        "trigger_mjd": objects.trigger,
        "peak_mag_i": objects.peak_i,
        "n_det": np.bincount(owner[objects.curves.columns["detected"] > 0], minlength=n).astype(np.int16),
        "parameters": as_json({name: c for name, c in parameters.items() if name not in _TOLD}),
    }


def as_json(table: Table) -> Array:
    """The rows of a table of finite numbers as JSON objects, text (n,), to eight digits."""
    form = "{" + ", ".join(f'"{name}": %.8g' for name in table) + "}"
    columns = [column.tolist() for column in table.values()]
    return np.array([form % row for row in zip(*columns, strict=True)], dtype=np.str_)
