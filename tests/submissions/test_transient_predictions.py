"""Predictions of the transients challenge: fifteen probabilities of any sum, and perhaps an anomaly score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.baselines.baseline import _arrow
from blindsky.challenges import tables
from blindsky.challenges.datacard import field_text
from blindsky.challenges.prediction import Column, Prediction, Probabilities
from blindsky.challenges.transients.classes import NUMBERS, WEIGHTS
from blindsky.scoring.classification import macro_logloss, weighted_logloss
from blindsky.submissions.canonical import sample_submission, write_canonical
from blindsky.submissions.checking import CheckResult, check
from blindsky.submissions.faults import RULES

N = 60
NAMES = tuple(f"class_{number}" for number in NUMBERS)
PREDICTION = Prediction((Probabilities(NAMES), Column("anomaly_score", optional=True)))
Write = Callable[..., Path]


@pytest.fixture
def objects(make_public: Callable[..., Any]) -> Any:
    """Sixty test objects whose ids need all of 53 bits."""
    return make_public(np.random.default_rng(3).permutation(2**53 - 1 - np.arange(N)), PREDICTION)


@pytest.fixture
def answer(objects: Any) -> dict[str, Any]:
    """Probabilities of every object, as cells that a test may spoil."""
    p = np.random.default_rng(4).dirichlet(np.full(15, 0.3), N)
    return {
        "object_id": objects.ids.tolist(),
        **{name: p[:, k].tolist() for k, name in enumerate(NAMES)},
    }


def matrix(table: dict[str, Any]) -> Any:
    return np.stack([np.asarray(table[name], np.float64) for name in NAMES], axis=1)


def found(result: CheckResult) -> set[tuple[Any, ...]]:
    assert set(result.report.codes) <= set(RULES)
    return {(f.code, f.column, f.row, f.got) for f in result.faults}


def test_columns_in_any_order(objects: Any, answer: dict[str, Any], text: Write, parquet: Write) -> None:
    turned = {name: answer[name] for name in reversed(answer)}
    for path in (
        text(answer),
        text(turned, "turned.csv"),
        parquet({k: np.array(v) for k, v in turned.items()}),
    ):
        result = check(path, objects)
        assert result.ok and result.notes == () and result.fields == ("probabilities",)
        assert result.mass_error["probabilities"] < 1e-14
    answer["anomaly_score"] = np.random.default_rng(0).normal(0, 1e6, N).tolist()
    assert check(text(answer), objects).fields == ("probabilities", "anomaly_score")


def test_every_fault_at_once(objects: Any, answer: dict[str, Any], text: Write) -> None:
    for name in NAMES:
        answer[name][20] = 0
        answer[name][21] = "1e308"
    answer["class_42"][3] = "-1e-9"
    answer["class_99"][3], answer["class_6"][4] = "nan", "inf"
    answer["class_90"][5], answer["class_15"][6] = "SNIa", ""
    answer["class_6"][5] = "0,5".replace(",", " ")
    answer["anomaly_score"] = [0.5] * 30 + ["nan"] + [0.25] * 29
    answer["object_id"][8], answer["object_id"][9] = "17.0", answer["object_id"][10]
    result = check(text(answer), objects)
    assert found(result) >= {
        ("out_of_range", "class_42", 4, "-1e-09"),
        ("not_finite", "class_99", 4, "nan"),
        ("not_finite", "class_6", 5, "inf"),
        ("not_a_number", "class_6", 6, "'0 5'"),
        ("not_a_number", "class_90", 6, "'SNIa'"),
        ("missing_value", "class_15", 7, "an empty cell"),
        ("bad_sum", "probabilities", 21, "a sum of 0"),
        ("bad_sum", "probabilities", 22, "a sum of inf"),
        ("not_finite", "anomaly_score", 31, "nan"),
        ("bad_id", "object_id", 9, "'17.0'"),
    }
    assert set(result.report.codes) == {
        *("out_of_range", "not_finite", "not_a_number", "missing_value"),
        *("bad_sum", "bad_id", "duplicate_id", "missing_id"),
    }
    assert "row 6, class_90: got 'SNIa'" in str(result)  # with one id unreadable, none is told


def test_a_rule_lists_twenty_cells_of_the_first_rows_whatever_their_columns(
    objects: Any, answer: dict[str, Any], text: Write
) -> None:
    """A table of NaN would otherwise fill fifteen screens."""
    rows = 7
    for name in NAMES:
        answer[name][:rows] = ["nan"] * rows
    result = check(text(answer), objects)
    (rule,) = result.report.broken
    assert rule.total == 15 * rows
    assert [(f.row, f.column) for f in rule.faults] == [(1 + k // 15, NAMES[k % 15]) for k in range(20)]


@pytest.mark.parametrize(
    ("given", "near"),
    [("class_63", "class_62"), ("Class_62", "class_62"), ("class62", "class_62"), ("p_sn_ibc", None)],
)
def test_a_misspelt_class_is_the_one_that_lacks(
    given: str, near: str | None, objects: Any, answer: dict[str, Any], text: Write
) -> None:
    """Its neighbours class_6, class_52, ... are as near by their letters, but they are there."""
    renamed = {given if name == "class_62" else name: column for name, column in answer.items()}
    unknown, missing = check(text(renamed), objects).faults
    assert (unknown.code, unknown.column) == ("unknown_column", repr(given))
    assert str(unknown.mend).startswith(f"did you mean {near}?" if near else "if it holds class_62, rename")
    assert (missing.code, missing.column) == ("missing_column", "class_62")
    assert missing.mend.startswith(
        f"rename {given!r} to class_62" if near else "rename the column that holds it to"
    )


def test_no_class_may_lack(objects: Any, answer: dict[str, Any], text: Write) -> None:
    del answer["class_99"], answer["class_64"]
    for name in NAMES:
        answer.get(name, [0])[0] = 0
    answer["class_42"][7] = -1
    result = check(text(answer), objects)
    assert [(f.code, f.column) for f in result.faults] == [
        ("missing_column", "class_64"),
        ("missing_column", "class_99"),
        ("out_of_range", "class_42"),
    ]
    assert result.fields == ()


def test_a_class_that_holds_text(objects: Any, answer: dict[str, Any], tmp_path: Path) -> None:
    import pandas as pd

    answer["class_6"] = ["a"] * N
    pd.DataFrame(answer).to_parquet(tmp_path / "p.parquet", index=False)
    (fault,) = check(tmp_path / "p.parquet", objects).faults
    assert (fault.code, fault.column, fault.expected) == ("column_type", "class_6", "plain numbers (float64)")


@pytest.mark.parametrize(("factor", "told"), [(1.0009, False), (1.0011, True), (100.0, True)])
def test_other_sums_are_divided_out_and_reported(
    factor: float, told: bool, objects: Any, answer: dict[str, Any], text: Write, tmp_path: Path
) -> None:
    sent = {**answer}
    for name in NAMES:
        sent[name] = [p * (factor if i == 17 else 1) for i, p in enumerate(answer[name])]
    result = check(text(sent), objects)
    assert result.ok and result.mass_error["probabilities"] == pytest.approx(factor - 1)
    assert [note.code for note in result.notes] == ["not_normalised"] * told
    if told:
        words = f"probabilities are not normalised: their sum differs from 1 by up to {factor - 1:.3g}; every row is"
        assert words in str(result)
    write_canonical(text(sent), objects, tmp_path / "stored")
    stored = tables.read(tmp_path / "stored")
    assert list(stored) == ["object_id", *NAMES]
    assert {stored[name].dtype for name in NAMES} == {np.dtype(np.float64)}
    np.testing.assert_allclose(matrix(stored), matrix(answer), rtol=1e-14)


@pytest.mark.parametrize("mixed", [False, True])
def test_what_is_stored_scores_as_what_was_sent(
    mixed: bool, objects: Any, answer: dict[str, Any], parquet: Write, text: Write, tmp_path: Path
) -> None:
    """In single precision it would not, to the ten digits of published scores."""
    p, y = matrix(answer), np.arange(N) % 15
    scaled = p * (1 + np.arange(N))[:, None]
    order = np.random.default_rng(5).permutation(N) if mixed else np.arange(N)
    columns = {"object_id": objects.ids[order], **{name: scaled[order, k] for k, name in enumerate(NAMES)}}
    digests = {
        write_canonical(path, objects, tmp_path / "stored")
        for path in (parquet(columns), text({k: v.tolist() for k, v in columns.items()}))
    }
    assert len(digests) == 1
    stored = tables.read(tmp_path / "stored")
    np.testing.assert_array_equal(stored["object_id"], objects.ids)
    assert abs(macro_logloss(y, matrix(stored)) / macro_logloss(y, p) - 1) < 1e-14
    single = matrix(stored).astype(np.float32)
    assert abs(macro_logloss(y, single) - macro_logloss(y, p)) > 1e-10


def test_an_entry_that_tells_nothing_apart(objects: Any, text: Write, tmp_path: Path) -> None:
    """The sample is one: it has no knowledge, and the log-loss of no knowledge."""
    for name in ("sample.csv", "sample.parquet"):
        sample_submission(objects, tmp_path / name)
        result = check(tmp_path / name, objects)
        assert result.ok and result.in_order
        assert [(note.code, note.column) for note in result.notes] == [
            ("few_values", "anomaly_score"),
            ("constant", "probabilities"),
        ]
    write_canonical(tmp_path / "sample.csv", objects, tmp_path / "stored")
    loss = weighted_logloss(
        np.arange(N) % 15, matrix(tables.read(tmp_path / "stored")), class_weights=WEIGHTS
    )
    assert loss == pytest.approx(2.7080502011, abs=1e-10)  # ln 15


def test_what_a_baseline_writes_and_a_participant_reads(objects: Any, answer: dict[str, Any]) -> None:
    arrow = _arrow({name: np.asarray(column) for name, column in answer.items()}, PREDICTION)
    assert arrow.schema.names == ["object_id", *NAMES]
    assert {str(arrow.schema.field(name).type) for name in NAMES} == {"double"}
    words = field_text(PREDICTION.fields[0])
    assert (
        words.startswith("`probabilities`, in the columns `class_6`, ")
        and "`class_99`: numbers >= 0" in words
    )
    assert PREDICTION.required == ("object_id", *NAMES)
    assert PREDICTION.names == (*PREDICTION.required, "anomaly_score") == ("object_id", *PREDICTION.numbers)


def test_a_real_entry_to_the_original_contest(
    shared_data: Callable[[str], Path], make_public: Callable[..., Any], tmp_path: Path
) -> None:
    """Its rows are rounded to four digits, so that they don't sum to 1."""
    path = shared_data("transients/plasticc_train_predictions_rf400.csv.gz")
    ids = np.loadtxt(path, delimiter=",", skiprows=1, usecols=0, dtype=np.int64)
    result = check(path, make_public(ids, PREDICTION))
    assert result.ok and (result.rows, result.format) == (7848, "CSV (gzip)")
    assert result.mass_error["probabilities"] < 1e-3
