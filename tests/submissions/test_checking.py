"""A valid prediction passes in any order; an invalid one is told everything at once, with code, row and column."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.prediction import Column, Density, Grid, Prediction
from blindsky.submissions.checking import CheckResult, check
from blindsky.submissions.faults import RULES, PredictionRefused


def only(result: CheckResult, code: str) -> Any:
    """The one fault there should be."""
    assert result.report.codes == (code,), str(result)
    assert code in RULES
    assert not result.ok
    return result.faults[0]


def test_valid_in_any_order(
    public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path]
) -> None:
    order = np.random.default_rng(1).permutation(50)
    straight = check(parquet({**table, "pdf": density}), public)
    mixed = check(
        parquet({"pdf": density[order], **{k: v[order] for k, v in table.items()}}, "mixed.parquet"), public
    )
    assert straight.ok
    assert mixed.ok
    assert (straight.in_order, mixed.in_order) == (True, False)
    assert straight.fields == mixed.fields == ("z_point", "pdf")
    assert straight.rows == 50
    assert straight.notes == ()
    assert straight.mass_error["pdf"] < 1e-6


def test_what_a_valid_prediction_is_told(
    public: Any, table: dict[str, Any], text: Callable[..., Path]
) -> None:
    path = text(table)
    told = str(check(path, public))
    assert "prediction.csv (CSV, 50 rows) is a valid prediction for toy-plain-tiny-0a1b2c3d: z_point." in told
    assert (
        f'Next: blindsky submit {path} --release toy-plain-tiny-0a1b2c3d --team "..." --method "..."' in told
    )


def test_unnormalised_densities_are_reported_not_refused(
    public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path]
) -> None:
    density[7] *= 1.25
    result = check(parquet({**table, "pdf": density}), public)
    assert result.ok
    assert result.mass_error["pdf"] == pytest.approx(0.25, abs=1e-6)
    assert [note.code for note in result.notes] == ["not_normalised"]
    assert "differs from 1 by up to 0.25" in str(result)


def test_all_faults_at_once(
    public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path]
) -> None:
    ids, z = table["object_id"], table["z_point"]
    absent = int(ids[10])
    ids[10], ids[20] = 12345, ids[21]
    lost = {absent, int(public.ids[20])}
    z[3], z[4], z[5] = np.nan, np.inf, 3.0000001
    density[6, 2], density[8], density[9, 30] = -1e-30, 0, np.nan
    result = check(parquet({**table, "pdf": density, "z_points": z}), public)
    found = {(f.code, f.column, f.row, f.id) for f in result.faults}
    assert found == {
        ("unknown_column", "'z_points'", None, None),
        ("extra_id", "object_id", 11, 12345),
        ("duplicate_id", "object_id", 22, int(ids[21])),
        ("not_finite", "z_point", 4, int(ids[3])),
        ("not_finite", "z_point", 5, int(ids[4])),
        ("out_of_range", "z_point", 6, int(ids[5])),
        ("negative_density", "pdf", 7, int(ids[6])),
        ("zero_mass", "pdf", 9, int(ids[8])),
        ("not_finite", "pdf", 10, int(ids[9])),
        *(("missing_id", "object_id", None, i) for i in lost),
    }
    told = {(f.code, f.row): f for f in result.faults}
    assert told["unknown_column", None].mend == "did you mean z_point?"
    assert told["duplicate_id", 22].got == "the id of row 21 again"
    assert told["out_of_range", 6].expected == "a number from 0 to 3"
    assert told["negative_density", 7].got == "-1.0000000031710769e-30 at node 2 (counted from 0)"
    assert set(result.report.codes) <= set(RULES)
    with pytest.raises(PredictionRefused, match="Next: mend this and run again") as caught:
        raise PredictionRefused(result)
    assert caught.value.report == result.report


def test_the_result_as_json(public: Any, table: dict[str, Any], text: Callable[..., Path]) -> None:
    table["z_point"][:30] = -1
    found = json.loads(json.dumps(check(text(table), public).to_dict()))
    assert (found["ok"], found["rows"], found["total_faults"], len(found["faults"])) == (False, 50, 30, 20)
    assert found["faults"][0] == {
        "code": "out_of_range",
        "message": "values outside the allowed range",
        "column": "z_point",
        "row": 1,
        "id": int(table["object_id"][0]),
        "got": "-1.0",
        "expected": "a number from 0 to 3",
        "mend": "check the unit, and clip to the range",
        "total": 30,
    }


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ("z_points", "did you mean z_point?"),
        ("Z_Point", "did you mean z_point? (names are case-sensitive)"),
        ("zpoint", "did you mean z_point?"),
        ("photometric_redshift", "if it holds z_point, rename it, else leave it out"),
        ("Unnamed: 0", "this looks like the row index of pandas: write the table with index=False"),
        ("", "this looks like the row index of pandas: write the table with index=False"),
    ],
)
def test_a_wrong_name_gets_a_suggestion(
    given: str, mend: str, public: Any, table: dict[str, Any], text: Callable[..., Path]
) -> None:
    result = check(text({"object_id": table["object_id"], given: table["z_point"]}), public)
    assert result.report.codes == ("unknown_column", "missing_column")
    unknown, missing = result.faults
    assert unknown.mend == mend
    assert missing.column == "z_point"
    ways = {
        "did": f"rename {given!r} to z_point",
        "if": f"rename the column that holds it to z_point, perhaps {given!r}, or add it",
        "this": "add the column z_point",
    }
    assert missing.mend == ways[mend.split()[0]]
    assert unknown.expected == missing.expected == "object_id, z_point, spread (optional), pdf (optional)"


def test_two_names_unlike_those_asked_for_are_not_to_be_thrown_away(
    public: Any, table: dict[str, Any], text: Callable[..., Path]
) -> None:
    result = check(text({"id": table["object_id"], "photoz": table["z_point"]}), public)
    told = {(f.code, f.column): f.mend for f in result.faults}
    assert told == {
        ("unknown_column", "'id'"): "if it holds object_id or z_point, rename it, else leave it out",
        ("unknown_column", "'photoz'"): "if it holds object_id or z_point, rename it, else leave it out",
        (
            "missing_column",
            "object_id",
        ): "rename the column that holds it to object_id, perhaps 'id' or 'photoz', or add it",
        (
            "missing_column",
            "z_point",
        ): "rename the column that holds it to z_point, perhaps 'id' or 'photoz', or add it",
    }
    beside = check(text({**table, "colour": table["z_point"]}), public)
    assert [fault.mend for fault in beside.faults] == ["leave it out"], "nothing is missing"


def test_a_doubled_column(public: Any, table: dict[str, Any], text: Callable[..., Path]) -> None:
    path = text(table)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"{line},{line.split(',')[1]}" for line in lines))
    fault = only(check(path, public), "duplicate_column")
    assert fault.column == "z_point"


def test_missing_ids_are_counted_and_listed_in_the_order_of_the_test_table(
    public: Any, table: dict[str, Any], text: Callable[..., Path]
) -> None:
    result = check(text({k: v[25:] for k, v in table.items()}), public)
    only(result, "missing_id")
    assert [f.id for f in result.faults] == public.ids[:20].tolist()
    assert result.report.total == 25


def test_a_duplicate_in_another_chunk(make_public: Callable[..., Any], text: Callable[..., Path]) -> None:
    n = 70_000  # more than one chunk of 65,536 rows
    ids = np.arange(n)
    given = ids.copy()
    given[-1] = 5
    result = check(text({"object_id": given, "z_point": np.ones(n)}), make_public(ids))
    assert [(f.code, f.row, f.id) for f in result.faults] == [
        ("duplicate_id", n, 5),
        ("missing_id", None, n - 1),
    ]
    assert result.faults[0].got == "the id of row 6 again"


def test_ids_of_the_training_set(public: Any, table: dict[str, Any], text: Callable[..., Path]) -> None:
    result = check(text({**table, "object_id": np.arange(50)}), public)
    assert result.report.codes == ("extra_id", "missing_id")
    assert "not the training table" in str(result.faults[-1].mend)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("about 1", "not_a_number"),
        ("1_000", "not_a_number"),
        ("0x1p3", "not_a_number"),
        ("\u0661", "not_a_number"),
        ("__import__('os')", "not_a_number"),
        ("", "missing_value"),
        ("NULL", "missing_value"),
        ("NaN", "not_finite"),
        ("-inf", "not_finite"),
        ("1e999", "not_finite"),
        ("3.0001", "out_of_range"),
        ("-1e-300", "out_of_range"),
    ],
)
def test_a_bad_cell_of_text(
    cell: str, code: str, public: Any, table: dict[str, Any], text: Callable[..., Path]
) -> None:
    cells = [str(z) for z in table["z_point"]]
    cells[12] = cell
    fault = only(check(text({**table, "z_point": cells}), public), code)
    assert (fault.row, fault.id, fault.column) == (13, int(table["object_id"][12]), "z_point")
    assert fault.expected == "a number from 0 to 3"
    assert fault.mend


@pytest.mark.parametrize("cell", [" 1.5 ", "+1.5", "1.5e0", "15E-1", "1.5000"])
def test_a_good_cell_of_text(
    cell: str, public: Any, table: dict[str, Any], text: Callable[..., Path]
) -> None:
    assert check(text({**table, "z_point": [cell] * 50}), public).ok


@pytest.mark.parametrize(
    ("cell", "code"),
    [("12.0", "bad_id"), ("1e15", "bad_id"), ("0x1F", "bad_id"), ("9" * 30, "bad_id"), ("", "missing_value")],
)
def test_a_bad_id_of_text(
    cell: str, code: str, public: Any, table: dict[str, Any], text: Callable[..., Path]
) -> None:
    cells = [str(i) for i in table["object_id"]]
    cells[12] = cell
    result = check(text({**table, "object_id": cells}), public)
    fault = result.faults[0]
    assert (fault.code, fault.row, fault.column) == (code, 13, "object_id")
    assert "int64" in str(fault.expected)


def test_ids_over_two_to_the_53_are_exact(make_public: Callable[..., Any], text: Callable[..., Path]) -> None:
    ids = np.array([2**53, 2**53 + 1, 2**62 + 1, 2**63 - 1, -(2**63)])
    assert check(text({"object_id": ids, "z_point": np.ones(5)}), make_public(ids)).ok
    near = ids + np.array([0, 0, 1, 0, 0])
    result = check(text({"object_id": near, "z_point": np.ones(5)}), make_public(ids))
    assert {(f.code, f.id) for f in result.faults} == {("extra_id", 2**62 + 2), ("missing_id", 2**62 + 1)}


def test_ids_as_floats(public: Any, table: dict[str, Any], parquet: Callable[..., Path]) -> None:
    fault = only(check(parquet({**table, "object_id": table["object_id"].astype(float)}), public), "bad_id")
    assert (fault.column, fault.got) == ("object_id", "double")
    assert 'test["object_id"].astype("int64")' in fault.mend


def test_unsigned_ids(make_public: Callable[..., Any], parquet: Callable[..., Path]) -> None:
    ids = np.array([5, 7])
    assert check(parquet({"object_id": ids.astype(np.uint64), "z_point": np.ones(2)}), make_public(ids)).ok
    large = np.array([5, 2**63 + 7], np.uint64)
    result = check(parquet({"object_id": large, "z_point": np.ones(2)}), make_public(ids))
    assert [(f.code, f.row, f.got) for f in result.faults] == [("bad_id", 2, str(2**63 + 7))]


@pytest.mark.parametrize("kind", ["text", "boolean", "date", "struct"])
def test_columns_of_odd_types_are_named(
    kind: str, public: Any, table: dict[str, Any], tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    odd = {
        "text": pa.array(["0.5"] * 50),
        "boolean": pa.array([True] * 50),
        "date": pa.array([0] * 50, pa.date32()),
        "struct": pa.array([{"a": 1.0}] * 50),
    }[kind]
    pq.write_table(pa.table({"object_id": table["object_id"], "z_point": odd}), tmp_path / "odd.parquet")
    fault = only(check(tmp_path / "odd.parquet", public), "column_type")
    assert (fault.column, fault.got) == ("z_point", str(odd.type))
    assert 'astype("float64")' in fault.mend


def test_a_null_in_parquet(public: Any, table: dict[str, Any], tmp_path: Path) -> None:
    import pandas as pd

    table["z_point"][4] = np.nan  # pandas writes null
    pd.DataFrame(table).to_parquet(tmp_path / "null.parquet", index=False)
    fault = only(check(tmp_path / "null.parquet", public), "missing_value")
    assert (fault.row, fault.column) == (5, "z_point")
    assert "pandas writes NaN so" in fault.got


def test_a_density_of_fixed_but_wrong_length(
    public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path]
) -> None:
    fault = only(check(parquet({**table, "pdf": density[:, :30]}), public), "density_length")
    assert (fault.column, fault.row, fault.got) == ("pdf", None, "30 values a row")
    assert "31 values" in fault.expected
    assert "0, 0.1, ..., 3" in fault.expected


def test_densities_of_varying_length_null_and_with_nulls(
    public: Any, table: dict[str, Any], density: Any, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lists: list[Any] = density.tolist()
    lists[1], lists[2], lists[3][17] = lists[1][:5], None, None
    pq.write_table(pa.table({**table, "pdf": lists}), tmp_path / "p.parquet")
    result = check(tmp_path / "p.parquet", public)
    assert {(f.code, f.row, f.got) for f in result.faults} == {
        ("density_length", 2, "5 values"),
        ("missing_value", 3, "no density"),
        ("missing_value", 4, "an empty value (null; pandas writes NaN so) at node 17 (counted from 0)"),
    }
    assert result.report.faults[0].column == "pdf"


def test_a_density_too_large_for_float32_is_not_finite(
    public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path]
) -> None:
    wide = density.astype(np.float64)
    wide[2, 5] = 1e300
    fault = only(check(parquet({**table, "pdf": wide}), public), "not_finite")
    assert (fault.row, fault.got) == (3, "1e+300 at node 5 (counted from 0)")


def test_mass_is_that_of_the_trapezoid_rule(
    public: Any, table: dict[str, Any], density: Any, parquet: Callable[..., Path]
) -> None:
    density[0], density[1] = 0, 0
    density[0, 0], density[1, 3] = 2e-11, 2e-12  # areas 0.05 * 2e-11 and 0.1 * 2e-12
    result = check(parquet({**table, "pdf": density}), public)
    assert [(f.code, f.row, f.got) for f in result.faults] == [
        ("zero_mass", 1, "an integral of 1e-12"),
        ("zero_mass", 2, "an integral of 2e-13"),
    ]
    density[0, 0], density[1, 3] = 2.1e-11, 1.1e-11
    assert check(parquet({**table, "pdf": density}), public).ok


@pytest.mark.parametrize("spread", [False, True])
def test_a_density_in_text(
    spread: bool, public: Any, table: dict[str, Any], density: Any, text: Callable[..., Path]
) -> None:
    columns = (
        {f"pdf_{k}": density[:, k] for k in range(31)}
        if spread
        else {"pdf": [str(list(p)).replace(",", "") for p in density]}
    )
    fault = only(check(text({**table, **columns}), public), "density_form")
    assert fault.column == "pdf"
    assert "Parquet" in fault.mend
    assert "qp" in fault.mend


def test_a_required_density_that_is_absent(
    make_public: Callable[..., Any], table: dict[str, Any], text: Callable[..., Path]
) -> None:
    prediction = Prediction((Column("z_point"), Density("pdf", Grid(0, 3, 31))))
    fault = only(check(text(table), make_public(table["object_id"], prediction)), "missing_column")
    assert fault.column == "pdf"


def test_another_declaration(make_public: Callable[..., Any], text: Callable[..., Path]) -> None:
    """Probabilities of classes, another key, an open range: nothing is particular to one challenge."""
    prediction = Prediction(
        (Column("class_6", low=0), Column("class_15", low=0), Column("score", optional=True)), "id"
    )
    public = make_public(np.array([3, 1, 2]), prediction)
    assert check(text({"id": [1, 2, 3], "class_15": [0, 1, 7e9], "class_6": [1, 0, 0]}), public).ok
    result = check(text({"id": [1, 2, 3], "class_15": [0, 1, -1], "class_6": [1, 0, 0]}), public)
    assert [(f.code, f.column, f.row, f.expected) for f in result.faults] == [
        ("out_of_range", "class_15", 3, "a number not below 0")
    ]
