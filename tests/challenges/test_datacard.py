"""The fact sheet and the data card say everything that the declaration says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from blindsky.challenges import registry
from blindsky.challenges.challenge import Board, Challenge
from blindsky.challenges.datacard import (
    board_text,
    direction,
    fact_sheet,
    field_text,
    metric_table,
    prediction_text,
)
from blindsky.challenges.prediction import Column, Density, Field, Grid, Pixels, Prediction
from blindsky.challenges.release import Release

GRID = Grid(0, 1, 3)


def words(challenge: Challenge) -> list[str]:
    """Everything that an entry needs to know of one track."""
    return [
        *(f"`{m.key}`" for m in challenge.metrics),
        *(m.title for m in challenge.metrics),
        *(m.reference.replace("|", "\\|") for m in challenge.metrics),
        *(b.title for b in challenge.boards),
        *(f"`{f.name}`" for f in challenge.prediction.fields),
        *(f.description for f in challenge.prediction.fields),
        f"`{challenge.prediction.key}`",
        challenge.description,
    ]


@pytest.mark.parametrize("name", ["photoz", "toy"])
def test_the_fact_sheet_names_everything(name: str) -> None:
    challenge = registry.get(name)
    text = fact_sheet(challenge)
    expected = [*words(challenge), *(f"`{t.name}`" for t in challenge.tracks), challenge.task]
    expected += [t.description for t in challenge.tracks]
    for track in challenge.tracks:
        asked = challenge.on(track.name)
        expected += words(asked)
        expected += [f"| `{n}` | {s.train:,} | {s.test:,} |" for n, s in asked.sizes.items()]
    expected += [f"`{o.name}`: {' or '.join(o.values)} (default {o.default})" for o in challenge.options]
    assert [w for w in expected if w not in text] == []
    assert text.endswith("\n") and not re.search(r"\n{3}|None|nan\b|<function", text)


def test_the_data_card_of_a_release(toy_original: Release) -> None:
    public = toy_original.public
    text = (public.root / "README.md").read_text()
    expected = [*words(public.challenge), public.release_id, public.track.title, public.track.description]
    expected += [p.description for p in public.track.public]
    expected += ["100 rows with labels", "150 rows", "30 %", public.manifest["commitments"]["root"]]
    expected += ["How the toy was made", "Theoria motus"]
    files = {p.name for p in public.root.iterdir() if p.is_file()} - {"README.md"}
    assert [w for w in [*expected, *(f"`{name}`" for name in files)] if w not in text] == []
    assert public.manifest["created"] not in text  # equal releases have equal bytes


def test_the_data_card_names_every_column_once(photoz_original: Release) -> None:
    public = photoz_original.public
    text = (public.root / "README.md").read_text()
    for name in ("train", "test"):
        for column in public.table(name):
            assert text.count(f"| `{column}` |") == 1
    assert "| `flux_u` | nJy | observed flux in u; may be zero or negative |" in text


def test_the_data_card_says_the_units_of_other_tables(photoz_original: Release) -> None:
    text = (photoz_original.public.root / "README.md").read_text()
    head, rest = text.split("### `filters.parquet`")
    filters, rest = rest.split("### `templates.parquet`")
    templates, rest = rest.split("### `derived.parquet`")
    assert "| `wavelength` | Angstrom |" in filters and "| `transmission` |" in filters
    assert "| `ebv` | mag |" in templates and "| `f_lambda` |" in templates
    assert "| `i_obs` | AB mag |" in rest.split("## What to send")[0]
    assert "| `wavelength` |" not in head


def test_the_data_card_says_nothing_twice_of_other_tables(toy_original: Release) -> None:
    assert "###" not in (toy_original.public.root / "README.md").read_text().split("## What to send")[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((), "(Parquet, CSV, FITS, ECSV and VOTable)"),
        (
            (Density("p", GRID, optional=True),),
            "(Parquet; CSV, FITS, ECSV and VOTable where no density is sent)",
        ),
        ((Pixels("m", (2, 2)),), "(Parquet; CSV, FITS, ECSV and VOTable where no image is sent)"),
        (
            (Density("p", GRID, optional=True), Pixels("m", (2, 2))),
            "(Parquet; CSV, FITS, ECSV and VOTable where no density or image is sent)",
        ),
        ((Density("p", GRID), Pixels("m", (2, 2))), "(Parquet)"),
    ],
)
def test_an_array_needs_parquet(fields: tuple[Field, ...], words: str) -> None:
    assert words in prediction_text(Prediction((Column("x"), *fields)))


def test_directions_in_words(toy: Challenge) -> None:
    said = {m.key: direction(m) for m in toy.metrics}
    assert said["mse"] == "lower is better" and said["mean_log_p"] == "higher is better"
    assert said["bias"] == "best near 0" and said["mean_estimate"] == "shown, not ranked"
    assert direction(replace(toy.metric("bias"), target=0.5)) == "best near 0.5"


def test_a_field_in_words(toy: Challenge) -> None:
    estimate, pdf = toy.prediction.fields
    assert field_text(estimate) == "`estimate`: a finite number from -6 to 6 m. The mean as one number."
    expected = "`pdf`: 61 values >= 0 on an equally spaced grid from -6 to 6, optional (for every row or not at all)."
    assert field_text(pdf) == f"{expected} Its density."
    assert "from 0 to 3 m" in field_text(Column("x", "m", 0, 3))
    assert "150 rows, one per test object" in prediction_text(toy.prediction, 150)
    pair = Prediction(
        (Column("s"), Column("r", optional=True), Column("e", optional=True)), "id", (("r", "e"),), True
    )
    assert "- `r`, `e`: all of them or none." in prediction_text(pair)
    assert "Text without a header is read as `id`, `s`" in prediction_text(pair)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (Column("x"), "`x`: a finite number."),
        (Column("x", low=0), "`x`: a finite number >= 0."),
        (Column("x", high=1, unit="m"), "`x`: a finite number <= 1 m."),
        (Column("x", above=0), "`x`: a finite number > 0."),
        (Column("x", above=0, high=5, unit="m"), "`x`: a finite number > 0 and <= 5 m."),
    ],
)
def test_a_range_that_is_open(column: Column, words: str) -> None:
    assert field_text(column) == words


def test_a_formula_stays_in_its_cell(toy: Challenge) -> None:
    row = metric_table([replace(toy.metrics[0], formula="|a| | b")]).splitlines()[-1]
    assert len(re.findall(r"(?<!\\)\|", row)) == 7


def test_a_board_in_words(toy: Challenge) -> None:
    text = board_text(toy.boards[0])
    assert text == (
        "- **Densities**: entries that send `pdf`, ranked by `excess` (where a release lacks it: `mean_log_p`)"
    )
    assert board_text(Board("a", "A", ("m",), ())) == "- **A**: all entries, ranked by `m`"
