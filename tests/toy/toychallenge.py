"""A challenge that another package brings: estimate a mean from one noisy number.

The mean is standard normal, the noise known, so the posterior is a normal distribution in closed form: the ceiling.
It uses every part of a declaration once and is drawn in milliseconds, which makes it the test bed of the spine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Baseline, Settings
from blindsky.challenges.challenge import (
    Board,
    Challenge,
    Figure,
    Option,
    Product,
    Reference,
    Size,
    Slice,
    Track,
)
from blindsky.challenges.importing import Imported, Shuffle
from blindsky.challenges.prediction import Column, Density, Grid, Prediction
from blindsky.challenges.release import Public
from blindsky.challenges.skies import Block
from blindsky.scoring import calibration, density
from blindsky.scoring.measurements import Array, FloatArray, Measured, Measurements, Table
from blindsky.scoring.metric import Metric, Statistic
from blindsky.scoring.sums import mean, mean_of

GRID = Grid(-6.0, 6.0, 61)
BLOCK_ROWS = 64
FEWEST = 10
_NOISE = {"low": 0.5, "high": 1.0}


def posterior(x: Array, noise: Array) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of the posterior of a standard normal mean, (n,) each."""
    x, variance = x.astype(np.float64), noise.astype(np.float64) ** 2
    return x / (1 + variance), np.sqrt(variance / (1 + variance))


def on_grid(centre: FloatArray, width: FloatArray) -> NDArray[np.float32]:
    """Normal densities at the nodes, (n, 61)."""
    t = (GRID.nodes - centre[:, None]) / width[:, None]
    return np.asarray(np.exp(-0.5 * t**2) / width[:, None] / np.sqrt(2 * np.pi), dtype=np.float32)


@dataclass
class BrightSelection:
    """Labels only where x is positive."""

    missing: int

    def take(self, block: Block) -> Block:
        """The positive rows of the next block."""
        chosen = np.flatnonzero(block.public["x"] > 0)[: self.missing]
        self.missing -= len(chosen)
        return Block(
            {name: column[chosen] for name, column in block.public.items()},
            {
                table: {name: column[chosen] for name, column in columns.items()}
                for table, columns in block.private.items()
            },
        )

    def complete(self) -> bool:
        """Whether every label is filled."""
        return self.missing == 0


@dataclass
class ToySky:
    """Means, noises and measured numbers."""

    biased: bool
    noise: float
    block_rows: int = BLOCK_ROWS
    device: str = "cpu"

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """The grid, and the prior at its nodes."""
        prior = on_grid(np.zeros(1), np.ones(1))[0]
        return {
            "grid": {"low": GRID.low, "high": GRID.high, "n": GRID.n},
            "prior": {"mean": GRID.nodes, "density": prior},
        }

    def selection(self, split: str, rows: int) -> BrightSelection | None:
        """Positive rows only, in the training split of the biased track."""
        return BrightSelection(rows) if self.biased and split == "train" else None

    def draw(self, split: str, block: int, rows: int, stream: np.random.Generator) -> Block:
        """A full block, of which the first rows are kept."""
        truth = stream.standard_normal(self.block_rows)[:rows]
        noise = self.noise * stream.uniform(0.5, 1.0, self.block_rows)[:rows]
        x = truth + noise * stream.standard_normal(self.block_rows)[:rows]
        public: Table = {"x": x.astype(np.float32), "noise": noise.astype(np.float32)}
        hidden: Table = {"mean_true": truth, "sign": np.where(truth < 0, "negative", "positive")}
        if split == "train":
            return Block(public | {"mean": truth.astype(np.float32)}, {"train_truth": hidden})
        centre, width = posterior(public["x"], public["noise"])
        pdf = on_grid(centre, width)
        log_p = density.measure(truth, pdf, GRID.low, GRID.high)["log_p"]
        return Block(
            public,
            {"truth": hidden, "ceiling": {"best_log_p": log_p, "best_pdf": pdf}},
            {"posterior": {"estimate": centre, "pdf": pdf}},
        )


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> ToySky:
    """The sky of a track; option ``noise``: ``low`` (default) or ``high``."""
    return ToySky(track.name == "biased", _NOISE[options["noise"]])


