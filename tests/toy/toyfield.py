"""Lamps along a street: a challenge whose test set is one field, to be searched as a whole.

Its data are a file of floats a split, painted in pieces; its cases are stretches of the street; a prediction is a
catalogue. It is drawn in milliseconds and is the test bed of whatever the spine does with fields and catalogues.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Baseline, Settings
from blindsky.challenges.challenge import (
    Board,
    Challenge,
    Figure,
    Pictures,
    Product,
    Reference,
    Sample,
    Size,
    Slice,
    Track,
)
from blindsky.challenges.prediction import Catalogue, Column, Prediction
from blindsky.challenges.randomness import Streams
from blindsky.challenges.release import Public
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring.measurements import Array, Measured, Measurements, Table
from blindsky.scoring.metric import Metric, Statistic
from blindsky.scoring.sums import mean_of

STRETCH = 16  # metres of a case
PIECE = 100  # metres painted at a time
BLOCK_ROWS = 8
NEAR = 1.5


@dataclass
class ToyField:
    """A street of so many stretches a split."""

    size: Size
    block_rows: int = BLOCK_ROWS
    device: str = "cpu"

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """The light of every stretch's ground."""
        ground: dict[str, Table | dict[str, Any]] = {
            f"{split}_ground": {"ground": np.ones(self._metres(split) // STRETCH)}
            for split in ("train", "test")
        }
        return ground | {"street": {"stretch": STRETCH}}

    def _metres(self, split: str) -> int:
        return STRETCH * (self.size.train if split == "train" else self.size.test)

    def _lamps(self, split: str, streams: Streams) -> Table:
        rng = streams("lamps/0")
        n = self._metres(split) // 8
        return {"x": np.sort(rng.uniform(0, self._metres(split), n)), "flux": rng.uniform(5, 50, n)}

    def draw(self, split: str, block: int, rows: int, streams: Streams) -> Block:
        """Some stretches and their lamps."""
        lamps = self._lamps(split, streams)
        own = (lamps["x"] // STRETCH).astype(int) - block * self.block_rows
        mine = (own >= 0) & (own < rows)
        lists = Ragged(
            np.bincount(own[mine], minlength=rows),
            {"id": np.flatnonzero(mine), **{name: column[mine] for name, column in lamps.items()}},
        )
        first = STRETCH * (block * self.block_rows + np.arange(rows))
        public: Table = {"x0": first, "x1": first + STRETCH}
        if split == "train":
            return Block(public, {}, long={"lamps": lists})
        return Block(public, {"truth": {"lamps": lists.counts}}, hidden={"truth_lamps": lists})

    def references(self, known: Mapping[str, Table], streams: Streams) -> Mapping[str, Table]:
        """All of it, and nothing."""
        lamps = known["truth_lamps"]
        all_of_it = {name: lamps[name] for name in ("id", "x", "flux")}
        return {"truth": all_of_it, "null": {name: column[:0] for name, column in all_of_it.items()}}

    def lay(self, folder: Path, split: str) -> Sequence[int]:
        """A file of zeros."""
        n, path = self._metres(split), folder / f"{split}_street.fits"
        if not path.exists():
            path.write_bytes(bytes(4 * n))
        return [4 * min(PIECE, n - first) for first in range(0, n, PIECE)]

    def paint(self, folder: Path, split: str, piece: int, streams: Streams) -> Table:
        """Light and noise of some metres."""
        lamps, first = self._lamps(split, streams), piece * PIECE
        here = first + np.arange(min(PIECE, self._metres(split) - first))
        light = (lamps["flux"] * np.exp(-0.5 * (here[:, None] - lamps["x"]) ** 2)).sum(axis=1)
        light += streams(f"noise/{piece}").standard_normal(len(here))
        with (folder / f"{split}_street.fits").open("r+b") as file:
            file.seek(4 * first)
            file.write(light.astype("<f4").tobytes())
        return {"total": light.sum(keepdims=True)}

    def painted(self, pieces: Mapping[str, Sequence[Table]]) -> Mapping[str, Table | dict[str, Any]]:
        """The light of each piece."""
        return {"totals": {split: [float(p["total"][0]) for p in found] for split, found in pieces.items()}}


def measure(known: Mapping[str, Table], claims: Table) -> Measured:
    """A row per lamp, found or not, and one per claim that is near none."""
    lamps, stretches = known["truth_lamps"], known["test"]
    assert len(known["test_ground"]["ground"]) == len(known["truth"]["part"]) == len(stretches["x0"])
    apart = np.abs(lamps["x"][:, None] - claims["x"])
    near = apart <= NEAR
    false = ~near.any(axis=0) if len(lamps["x"]) else np.ones(len(claims["x"]), bool)
    at = np.concatenate([lamps["x"], claims["x"][false]])
    rows: Table = {
        "worth": np.concatenate([near.any(axis=1) * 1.0, np.full(false.sum(), -1.0)]),
        "bright": np.concatenate([lamps["flux"], np.zeros(false.sum())]),
        "at": at,
    }
    return Measured(rows, case=np.clip(at // STRETCH, 0, len(stretches["x0"]) - 1).astype(np.int64))


def remarks(claims: Table, read: Callable[[str], dict[str, Any]]) -> tuple[str, ...]:
    """Claims off the street."""
    off = int((claims["x"] < 0).sum())
    return (
        (f"{off} rows lie before the street of {read('street')['stretch']}-metre stretches",) if off else ()
    )


def _prepare(measurements: Measurements) -> Statistic:
    return mean_of(measurements, "worth", lambda m: m.floats("worth"))


VALUE = Metric(
    key="worth",
    title="Mean worth",
    direction="high",
    prepare=_prepare,
    needs=("worth",),
    low=-1.0,
    high=1.0,
    formula="mean of 1 for a lamp that was found, 0 for one that was not, -1 for a claim without one",
    reference="Edison 1880",
)


def histogram(measurements: Measurements, columns: Table) -> dict[str, Any] | None:
    """Rows by worth."""
    counts, edges = np.histogram(measurements.floats("worth"), bins=3, range=(-1.5, 1.5))
    values = [int(n) if n >= 10 else None for n in counts]
    return {"x_label": "worth", "y_label": "rows", "edges": edges.tolist(), "values": values, "one": 1}


def missed(measurements: Measurements, columns: Table) -> dict[str, Any] | None:
    """Lamps that were not found, of the training street, and of the test street once all of it may be shown."""
    parts = set(columns["part"])
    if len(parts) < 2 and parts != {"train"}:
        return None
    rows = np.flatnonzero(measurements["worth"] == 0)[:3]
    places = {"at": measurements["at"][rows].tolist()}
    return {"rows": rows.tolist(), "places": places, "notes": [f"missed {k}" for k in rows]}


def views(folder: Path, split: str, places: Table) -> NDArray[np.uint8]:
    """The light around some places, in grey."""
    light = np.frombuffer((folder / f"{split}_street.fits").read_bytes(), "<f4")
    at = np.clip(np.rint(places["at" if "at" in places else "x"]).astype(int), 4, len(light) - 5)
    strips = np.clip(light[at[:, None] + np.arange(-4, 5)] * 5, 0, 255).astype(np.uint8)
    return np.broadcast_to(strips[:, None, :, None], (len(at), 4, 9, 3)).copy()


def bright(table: Table) -> Array:
    """Of bright lamps."""
    return np.asarray(table["bright"] > 30)


CHALLENGE = Challenge(
    name="toyfield",
    title="Lamps along a street",
    task="places of lamps",
    description="Given the light along a street, say where its lamps are.",
    tracks=(
        Track(
            name="plain",
            title="Plain",
            description="A straight street.",
            public=(
                Product("stretch", "", "number of the stretch"),
                Product("x0", "m", "where it begins"),
                Product("x1", "m", "where it ends"),
                Product("id", "", "number of the lamp"),
                Product("x", "m", "where it stands"),
                Product("flux", "", "its light"),
                Product("ground", "", "of each stretch"),
            ),
        ),
    ),
    sizes={"tiny": Size(20, 70)},
    prediction=Prediction(
        (Column("x", "m", -10, 2000), Column("flux", above=0, high=100, optional=True)),
        key="stretch",
        catalogue=Catalogue("id", {"tiny": 400}, remarks),
        blanks=True,
    ),
    metrics=(VALUE,),
    boards=(Board("worth", "Worth", ("worth",), ("worth",)),),
    slices=(Slice("bright", ("bright",), bright, "light"),),
    figures=(
        Figure("worth", "Worth", "histogram", histogram, training=True),
        Figure("missed", "Missed lamps", "gallery", missed, needs=("part",), training=True),
    ),
    pictures=Pictures(
        (),
        None,
        lambda told: (Sample("Training lamps", (0, 2), ("first", "third")),),
        ("train_lamps", None),
        places=views,
    ),
    sky=lambda track, size, options: ToyField(size),
    measure=measure,
    beside=("test", "test_ground"),
    first_id={"train": 0, "test": 0},
    references=(
        Reference("truth", "Truth", "All lamps."),
        Reference("null", "Nothing", "The empty catalogue.", "yardstick"),
    ),
)


@dataclass(frozen=True)
class Bright:
    """Local maxima above a threshold."""

    threshold: float

    def catalogue(self, public: Public, split: str) -> Table:
        """Places of the maxima."""
        light = np.frombuffer((public.root / f"{split}_street.fits").read_bytes(), "<f4")
        inner = light[1:-1]
        at = 1 + np.flatnonzero((inner > self.threshold) & (inner >= light[:-2]) & (inner > light[2:]))
        return {"id": np.arange(len(at)), "x": at.astype(float), "flux": np.minimum(light[at], 100.0)}


def train_bright(public: Public, settings: Settings) -> Bright:
    """Nothing is learned."""
    return Bright(4.0)


BASELINES = (
    Baseline(
        name="bright",
        title="Local maxima",
        description="Every local maximum above 4 sigma.",
        train="toyfield:train_bright",
        fields=("x", "flux"),
        reference="Edison 1880",
        training=True,
    ),
)
