"""Blobs on small images: a challenge whose cases hold several items, listed or to be found, each with a mask.

Two tracks: on ``listed`` the blobs of every test image are given and their fluxes are asked, on ``found`` they are to
be found as well. It is drawn in milliseconds and is the test bed of whatever the spine does with items and images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from blindsky.challenges.prediction import Column, Item, Pixels, Prediction
from blindsky.challenges.release import Public
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring.measurements import Measured, Measurements, Table
from blindsky.scoring.metric import Metric, Statistic
from blindsky.scoring.sums import mean_of

SIDE = 8
BLOCK_ROWS = 32
MOST = 5
NEAR = 1.5  # pixels within which a detection is of a blob
_FLUX = Column("flux", "e", low=0.0, description="Its flux.")
_MASK = Pixels("mask", (SIDE, SIDE), mask=True, description="Its pixels.")


def light(x: NDArray[Any], y: NDArray[Any], flux: NDArray[Any]) -> NDArray[np.float64]:
    """Gaussian blobs, (m, 8, 8)."""
    at = np.arange(SIDE)
    dx, dy = at - x[:, None], at - y[:, None]
    profile = np.exp(-0.5 * (dx[:, None, :] ** 2 + dy[:, :, None] ** 2))
    return np.asarray(flux[:, None, None] * profile / (2 * np.pi))


@dataclass
class ToyItems:
    """Images of one to three blobs; on ``listed`` the test set says where they are."""

    listed: bool
    block_rows: int = BLOCK_ROWS
    device: str = "cpu"

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """Nothing."""
        return {}

    def selection(self, split: str, rows: int) -> None:
        """Every row counts."""

    def draw(self, split: str, block: int, rows: int, stream: np.random.Generator) -> Block:
        """A full block, of which the first rows are kept."""
        counts = stream.integers(1, 4, self.block_rows)
        m = int(counts.sum())
        x, y, flux = stream.uniform(1, SIDE - 2, m), stream.uniform(1, SIDE - 2, m), stream.uniform(20, 90, m)
        noise = stream.standard_normal((self.block_rows, SIDE, SIDE))
        counts = counts[:rows]
        kept = slice(0, int(counts.sum()))
        x, y, flux = x[kept], y[kept], flux[kept]
        obj = np.concatenate([np.arange(c) for c in counts]).astype(np.int16)
        each = light(x, y, flux)
        owner = np.repeat(np.arange(rows), counts)
        image = noise[:rows]
        np.add.at(image, owner, each)
        public: Table = {"image": image[:, None].astype(np.float32), "sigma": np.ones(rows, np.float32)}
        mask = (each > 1).astype(np.uint8)
        objects = Ragged(counts, {"obj": obj, "x": x, "y": y, "flux": flux, "mask": mask})
        if split == "train":
            return Block(public, {}, long={"objects": objects})
        told = {"objects": Ragged(counts, {"obj": obj, "x": x, "y": y})} if self.listed else {}
        key = {"obj": obj} if self.listed else {"det": obj, "x": x, "y": y}
        best = Ragged(counts, {**key, "flux": flux, "mask": mask})
        hidden = {"truth_objects": objects, "truth_isolated": Ragged(counts, {"isolated": each})}
        return Block(public, {"truth": {"crowd": counts}}, {"oracle": best}, long=told, hidden=hidden)


def measure_listed(cases: Table, hidden: Mapping[str, Ragged], found: Ragged) -> Measured:
    """One row per blob."""
    truth = hidden["truth_objects"]
    np.testing.assert_array_equal(truth.counts, found.counts)
    np.testing.assert_array_equal(truth.columns["obj"], found.columns["obj"])
    rows: Table = {
        "error": found.columns["flux"] / truth.columns["flux"] - 1,
        "flux_true": truth.columns["flux"],
    }
    if "mask" in found.columns:
        rows["overlap"] = (found.columns["mask"] == truth.columns["mask"]).mean(axis=(1, 2))
    return Measured(rows, case=np.repeat(np.arange(len(truth.counts)), truth.counts))


def measure_found(cases: Table, hidden: Mapping[str, Ragged], found: Ragged) -> Measured:
    """One row per blob, found or not, by the nearest detection of its image; one per detection that is near none."""
    truth = hidden["truth_objects"]
    case = np.repeat(np.arange(len(truth.counts)), truth.counts)
    claimed = np.repeat(np.arange(len(found.counts)), found.counts)
    t, f = truth.columns, found.columns
    apart = np.hypot(t["x"][:, None] - f["x"], t["y"][:, None] - f["y"])
    near = (apart <= NEAR) & (case[:, None] == claimed)
    blob, detection = np.nonzero(near)
    order = np.argsort(-apart[blob, detection], kind="stable")  # the nearest is written last
    error = np.full(len(case), -1.0)
    error[blob[order]] = f["flux"][detection[order]] / t["flux"][blob[order]] - 1
    false = np.flatnonzero(~near.any(axis=0))
    rows: Table = {
        "error": np.concatenate([error, np.ones(len(false))]),
        "flux_true": np.concatenate([t["flux"], np.zeros(len(false))]),
    }
    return Measured(rows, case=np.concatenate([case, claimed[false]]))


def _prepare_error(measurements: Measurements) -> Statistic:
    return mean_of(measurements, "absolute", lambda m: np.minimum(np.abs(m.floats("error")), 1))


def _prepare_overlap(measurements: Measurements) -> Statistic:
    return mean_of(measurements, "overlap", lambda m: m.floats("overlap"))


ERROR = Metric(
    key="error",
    title="Mean error",
    direction="low",
    prepare=_prepare_error,
    needs=("error",),
    low=0.0,
    formula="mean of min(|flux / true flux - 1|, 1)",
    reference="Gauss 1809",
)
OVERLAP = Metric(
    key="overlap",
    title="Pixels called right",
    direction="high",
    prepare=_prepare_overlap,
    needs=("overlap",),
    low=0.0,
    high=1.0,
    formula="mean share of the pixels that are called right",
    reference="Jaccard 1912",
)


def histogram(measurements: Measurements, columns: Table) -> dict[str, Any] | None:
    """Blobs by error; columns of the cases as the blobs see them."""
    assert len(columns["crowd"]) == len(measurements)
    counts, edges = np.histogram(measurements.floats("error"), bins=4, range=(-1, 1))
    values = [int(n) if n >= 10 else None for n in counts]
    return {"x_label": "error", "y_label": "blobs", "edges": edges.tolist(), "values": values, "one": 1}


def first(measurements: Measurements, columns: Table) -> dict[str, Any] | None:
    """The first two test images, once all of them may be shown."""
    if len(np.unique(columns["part"])) < 2:
        return None
    return {"rows": [0, 1], "notes": ["the first", "the second"]}


def paint(table: Table, read: Any) -> NDArray[np.uint8]:
    """Images as grey."""
    return np.repeat(np.clip(table["image"][:, 0, :, :, None] * 10, 0, 255).astype(np.uint8), 3, axis=3)


def compare(table: Table, hidden: Mapping[str, Ragged], found: Ragged, read: Any) -> NDArray[np.uint8]:
    """White where an entry says more than there is, black elsewhere."""
    truth = hidden["truth_objects"]
    said = np.array([part.sum() for part in np.split(found.columns["flux"], np.cumsum(found.counts)[:-1])])
    true = np.array([part.sum() for part in np.split(truth.columns["flux"], np.cumsum(truth.counts)[:-1])])
    return np.broadcast_to((said > true)[:, None, None, None] * np.uint8(255), (len(said), 4, 4, 3))


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> ToyItems:
    """The sky of a track."""
    return ToyItems(track.name == "listed")


def measure(cases: Table, hidden: Mapping[str, Ragged], found: Ragged) -> Measured:
    """By the item that a prediction names."""
    assert cases["image"].shape[1:] == (1, SIDE, SIDE) and len(hidden["truth_isolated"].counts) == len(
        cases["crowd"]
    )
    return (measure_listed if "obj" in found.columns else measure_found)(cases, hidden, found)


_PUBLIC = (
    Product("blend_id", "", "name of the image"),
    Product("image", "e", "the image"),
    Product("sigma", "e", "rms of its noise"),
    Product("obj", "", "number of the blob in its image"),
    Product("x", "pixel", "column of its centre"),
    Product("y", "pixel", "row of its centre"),
    Product("flux", "e", "its flux; training images only"),
    Product("mask", "", "its pixels; training images only"),
)
_BOARD = Board("flux", "Fluxes", ("error",), ("error", "overlap"))
_AT = (Column("x", "pixel", -0.5, SIDE - 0.5), Column("y", "pixel", -0.5, SIDE - 0.5))

CHALLENGE = Challenge(
    name="toyitems",
    title="Blobs on images",
    task="fluxes of the objects of an image",
    description="Given an image, return the flux of every blob on it.",
    tracks=(
        Track(
            name="listed",
            title="Listed",
            description="The blobs of the test images are given.",
            public=_PUBLIC,
            prediction=Prediction((_FLUX, _MASK), key="blend_id", item=Item("obj")),
        ),
        Track(name="found", title="Found", description="The blobs are to be found.", public=_PUBLIC),
    ),
    sizes={"tiny": Size(40, 90)},
    prediction=Prediction((*_AT, _FLUX, _MASK), key="blend_id", item=Item("det", MOST)),
    metrics=(ERROR, OVERLAP),
    boards=(_BOARD,),
    slices=(
        Slice("crowded", ("crowd",), lambda t: np.asarray(t["crowd"] == 3), "number"),
        Slice("bright", ("flux_true",), lambda t: np.asarray(t["flux_true"] > 50), "flux"),
    ),
    figures=(
        Figure("errors", "Errors", "histogram", histogram, needs=("crowd",)),
        Figure("first", "First images", "gallery", first, needs=("part",)),
    ),
    pictures=Pictures(
        ("image",),
        paint,
        lambda told: (Sample("Training images", (0,), ("",)),),
        ("train", ("blend_id",)),
        compare,
    ),
    sky=simulate,
    measure=measure,
    beside=("image",),
    references=(Reference("oracle", "Truth", "The truth itself."),),
)


@dataclass(frozen=True)
class Peaks:
    """The brightest pixel of every image, with all its light; the listed blobs share that."""

    listed: Mapping[int, NDArray[np.int64]] | None

    def predict(self, test: Table) -> Table:
        """Keys, fluxes, and positions where they are asked."""
        total = np.maximum(test["image"].sum(axis=(1, 2, 3)).astype(np.float64), 0)
        if self.listed is None:
            top = test["image"].reshape(len(total), -1).argmax(axis=1)
            found = {"x": (top % SIDE).astype(float), "y": (top // SIDE).astype(float), "flux": total}
            return {"blend_id": test["blend_id"], "det": np.zeros(len(total), np.int64), **found}
        objects = [self.listed[int(i)] for i in test["blend_id"]]
        counts = np.array([len(o) for o in objects])
        keys = {"blend_id": np.repeat(test["blend_id"], counts), "obj": np.concatenate(objects)}
        return {**keys, "flux": np.repeat(total / counts, counts)}


def train_peaks(public: Public, settings: Settings) -> Peaks:
    """Nothing is learned."""
    if not public.has("test_objects"):
        return Peaks(None)
    table = public.table("test_objects")
    listed = {
        int(i): table["obj"][table["blend_id"] == i].astype(np.int64) for i in np.unique(table["blend_id"])
    }
    return Peaks(listed)


BASELINES = (
    Baseline(
        name="peaks",
        title="Brightest pixel",
        description="The brightest pixel with all the light.",
        train="toyitems:train_peaks",
        fields=("flux",),
        reference="Gauss 1809",
    ),
)
