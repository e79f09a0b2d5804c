"""Baselines: first answers that ship with blindsky, and how one is found, trained and made to predict.

A baseline reads a release's public part and nothing else. Training returns a model; the model answers the
test split batch by batch, so that memory stays bounded at any size. Baselines are found through entry points,
so another package can bring its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from blindsky.challenges import tables
from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault, MissingExtra
from blindsky.challenges.files import new_file
from blindsky.challenges.prediction import NOTHING, Density, Field, Pixels, Prediction, columns_of
from blindsky.challenges.progress import Progress, progress
from blindsky.challenges.registry import nearest
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table

if TYPE_CHECKING:
    import pyarrow as pa

GROUP = "blindsky.baselines"

ProgressFactory = Callable[[str, float | None, str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Settings:
    """How to train: what a user chooses for any baseline.

    seed : every random choice follows from it.    device : ``auto``, ``cpu`` or ``cuda``, for torch.
    workers : threads.    checkpoints : folder to resume from after a kill; None keeps nothing.
    epochs : passes of a network over the training rows; None for the method's own.
    """

    seed: int = 0
    device: str = "auto"
    workers: int = 1
    checkpoints: Path | None = None
    epochs: int | None = None
    progress: ProgressFactory = field(default=progress, repr=False, compare=False)


class Model(Protocol):
    """A trained baseline."""

    def predict(self, test: Table) -> Table:
        """Public columns of some test rows -> the key and the prediction's fields, row by row."""


@runtime_checkable
class Finder(Protocol):
    """A trained baseline whose answer is a catalogue of the whole field."""

    def catalogue(self, public: Public, split: str) -> Table:
        """What it finds in the field of a split: the columns of the prediction, one row or more."""


Train = Callable[[Public, Settings], Model | Finder]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A method that ships with blindsky.

    train : (public, settings) -> Model or Finder, or its ``module:function``, imported when it is trained.
    fields : fields of the prediction that it fills.    tracks : tracks that it is meant for; None for all.
    extra : the optional dependency it needs, whose extra bears the package's name; None for none.
    seeded : whether the seed changes the answer, so that a mean and a spread over seeds can be reported.
    heavy : whether training takes minutes even on the smallest release; the demo leaves it out.
    training : whether what it finds in the training field is handed in too, as figures of a finder are drawn there.
    """

    name: str
    title: str
    description: str
    train: str | Train
    fields: tuple[str, ...]
    reference: str
    tracks: tuple[str, ...] | None = None
    extra: str | None = None
    seeded: bool = False
    heavy: bool = False
    training: bool = False

    def fit(self, public: Public, settings: Settings) -> Model | Finder:
        """Train on a release. Raises InputFault off its tracks, MissingExtra without its dependency."""
        if self.tracks is not None and public.track.name not in self.tracks:
            message = (
                f"the baseline {self.name} is meant for the track {' or '.join(self.tracks)}, and release "
                f"{public.release_id} is of the track {public.track.name}. Choose another baseline for it"
            )
            raise InputFault(message)
        if self.extra is not None and find_spec(self.extra) is None:
            raise MissingExtra(self.extra, self.extra, f"the baseline {self.name}")
        return self._function()(public, settings)

    def _function(self) -> Train:
        if not isinstance(self.train, str):
            return self.train
        module, _, function = self.train.partition(":")
        found: Train = getattr(import_module(module), function)
        return found


@cache
def _found() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def _load(challenge: str) -> dict[str, Baseline]:
    return {baseline.name: baseline for baseline in _found()[challenge].load()}


def names(challenge: str | None = None) -> tuple[str, ...]:
    """Full names, such as ``photoz/knn``, of one challenge's baselines or of all."""
    wanted = sorted(_found()) if challenge is None else [challenge] if challenge in _found() else []
    return tuple(f"{owner}/{name}" for owner in wanted for name in _load(owner))


def get_for(name: str, public: Public) -> Baseline:
    """The baseline of a full name for a release; InputFault where it answers another challenge."""
    found, asked = get(name), public.challenge.name
    if name.partition("/")[0] != asked:
        known = ", ".join(names(asked)) or "none"
        message = (
            f"{name} does not answer the challenge {asked} of release {public.release_id}. Known are: {known}"
        )
        raise InputFault(message)
    return found


def get(name: str) -> Baseline:
    """The baseline of a full name; InputFault with the nearest name where there is none."""
    known = names()
    if name not in known:
        same = [full for full in known if full.endswith(f"/{name}")]
        hint = f"did you mean {same[0]}? " if same else nearest(name, known)
        message = f"there is no baseline {name!r}: {hint}Known are: {', '.join(known)}"
        raise InputFault(message)
    challenge, _, short = name.partition("/")
    return _load(challenge)[short]


def predict_to_file(
    model: Model | Finder,
    public: Public,
    out: Path,
    progress: ProgressFactory = progress,
    *,
    split: str = "test",
) -> None:
    """Answer a whole split into a Parquet file at ``out``, which appears whole or not at all."""
    import pyarrow.parquet as pq

    if isinstance(model, Finder):
        with new_file(out) as partial:
            pq.write_table(
                _arrow(model.catalogue(public, split), public.challenge.prediction),
                partial,
                compression="zstd",
            )
        return
    with new_file(out) as partial, progress("predicting", public.rows(split), "rows") as bar:
        writer: pq.ParquetWriter | None = None
        try:
            for test in public.batches(split):
                answer = _arrow(model.predict(test), public.challenge.prediction)
                if writer is None:
                    writer = pq.ParquetWriter(partial, answer.schema, compression="zstd")
                writer.write_table(answer)
                bar.advance(rows(test))
        finally:
            if writer is not None:
                writer.close()


def _arrow(answer: Table, prediction: Prediction) -> pa.Table:
    """Keys as they are, numbers float64, densities and images float32, masks uint8; optional fields may be absent.

    A row that says that nothing was found has no image.
    """
    columns: Table = {name: answer[name] for name in prediction.keys}
    for wanted in prediction.fields:
        if not wanted.optional or wanted.name in answer:
            columns |= {name: answer[name].astype(_stored(wanted)) for name in columns_of(wanted)}
    item = prediction.item
    found_nothing = None if item is None else np.asarray(answer[item.name]) == NOTHING
    return tables.to_arrow(columns, found_nothing)


def _stored(field: Field) -> type[np.generic]:
    if isinstance(field, Pixels) and field.mask:
        return np.uint8
    return np.float32 if isinstance(field, Density | Pixels) else np.float64