def measure(truth: Table, prediction: Table) -> Measured:
    """The error of each row, and with a density its logarithm, PIT and cumulative excess."""
    mean_true = truth["mean_true"].astype(np.float64)
    estimate = prediction["estimate"].astype(np.float64)
    rows: Table = {"mean_true": mean_true, "estimate": estimate, "error": estimate - mean_true}
    if "best_log_p" in truth:
        rows["best_log_p"] = truth["best_log_p"]
    if "pdf" not in prediction:
        return Measured(rows)
    of_density = density.measure(mean_true, prediction["pdf"], GRID.low, GRID.high)
    rows |= {name: of_density[name] for name in ("log_p", "pit")}
    return Measured(
        rows, {"cdf_excess": density.cdf_excess(mean_true, prediction["pdf"], GRID.low, GRID.high)}
    )


def _prepare_mse(measurements: Measurements) -> Statistic:
    return mean_of(measurements, "error2", lambda m: m.floats("error") ** 2)


def _prepare_miss(measurements: Measurements) -> Statistic:
    return mean_of(measurements, "miss", lambda m: (np.abs(m.floats("error")) > 1).astype(np.float64))


def _prepare_excess(measurements: Measurements) -> Statistic:
    return mean_of(measurements, "excess", lambda m: m.floats("best_log_p") - m.floats("log_p"))


MSE = Metric(
    key="mse",
    title="Mean squared error",
    direction="low",
    prepare=_prepare_mse,
    needs=("error",),
    low=0.0,
    formula="mean of (estimate - mean)^2",
    reference="Gauss 1809",
)
BIAS = Metric(
    key="bias",
    title="Bias",
    direction="target",
    prepare=partial(mean, column="error"),
    needs=("error",),
    interval="signed",
    formula="mean of estimate - mean",
    reference="Gauss 1809",
)
MISS = Metric(
    key="miss",
    title="Misses",
    direction="low",
    prepare=_prepare_miss,
    needs=("error",),
    interval="binomial",
    low=0.0,
    high=1.0,
    formula="share of |estimate - mean| > 1",
    reference="Wilson 1927",
)
MEAN_ESTIMATE = Metric(
    key="mean_estimate",
    title="Mean estimate",
    direction="none",
    prepare=partial(mean, column="estimate"),
    needs=("estimate",),
    interval="none",
    formula="mean of the estimates",
    reference="Gauss 1809",
)
MEAN_LOG_P = Metric(
    key="mean_log_p",
    title="Mean log density",
    direction="high",
    prepare=partial(mean, column="log_p"),
    needs=("log_p",),
    unit="nat",
    formula="mean of ln max(p(mean), 1e-6)",
    reference="Good 1952",
)
EXCESS = Metric(
    key="excess",
    title="Excess loss over the posterior",
    direction="low",
    prepare=_prepare_excess,
    needs=("best_log_p", "log_p"),
    unit="nat",
    formula="mean of ln p_posterior(mean) - ln p(mean)",
    reference="Kullback & Leibler 1951",
)
STACK_W1 = Metric(
    key="stack_w1",
    title="Stacked density: Wasserstein distance",
    direction="low",
    prepare=partial(calibration.prepare_nz_w1, low=GRID.low, high=GRID.high),
    needs=("cdf_excess",),
    interval="null",
    null=partial(calibration.null_nz_w1, low=GRID.low, high=GRID.high),
    low=0.0,
    formula="Int |mean CDF - CDF of the means|",
    reference="Vallender 1974",
)


def error_histogram(measurements: Measurements, columns: Table) -> dict[str, Any] | None:
    """Counts of errors; cells of fewer than ten are blank."""
    counts, edges = np.histogram(measurements.floats("error"), bins=6, range=(-1.5, 1.5))
    return {
        "x_label": "error",
        "y_label": "cases",
        "edges": edges.tolist(),
        "values": [int(n) if n >= FEWEST else None for n in counts],
        "one": 1,
    }


def derive(
    track: Track, train: Callable[[], Table], extras: Mapping[str, dict[str, Any]]
) -> Callable[[Table], Table]:
    """The ratio of number to noise, and whether the training numbers reach it."""
    highest = float(train()["x"].max())
    assert extras["grid"]["n"] == GRID.n

    def columns(test: Table) -> Table:
        return {"ratio": test["x"] / test["noise"], "reached": test["x"] <= highest}

    return columns


