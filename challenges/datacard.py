"""The data card of a release and the fact sheet of a challenge, derived from the declaration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Any

from blindsky.challenges.challenge import Board, Challenge, Product, Size, Track
from blindsky.challenges.prediction import (
    ITEMS,
    NOTHING,
    Column,
    Density,
    Field,
    Pixels,
    Prediction,
    Probabilities,
)
from blindsky.scoring.metric import Metric

_DIRECTIONS = {"low": "lower is better", "high": "higher is better", "none": "shown, not ranked"}


def direction(metric: Metric) -> str:
    """The direction of a metric in words."""
    return f"best near {metric.target:g}" if metric.direction == "target" else _DIRECTIONS[metric.direction]


def field_text(field: Field, range_: str = "") -> str:
    """What one field of a prediction must be, in one sentence; ``range_`` in the place of that of a number."""
    optional = ", optional (for every row or not at all)" if field.optional else ""
    if isinstance(field, Probabilities):
        names = ", ".join(f"`{name}`" for name in field.columns)
        rule = "numbers >= 0, divided by the sum of their row, which must be above 0"
        return f"`{field.name}`, in the columns {names}: {rule}. {field.description}".rstrip()
    unit = f" {field.unit}" if field.unit else ""
    if isinstance(field, Density):
        g = field.grid
        values = f"{g.n} values >= 0 on an equally spaced grid from {g.low:g} to {g.high:g}{unit}"
        return f"`{field.name}`: {values}{optional}. {field.description}".rstrip()
    if isinstance(field, Pixels):
        shapes = (field.shape, field.shapes[-1]) if field.planes else (field.shape,)
        shape = " or ".join(" x ".join(map(str, s)) for s in shapes)
        what = (
            "booleans (or numbers from 0 to 1, which count from 1/2 on)" if field.mask else "finite numbers"
        )
        what += f", in{unit}" if unit else ""
        return f"`{field.name}`: a tensor of {shape} {what}{optional}. {field.description}".rstrip()
    range_ = range_ or bounds_text(field)
    return f"`{field.name}`: a finite number{range_}{optional}. {field.description}".rstrip()


def bounds_text(column: Column) -> str:
    """The range of a number with its unit, such as `` > 0 and <= 5 m``."""
    return _bounds(column) + (f" {column.unit}" if column.unit else "")


def _bounds(column: Column) -> str:
    if isfinite(column.above):
        return f" > {column.above:g}" + (f" and <= {column.high:g}" if isfinite(column.high) else "")
    if isfinite(column.low) and isfinite(column.high):
        return f" from {column.low:g} to {column.high:g}"
    if isfinite(column.low):
        return f" >= {column.low:g}"
    return f" <= {column.high:g}" if isfinite(column.high) else ""


def _rows_text(prediction: Prediction, rows: int | None) -> str:
    """How many rows a prediction has, of a release with so many test rows."""
    if prediction.catalogue is not None:
        return "one row per source that you find"
    if prediction.item is not None:
        return "one row per listed object" if prediction.item.most is None else "one row per detection"
    return "one row per test object" if rows is None else f"{rows:,} rows, one per test object"


def _key_texts(prediction: Prediction) -> list[str]:
    """What the columns hold that say what a row is about."""
    key, item = prediction.key, prediction.item
    if prediction.catalogue is not None:
        most = ", ".join(f"{n:,} ({size})" for size, n in prediction.catalogue.most.items())
        own = "whole numbers from 0 on as you like, each once"
        return [f"`{prediction.catalogue.name}`: int64, {own}; rows at most: {most}."]
    if item is None:
        return [f"`{key}`: int64, every id of the test table exactly once, in any order."]
    if item.most is None:
        both = f"every pair of the table `{ITEMS}` exactly once, in any order"
        return [f"`{key}`, `{item.name}`: int64, {both}. {item.description}".rstrip()]
    return [
        f"`{key}`: int64, every id of the test table at least once and at most {item.most} times, in any order.",
        f"`{item.name}`: int64, from 0, different in the rows of one {key}. Where nothing was found, one row with "
        f"{NOTHING} and all other cells empty. {item.description}".rstrip(),
    ]


def _formats(prediction: Prediction) -> str:
    """As what a prediction is read: an array in a cell needs Parquet."""
    arrays = [f for f in prediction.fields if isinstance(f, Density | Pixels)]
    if not all(f.optional for f in arrays):
        return "Parquet"
    kinds = {"density" if isinstance(f, Density) else "image": None for f in arrays}
    others = "CSV, FITS, ECSV and VOTable"
    return f"Parquet; {others} where no {' or '.join(kinds)} is sent" if kinds else f"Parquet, {others}"


def prediction_text(
    prediction: Prediction, rows: int | None = None, ranges: Mapping[str, str] = MappingProxyType({})
) -> str:
    """What to send, as Markdown. ``ranges`` in words, of the columns where one number does not say it."""
    lines = [
        f"One table, {_rows_text(prediction, rows)} ({_formats(prediction)}):",
        "",
        *(f"- {text}" for text in _key_texts(prediction)),
    ]
    lines += [f"- {field_text(f, ranges.get(f.name, ''))}" for f in prediction.fields]
    lines += [
        f"- {', '.join(f'`{name}`' for name in group)}: all of them or none." for group in prediction.together
    ]
    if prediction.headerless:
        names = ", ".join(f"`{name}`" for name in prediction.required)
        lines.append(f"- Text without a header is read as {names}, separated by commas or blanks.")
    if prediction.blanks:
        names = " ".join(prediction.required)
        lines.append(f"- Text separated by blanks is read too, its first line being `{names}`.")
    if prediction.spread and prediction.item:
        names = ", ".join(f"`{name}`" for name in (prediction.spread.key, *prediction.spread.columns))
        lines.append(
            f"- A table of {names}, one row a case, is read as `{prediction.spread.field}` of each in order."
        )
    return "\n".join(lines)


def metric_table(metrics: Sequence[Metric]) -> str:
    """Metrics as a Markdown table."""
    lines = ["| metric | meaning | best | unit | interval | reference |", "|---|---|---|---|---|---|"]
    for m in metrics:
        formula, reference = (text.replace("|", "\\|") for text in (m.formula, m.reference))
        lines.append(
            f"| `{m.key}` | {m.title}: {formula} | {direction(m)} | {m.unit} | {m.interval} | {reference} |"
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
    lines += ["", *_answer(challenge.sizes, challenge.prediction, challenge.boards, challenge.metrics)]
    for t in challenge.tracks:
        own = _answer(t.sizes or {}, t.prediction, t.boards or (), t.metrics or ())
        if own:
            lines += [f"# What differs on the track `{t.name}`", "", *own]
    if challenge.options:
        lines += ["## Options of the generator", ""]
        for o in challenge.options:
            values, default = " or ".join(o.values) or "any text", o.default or "none"
            lines.append(f"- `{o.name}`: {values} (default {default}). {o.description}")
    return "\n".join(lines).rstrip() + "\n"


def _answer(
    sizes: Mapping[str, Size],
    prediction: Prediction | None,
    boards: Sequence[Board],
    metrics: Sequence[Metric],
) -> list[str]:
    """What to expect, what to send and how it is ranked; what is empty is left out."""
    lines = []
    if sizes:
        lines += ["## Sizes", "", "| size | train | test |", "|---|---|---|"]
        lines += [*(f"| `{name}` | {s.train:,} | {s.test:,} |" for name, s in sizes.items()), ""]
    if prediction:
        lines += ["## What to send", "", prediction_text(prediction), ""]
    if boards:
        lines += ["## Boards", "", *(board_text(b) for b in boards), ""]
    if metrics:
        lines += ["## Metrics", "", metric_table(metrics), ""]
    return lines


def columns_table(track: Track, columns: Iterable[str]) -> str:
    """Columns of the data as a Markdown table, with what the declaration says of them."""
    known = {p.name: p for p in track.public}
    lines = ["| column | unit | what it is |", "|---|---|---|"]
    for name in dict.fromkeys(columns):
        p = known.get(name, Product(name, "", ""))
        lines.append(f"| `{p.name}` | {p.unit} | {p.description} |")
    return "\n".join(lines)


def _beside(track: Track, tables: Mapping[str, Iterable[str]], above: Iterable[str]) -> list[str]:
    """A table of columns for each other table of which the declaration says something that is not said above."""
    known, lines = {p.name for p in track.public}, []
    for name, columns in tables.items():
        new = [c for c in columns if c not in above]
        if known.intersection(new):
            lines += ["", f"### `{name}`", "", columns_table(track, new)]
    return lines


def _scored(manifest: Mapping[str, Any]) -> bool:
    return "truth" in manifest["commitments"]["tables"]


def _of_split(stem: str, splits: Iterable[str]) -> bool:
    return stem.partition("_")[0] in splits


def _splits(manifest: Mapping[str, Any], files: Mapping[str, str]) -> list[str]:
    train, test = (manifest["splits"][split]["rows"] for split in ("train", "test"))
    known = _scored(manifest)
    public = "30 % of them the public board" if known else "whose truth is not known: checked, not scored"
    return [
        f"- training split: {train:,} rows with labels (`{files['train']}`)"
        if train
        else "- no training split: the data are a test alone",
        f"- test split: {test:,} rows without (`{files['test']}`), {public}"
        if test
        else "- no test split: the data came without its truth",
    ]


def _scoring(challenge: Challenge, manifest: Mapping[str, Any]) -> list[str]:
    return [
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
    ]


def render(
    challenge: Challenge,
    manifest: Mapping[str, Any],
    columns: Mapping[str, Iterable[str]],
    settings: Iterable[str] = (),
) -> str:
    """The README.md of a release; ``challenge`` as its track asks it.

    columns : of each public table, by its file or the pattern of its files.   settings : stems of the JSON files.
    """
    track = challenge.tracks[0]
    splits = manifest["splits"]
    files = {re.split("[./]", name, maxsplit=1)[0]: name for name in columns}
    others = [name for stem, name in files.items() if stem not in splits]
    described = [c for stem in files if _of_split(stem, splits) for c in columns[files[stem]]]
    lines = [
        f"# {challenge.title}: release `{manifest['id']}`",
        "",
        challenge.description,
        "",
        f"Track **{track.title}**. {track.description}",
        "",
        *_splits(manifest, files),
        f"- size `{manifest['size']}`, made with blindsky {manifest['scorer']['blindsky']}",
        *(f"- `{name}`: {', '.join(f'`{c}`' for c in columns[name])}" for name in others),
        *(f"- `{name}.json`" for name in settings),
        "",
        "## Columns",
        "",
        columns_table(track, described),
        *_beside(track, {files[s]: columns[files[s]] for s in files if not _of_split(s, splits)}, described),
        "",
        "## What to send",
        "",
        prediction_text(challenge.prediction, splits["test"]["rows"]),
        "",
        "Try `blindsky check predictions.parquet --release .` before you send it.",
        "",
        *(_scoring(challenge, manifest) if _scored(manifest) else ()),
        challenge.about(),
    ]
    if challenge.citations:
        lines += ["", "## References", "", *(f"- {c}" for c in challenge.citations)]
    return "\n".join(lines).rstrip() + "\n"
