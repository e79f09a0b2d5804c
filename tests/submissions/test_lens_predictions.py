"""Predictions of the strong-lens challenge: scores by id, Einstein radii with their errors or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import registry
from blindsky.submissions.canonical import sample_submission, write_canonical
from blindsky.submissions.checking import check
from blindsky.submissions.faults import RULES

PREDICTION = registry.get("lens").on("space").prediction
HALF = PREDICTION.columns[1].high  # arcsec, the widest Einstein radius that is accepted
N = 60


@pytest.fixture
def stamps(make_public: Callable[..., Any]) -> Any:
    return make_public(np.arange(200_000, 200_000 + N), PREDICTION)


@pytest.fixture
def answer(stamps: Any) -> dict[str, Any]:
    """Scores and Einstein radii of every stamp, as cells that a test may spoil."""
    rng = np.random.default_rng(3)
    columns = {
        "id": stamps.ids,
        "score": rng.random(N),
        "theta_e": rng.uniform(0.1, HALF, N),
        "theta_e_err": rng.exponential(0.3, N),
    }
    return {name: column.tolist() for name, column in columns.items()}


def test_radii_with_errors_or_neither(stamps: Any, answer: dict[str, Any], text: Callable[..., Path]) -> None:
    whole = check(text(answer), stamps)
    assert whole.ok and whole.notes == ()
    assert whole.fields == ("score", "theta_e", "theta_e_err")
    assert check(text({name: answer[name] for name in ("id", "score")}), stamps).fields == ("score",)


@pytest.mark.parametrize(("sent", "lacking"), [("theta_e", "theta_e_err"), ("theta_e_err", "theta_e")])
def test_one_of_two_columns_alone(
    sent: str, lacking: str, stamps: Any, answer: dict[str, Any], text: Callable[..., Path]
) -> None:
    result = check(text({name: answer[name] for name in ("id", "score", sent)}), stamps)
    (fault,) = result.faults
    assert (fault.code, fault.column, fault.got) == ("lone_column", lacking, f"{sent} without {lacking}")
    assert fault.expected == "all of theta_e, theta_e_err, or none"
    assert fault.mend == f"add the column {lacking}, or leave out {sent}"


def test_a_partner_under_another_name(stamps: Any, answer: dict[str, Any], text: Callable[..., Path]) -> None:
    answer["theta_err"] = answer.pop("theta_e_err")
    unknown, lone = check(text(answer), stamps).faults
    assert (unknown.code, unknown.mend) == ("unknown_column", "did you mean theta_e_err?")
    assert lone.mend == "rename 'theta_err' to theta_e_err, or leave out theta_e"


def test_every_fault_at_once(stamps: Any, answer: dict[str, Any], text: Callable[..., Path]) -> None:
    score, radius, error = answer["score"], answer["theta_e"], answer["theta_e_err"]
    score[0], score[1], score[2], score[3] = 1.0000001, -1e-9, "nan", "lens"
    radius[4], radius[5], radius[6], radius[7] = 0.0, -1.0, 1.000001 * HALF, ""
    error[8], error[9], error[10] = 0.0, -0.1, "inf"
    answer["id"][11], answer["id"][12], answer["id"][13] = "200011.0", 200_014, 100_000
    answer["label"] = ["lens"] * N
    result = check(text(answer), stamps)
    assert {(f.code, f.column, f.row) for f in result.faults} == {
        ("unknown_column", "'label'", None),
        ("out_of_range", "score", 1),
        ("out_of_range", "score", 2),
        ("not_finite", "score", 3),
        ("not_a_number", "score", 4),
        ("out_of_range", "theta_e", 5),
        ("out_of_range", "theta_e", 6),
        ("out_of_range", "theta_e", 7),
        ("missing_value", "theta_e", 8),
        ("out_of_range", "theta_e_err", 9),
        ("out_of_range", "theta_e_err", 10),
        ("not_finite", "theta_e_err", 11),
        ("bad_id", "id", 12),
        ("duplicate_id", "id", 15),
        ("extra_id", "id", 14),
        *(("missing_id", "id", None) for _ in range(1)),
    }
    assert all(f.mend and f.expected for f in result.faults)
    assert set(result.report.codes) <= set(RULES)
    told = {(f.code, f.row): f for f in result.faults}
    assert told["out_of_range", 1].expected == "a number from 0 to 1"
    assert told["out_of_range", 5].expected == "a number above 0 and not above 7.14 arcsec"
    assert told["out_of_range", 9].expected == "a number above 0 arcsec"
    assert "not as floats" in str(told["bad_id", 12].mend)
    absent = {f.id for f in result.faults if f.code == "missing_id"}
    assert absent == {200_011, 200_012, 200_013}


def test_the_bounds_of_a_radius_are_exact(
    stamps: Any, answer: dict[str, Any], text: Callable[..., Path]
) -> None:
    answer["theta_e"][0], answer["theta_e"][1] = HALF, 5e-324
    assert check(text(answer), stamps).ok


def test_leading_zeros_of_an_id_mean_nothing(
    stamps: Any, answer: dict[str, Any], text: Callable[..., Path]
) -> None:
    ids = answer["id"]
    answer["id"] = [f"{i:09d}" for i in ids]
    kept = check(text(answer), stamps)
    assert kept.ok and kept.in_order
    answer["id"][1] = str(ids[0])
    result = check(text(answer), stamps)
    assert [(f.code, f.row, f.id) for f in result.faults] == [
        ("duplicate_id", 2, ids[0]),
        ("missing_id", None, ids[1]),
    ]


@pytest.mark.parametrize("scores", [[0.5] * N, [1] * N, [0, 1] * (N // 2), [0.1, 0.2, 0.2, 0.9] * (N // 4)])
def test_equal_and_whole_scores_are_valid_with_a_notice(
    scores: list[float], stamps: Any, answer: dict[str, Any], text: Callable[..., Path]
) -> None:
    result = check(text({"id": answer["id"], "score": scores}), stamps)
    assert result.ok
    (note,) = result.notes
    assert (note.code, note.column) == ("few_values", "score")
    n = len(set(scores))
    expected = (
        f"score is {scores[0]:g} in every row"
        if n == 1
        else f"score takes only {n} different values, from {min(scores):g} to {max(scores):g}"
    )
    assert note.message.startswith(expected)
    assert note.message in str(result)


def test_whole_scores_in_parquet(
    stamps: Any, answer: dict[str, Any], parquet: Callable[..., Path], tmp_path: Path
) -> None:
    columns = {"id": np.array(answer["id"]), "score": np.arange(N) % 2}
    path = parquet(columns)
    assert check(path, stamps).ok
    write_canonical(path, stamps, tmp_path / "stored.parquet")
    from blindsky.challenges import tables

    assert tables.read(tmp_path / "stored.parquet")["score"].dtype == np.float64


@pytest.mark.parametrize("separator", [",", " ", "  \t "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_original_forms(
    separator: str, end: str, stamps: Any, answer: dict[str, Any], tmp_path: Path
) -> None:
    """Two columns without a header, separated by blanks (first edition) or a comma (second)."""
    order = np.random.default_rng(4).permutation(N)
    rows = [f"{answer['id'][k]}{separator}{answer['score'][k]!r}" for k in order]
    (tmp_path / "entry.txt").write_bytes((end.join(rows) + end).encode())
    result = check(tmp_path / "entry.txt", stamps)
    assert result.ok, str(result)
    assert [note.message for note in result.notes] == ["no header: the columns were read as id, score"]
    assert result.format == ("CSV" if separator == "," else "text separated by blanks")
    named = ["id,score", *(row.replace(separator, ",") for row in rows)]
    (tmp_path / "named.csv").write_text("\n".join(named))
    digests = {
        write_canonical(tmp_path / name, stamps, tmp_path / f"{name}.parquet")
        for name in ("entry.txt", "named.csv")
    }
    assert len(digests) == 1


def test_the_sample_is_valid(stamps: Any, tmp_path: Path) -> None:
    sample_submission(stamps, tmp_path / "sample.csv")
    result = check(tmp_path / "sample.csv", stamps)
    assert result.ok, str(result)
    assert result.fields == ("score", "theta_e", "theta_e_err")


@pytest.mark.parametrize(("track", "side"), [("space", 10.1), ("ground_shift", 20.2), ("euclid", 20.0)])
def test_a_radius_may_reach_into_the_corner_of_a_stamp(track: str, side: float) -> None:
    asked = registry.get("lens").on(track).prediction
    columns = {c.name: c for c in asked.columns}
    assert columns["theta_e"].high == pytest.approx(side / 2**0.5, abs=0.01)
    assert columns["theta_e"].above == columns["theta_e_err"].above == 0
    assert asked.together == (("theta_e", "theta_e_err"),) and asked.headerless