def read_text(files: Sequence[Path], shuffle: Shuffle) -> Imported:
    """One text file of lines ``name x noise mean``; half of the rows are hidden."""
    names = np.loadtxt(files[0], usecols=0, dtype=np.str_)
    x, noise, truth = np.loadtxt(files[0], usecols=(1, 2, 3), unpack=True)
    order = shuffle(len(x))
    test, train = order[: len(x) // 2], order[len(x) // 2 :]
    public = {"x": x.astype(np.float32), "noise": noise.astype(np.float32)}
    sky = ToySky(False, 1.0)
    return Imported.renamed(
        {name: column[train] for name, column in public.items()} | {"mean": truth[train].astype(np.float32)},
        {name: column[test] for name, column in public.items()},
        {"mean_true": truth[test]},
        {"train": names[train], "test": names[test]},
        sky.files(),
        (f"{len(x)} rows read",),
    )


_PUBLIC = (
    Product("object_id", "", "name of the case; carries no information"),
    Product("x", "m", "the measured number"),
    Product("noise", "m", "1 sigma error of x"),
    Product("mean", "m", "the mean, training split only"),
)

CHALLENGE = Challenge(
    name="toy",
    title="The mean of a noisy number",
    task="regression with a probability density",
    description="Given a number and its noise, return the mean it scatters about.",
    tracks=(
        Track(name="plain", title="Plain", description="Labels are a random subset.", public=_PUBLIC),
        Track(
            name="biased",
            title="Positive labels",
            description="Labels only where x is positive.",
            public=_PUBLIC,
            slices=(Slice("reached", ("reached",), lambda t: t["reached"].astype(bool), "labels"),),
        ),
        Track(
            name="point",
            title="Points only",
            description="No densities, other sizes, one board.",
            public=_PUBLIC,
            sizes={"tiny": Size(40, 70)},
            prediction=Prediction((Column("estimate", "m", GRID.low, GRID.high, description="The mean."),)),
            metrics=(MSE, BIAS),
            boards=(Board("point", "Points", ("mse",), ("mse", "bias")),),
        ),
    ),
    sizes={"tiny": Size(100, 150), "small": Size(400, 800)},
    prediction=Prediction(
        (
            Column("estimate", "m", GRID.low, GRID.high, description="The mean as one number."),
            Density("pdf", GRID, optional=True, description="Its density."),
        )
    ),
    boards=(
        Board(
            "density",
            "Densities",
            ("excess", "mean_log_p"),
            ("excess", "mean_log_p", "stack_w1"),
            requires="pdf",
            compare=("mean_log_p", "mse"),
        ),
        Board("point", "Points", ("mse",), ("mse", "bias", "miss", "mean_estimate")),
    ),
    metrics=(MSE, BIAS, MISS, MEAN_ESTIMATE, MEAN_LOG_P, EXCESS, STACK_W1),
    slices=(
        Slice("negative x", ("x",), lambda t: np.asarray(t["x"] < 0), "x"),
        Slice("positive mean", ("sign",), lambda t: np.asarray(t["sign"] == "positive"), "truth"),
        Slice("significant", ("ratio",), lambda t: np.abs(t["ratio"]) > 2, "ratio", ("mse", "bias")),
    ),
    figures=(Figure("errors", "Errors", "histogram", error_histogram, caption="Estimate less mean."),),
    sky=simulate,
    measure=measure,
    references=(Reference("posterior", "Posterior", "The posterior in closed form."),),
    options=(Option("noise", ("low", "high"), "low", "How noisy the numbers are."),),
    derive=derive,
    about=lambda: "## How the toy was made\n\nMeans are standard normal.",
    importers={"text": "toychallenge:read_text"},
    citations=("Gauss 1809, Theoria motus",),
)


@dataclass(frozen=True)
class Shrunk:
    """x times the regression slope of the labels, with their scatter about it as a normal density."""

    slope: float
    scatter: float

    def predict(self, test: Table) -> Table:
        """Key, estimate and pdf of some rows."""
        centre = np.clip(self.slope * test["x"].astype(np.float64), GRID.low, GRID.high)
        width = np.full(len(centre), self.scatter)
        return {"object_id": test["object_id"], "estimate": centre, "pdf": on_grid(centre, width)}


def train_mean(public: Public, settings: Settings) -> Shrunk:
    """A straight line through the origin, fitted to the labels."""
    train = public.table("train")
    x, y = train["x"].astype(np.float64), train["mean"].astype(np.float64)
    slope = float(x @ y / (x @ x))
    return Shrunk(slope, float(np.std(y - slope * x)))


BASELINES = (
    Baseline(
        name="mean",
        title="Shrunken number",
        description="The number times the slope of a line through the labels.",
        train="toychallenge:train_mean",
        fields=("estimate", "pdf"),
        reference="Galton 1886",
    ),
)
