"""PLAsTiCC becomes a release: the files of its competition, or the unblinded ones that were published after it.

Tables about the objects are read whole, light curves as they stream by: 453,653,104 rows of the test set. Truth is
there where the table about the test objects has it; without, predictions are checked, not scored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, Rows, Shuffle
from blindsky.challenges.progress import progress
from blindsky.challenges.skies import Block, Ragged
from blindsky.challenges.transients import noise
from blindsky.challenges.transients.plasticc_csv import CUT, Objects, observations, some, whole_objects
from blindsky.challenges.transients.sky import TransientSky
from blindsky.scoring.measurements import Array, Table

TRACK, EARLY = "biased", "early"  # the former has the setting of PLAsTiCC

_SPLITS = {"train": "training_set|plasticc_train", "test": "test_set|plasticc_test"}
_CSV = r"\.csv(\.gz)?"


def plasticc(files: Sequence[Path], shuffle: Shuffle, *, allow_missing: bool = False) -> Imported:
    """A folder with the files of the competition, or with the unblinded ones; either split may be missing.

    allow_missing : leave out objects without light curves, and light curves without an object, rather than refuse.
    """
    if len(files) != 1 or not files[0].is_dir():
        message = "transients/plasticc wants one folder, into which the files of PLAsTiCC were downloaded"
        raise InputFault(message)
    splits = {name: found for name in _SPLITS if (found := _find(files[0], name)) is not None}
    if not splits:
        message = (
            f"{files[0]} holds neither training_set.csv with training_set_metadata.csv, nor the like of test_set or of "
            "plasticc_train_lightcurves and plasticc_test_lightcurves (each .csv or .csv.gz). Check the folder"
        )
        raise InputFault(message)
    notes: list[str] = []
    objects = {name: Objects.read(metadata, name) for name, (metadata, _) in splits.items()}
    train, test = (
        _rows(objects[name], splits[name][1], allow_missing, notes) if name in splits else ()
        for name in _SPLITS
    )
    early = "test" in objects and CUT in objects["test"].public
    return Imported(train, test, public_files(), notes, EARLY if early else TRACK)


def public_files() -> Mapping[str, Table | dict[str, Any]]:
    """The classes and passbands, as a generated release has them."""
    return TransientSky({}, spectra=True, early=False).files()


def _find(folder: Path, split: str) -> tuple[Path, list[Path]] | None:
    """The table about the objects of a split, and its files of light curves by name; None where there is neither."""
    metadata = _named(folder, rf"({_SPLITS[split]})_metadata{_CSV}")
    curves = _named(folder, rf"({_SPLITS[split]})(_lightcurves)?(_(batch)?\d+)?{_CSV}")
    if not metadata and not curves:
        return None
    origins = {re.sub(rf"(_lightcurves)?(_(batch)?\d+)?{_CSV}", "", path.name) for path in curves}
    stems = {path.name.removesuffix(".gz") for path in curves}
    if len(metadata) > 1 or len(origins) > 1 or len(stems) < len(curves):
        message = (
            f"{folder} holds data of the {split} split more than once: "
            f"{', '.join(path.name for path in (*metadata, *curves))}. Keep those of one origin"
        )
        raise InputFault(message)
    if not metadata or not curves:
        lacks = "light curves" if metadata else "table about the objects (..._metadata.csv)"
        message = f"{folder} holds {(*metadata, *curves)[0].name}, but no {lacks} of the {split} split. Add the file"
        raise InputFault(message)
    return metadata[0], curves


def _named(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.iterdir() if re.fullmatch(pattern, path.name))


def _rows(objects: Objects, files: Sequence[Path], allow_missing: bool, notes: list[str]) -> Iterator[Rows]:
    """The objects of a split with their light curves, in the order of these."""
    seen = np.zeros(len(objects.ids), dtype=bool)
    strange: list[Array] = []
    n, last, ascending = 0, -1, True
    with progress(f"reading {objects.split} light curves", len(seen), "objects") as report:
        for ids, curves in whole_objects(observations(files)):
            place = objects.places(ids)
            again = np.flatnonzero(seen[place] & (place >= 0))
            if len(again) or len(np.unique(ids)) < len(ids):
                first = ids[again[0]] if len(again) else next(i for i in ids if np.sum(ids == i) > 1)
                message = f"light curves of object {first} lie in two places of {_names(files)}. Sort them by object"
                raise InputFault(message)
            if (place < 0).any():
                strange.append(ids[place < 0])
                ids, curves, place = ids[place >= 0], _chosen(curves, place >= 0), place[place >= 0]
                if not allow_missing:
                    break
            seen[place] = True
            ascending &= bool((np.diff(ids, prepend=last) > 0).all())
            last, n = int(ids.max(initial=last)), n + rows(curves.columns)
            yield Rows(_block(objects, place, curves), ids)
            report.advance(len(ids))
    _settle(objects, files, strange, seen, allow_missing, notes)
    notes.append(f"{objects.split} split: {int(seen.sum()):,} objects with {n:,} observations")
    if not ascending:
        notes.append(f"{objects.split} split: objects are in the order of the files, not of their ids")
    if objects.split == "test" and not objects.told:
        notes.append(f"{objects.name} holds no truth: predictions are checked, not scored")


def _names(files: Sequence[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} ... {files[-1].name}"


def _settle(
    objects: Objects,
    files: Sequence[Path],
    strange: Sequence[Array],
    seen: NDArray[np.bool_],
    allowed: bool,
    notes: list[str],
) -> None:
    """Note what lacks its other half; InputFault where that may not be left out, or nothing is left."""
    faults = []
    if strange:
        faults.append(f"{some(np.concatenate(strange))} of {_names(files)} not in {objects.name}")
    if not seen.all() and (allowed or not strange):  # reading has ended at the first strange ones otherwise
        faults.append(f"{some(objects.ids[~seen])} of {objects.name} without light curves in {_names(files)}")
    if faults and (not allowed or not seen.any()):
        message = (
            f"{'; '.join(faults)}. Add the files that lack, or leave these objects out with --allow-missing"
        )
        raise InputFault(message)
    notes += [f"{fault}; left out" for fault in faults]


def _block(objects: Objects, place: NDArray[np.intp], curves: Ragged) -> Block:
    public = {name: column[place] for name, column in objects.public.items()}
    long = {"lightcurves": curves}
    if not objects.told:
        return Block(public, {}, long=long)
    truth = {name: column[place] for name, column in objects.truth.items()}
    return Block(public, {"truth": detections(curves) | truth}, long=long)


def detections(curves: Ragged) -> Table:
    """What light curves tell of themselves: trigger_mjd (n,), NaN where there is none, and n_det (n,)."""
    n, seen = len(curves.counts), curves.columns["detected"] > 0
    owner = np.repeat(np.arange(n), curves.counts)
    trigger = noise.trigger(owner, curves.columns["mjd"], seen, n)
    return {
        "trigger_mjd": np.where(np.isfinite(trigger), trigger, np.nan),
        "n_det": np.bincount(owner[seen], minlength=n).astype(np.int16),
    }


def _chosen(curves: Ragged, kept: NDArray[np.bool_]) -> Ragged:
    row = np.repeat(kept, curves.counts)
    return Ragged(curves.counts[kept], {name: column[row] for name, column in curves.columns.items()})
