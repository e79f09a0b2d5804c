"""A report lists at most 20 rows a rule, counts all of them, and can be read by people and programs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.submissions.faults import Fault, FaultLog, PredictionRefused, shown, size_text


def log_of(n: int) -> FaultLog:
    log = FaultLog("p.csv")
    rows = np.arange(1, n + 1)
    log.add_rows(
        Fault("out_of_range", "values outside", "z", expected="0 to 3"), rows, rows * 10, lambda i: f"{i}.5"
    )
    return log


def test_rows_of_one_rule_are_listed_up_to_twenty_and_counted_over_all_chunks() -> None:
    log = log_of(15)
    log.add_rows(Fault("out_of_range", "values outside", "z"), np.arange(100, 130))
    report = log.report()
    assert [f.row for f in report.faults] == [*range(1, 16), 100, 101, 102, 103, 104]
    assert report.total == 45
    assert "... and 25 more" in report.text()


def test_rows_of_different_columns_are_different_rules() -> None:
    log = FaultLog("p.csv")
    for column in ("a", "b"):
        log.add_rows(Fault("not_finite", "NaN", column), np.arange(1, 31))
    assert len(log.report().faults) == 40
    assert log.report().total == 60 == log.count("not_finite")


def test_thousands_of_unknown_columns_are_one_rule() -> None:
    log = FaultLog("p.csv")
    for i in range(5000):
        log.add(Fault("unknown_column", "no part of it", f"c{i}"))
    assert (len(log.report().faults), log.report().total) == (20, 5000)


def test_json_holds_everything_with_the_total() -> None:
    listed = json.loads(json.dumps(log_of(30).report().to_list()))
    assert len(listed) == 20
    assert listed[2] == {
        "code": "out_of_range",
        "message": "values outside",
        "column": "z",
        "row": 3,
        "id": 30,
        "got": "2.5",
        "expected": "0 to 3",
        "mend": None,
        "total": 30,
    }


def test_one_line() -> None:
    fault = Fault("out_of_range", "too far", "z", 1234, 99, "7.5", "0 to 3", "clip it")
    assert fault.line() == "out_of_range: z, row 1,234 (id 99): too far; got 7.5; expected 0 to 3; clip it"


def test_refusing_raises_what_was_found_before_too() -> None:
    log = log_of(2)
    with pytest.raises(PredictionRefused, match=r"p\.csv is not a valid prediction: 3 faults") as caught:
        log.refuse(Fault("truncated", "cut short"))
    assert isinstance(caught.value, InputFault)
    assert caught.value.report.codes == ("out_of_range", "truncated")


def test_a_participants_text_is_shown_on_one_line_without_control_characters() -> None:
    text = shown("a\x1b[31m\n\u202eb" + "x" * 500)
    assert len(text) == 60
    assert text.isprintable()


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (5 << 30, "5.0 GiB"),
        (1 << 50, "1,048,576.0 GiB"),
    ],
)
def test_sizes(n: int, text: str) -> None:
    assert size_text(n) == text
