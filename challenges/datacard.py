"""The data card of a release and the fact sheet of a challenge, derived from the declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blindsky.challenges.challenge import Board, Challenge, Column, Density, Prediction
from blindsky.scoring.metric import Metric

_DIRECTIONS = {"low": "lower is better", "high": "higher is better", "none": "shown, not ranked"}


def direction(metric: Metric) -> str:
    """The direction of a metric in words."""
    return f"best near {metric.target:g}" if metric.direction == "target" else _DIRECTIONS[metric.direction]


def field_text(field: Column | Density) -> str:
    """What one field of a prediction must be, in one sentence."""
    optional = ", optional (for every row or not at all)" if field.optional else ""
    unit = f" {field.unit}" if field.unit else ""
    if isinstance(field, Density):
        g = field.grid
        values = f"{g.n} values >= 0 on an equally spaced grid from {g.low:g} to {g.high:g}{unit}"
        return f"`{field.name}`: {values}{optional}. {field.description}".rstrip()
    bounds = f"from {field.low:g} to {field.high:g}{unit}"
    return f"`{field.name}`: a finite number {bounds}{optional}. {field.description}".rstrip()


def prediction_text(prediction: Prediction, rows: int | None = None) -> str:
    """What to send, as Markdown."""
    count = "one row per test object" if rows is None else f"{rows:,} rows, one per test object"
    key = f"`{prediction.key}`: int64, every id of the test table exactly once, in any order."
    lines = [
        f"One table, {count} (Parquet; CSV, FITS, ECSV and VOTable where no density is sent):",
        "",
        f"- {key}",
    ]
    return "\n".join([*lines, *(f"- {field_text(f)}" for f in prediction.fields)])


def metric_table(metrics: Sequence[Metric]) -> str:
    """Metrics as a Markdown table."""
    lines = ["| metric | meaning | best | unit | interval | reference |", "|---|---|---|---|---|---|"]
    for m in metrics:
        formula = m.formula.replace("|", "\\|")
        lines.append(
            f"| `{m.key}` | {m.title}: {formula} | {direction(m)} | {m.unit} | {m.interval} | {m.reference} |"
        )
    return "\n".join(lines)


def board_text(board: Board) -> str:
    """One line on how a board ranks."""
    first, *others = (f"`{key}`" for key in board.primary)
    primary = first + "".join(f" (where a release lacks it: {key})" for key in others)
    who = f"entries that send `{board.requires}`" if board.requires else "all entries"
    return f"- **{board.title}**: {who}, ranked by {primary}"


def fact_sheet(challenge: Challenge) -> str:
    """The challenge in Markdown: question, tracks, sizes, prediction, metrics, boards."""
    lines = [
        f"# {challenge.title} (`{challenge.name}`)",
        "",
        challenge.description,
        "",
        f"Task: {challenge.task}.",
        "",
    ]
    lines += ["## Tracks", "", "| track | what it asks |", "|---|---|"]
    lines += [f"| `{t.name}` | {t.title}. {t.description} |" for t in challenge.tracks]
    lines += ["", "## Sizes", "", "| size | train | test |", "|---|---|---|"]
    lines += [f"| `{name}` | {s.train:,} | {s.test:,} |" for name, s in challenge.sizes.items()]
    lines += ["", "## What to send", "", prediction_text(challenge.prediction), ""]
    lines += ["## Boards", "", *(board_text(b) for b in challenge.boards), ""]
    lines += ["## Metrics", "", metric_table(challenge.metrics), ""]
    return "\n".join(lines)


def render(challenge: Challenge, manifest: Mapping[str, Any]) -> str:
    """The README.md of a release; ``challenge`` as its track asks it."""
    track = challenge.tracks[0]
    splits = manifest["splits"]
    lines = [
        f"# {challenge.title}: release `{manifest['id']}`",
        "",
        challenge.description,
        "",
        f"Track **{track.title}**. {track.description}",
        "",
        f"- training split: {splits['train']['rows']:,} rows with labels (`train.parquet`)",
        f"- test split: {splits['test']['rows']:,} rows without (`test.parquet`); 30 % of them make the public board",
        f"- size `{manifest['size']}`, made with blindsky {manifest['scorer']['blindsky']}, {manifest['created']}",
        "",
        "## Columns",
        "",
        "| column | unit | what it is |",
        "|---|---|---|",
        *(f"| `{p.name}` | {p.unit} | {p.description} |" for p in track.public),
        "",
        "## What to send",
        "",
        prediction_text(challenge.prediction, splits["test"]["rows"]),
        "",
        "Try `blindsky check predictions.parquet --release .` before you send it.",
        "",
        "## How it is scored",
        "",
        *(board_text(b) for b in challenge.boards),
        "",
        metric_table(challenge.metrics),
        "",
        "## Trust",
        "",
        "Every hidden row is committed to by a salted sha256 in `commitments/`; the root stands in `release.json`:",
        f"`{manifest['commitments']['root']}`. At the reveal truth and salt are published and",
        "`blindsky verify` checks row by row that nothing was moved.",
        "",
        challenge.about(),
    ]
    if challenge.citations:
        lines += ["", "## References", "", *(f"- {c}" for c in challenge.citations)]
    return "\n".join(lines).rstrip() + "\n"
