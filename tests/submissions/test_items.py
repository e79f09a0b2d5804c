"""Predictions of several items a case, listed or found, with masks: the whole road, and what is wrong with a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from blindsky.baselines.baseline import Settings, get, predict_to_file
from blindsky.challenges import registry, tables
from blindsky.challenges.cards import read_card
from blindsky.challenges.generation import generate
from blindsky.challenges.prediction import Pixels
from blindsky.challenges.references import folder_of
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal, verify
from blindsky.leaderboard.pictures import album
from blindsky.leaderboard.publish import views
from blindsky.leaderboard.site import build
from blindsky.scoring.measurements import Table
from blindsky.submissions import cells
from blindsky.submissions.arena import Arena
from blindsky.submissions.canonical import sample_submission, write_canonical
from blindsky.submissions.checking import CheckResult, check
from blindsky.submissions.judging import measure, score_due

KEY = bytes(range(32))


@pytest.fixture(params=["listed", "found"])
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Release:
    return generate(
        registry.get("toyitems"), request.param, "tiny", tmp_path / "releases", release_id="r", key=KEY
    )


@pytest.fixture
def listed(tmp_path: Path) -> Release:
    return generate(
        registry.get("toyitems"), "listed", "tiny", tmp_path / "releases", release_id="r", key=KEY
    )


@pytest.fixture
def found(tmp_path: Path) -> Release:
    return generate(registry.get("toyitems"), "found", "tiny", tmp_path / "releases", release_id="r", key=KEY)


def truth(release: Release) -> Table:
    return tables.read(release.private / "truth_objects")


def best(release: Release) -> Table:
    """The truth as a prediction."""
    t = truth(release)
    keys = {"blend_id": t["blend_id"], release.public.challenge.prediction.keys[1]: t["obj"].astype(np.int64)}
    at = {} if "obj" in keys else {"x": t["x"], "y": t["y"]}
    return {**keys, **at, "flux": t["flux"], "mask": t["mask"]}


def write(table: Table, path: Path) -> Path:
    import pyarrow.parquet as pq

    pq.write_table(tables.to_arrow(table), path)
    return path


def test_the_whole_road(release: Release, tmp_path: Path) -> None:
    arena, public = Arena(tmp_path), release.public
    assert verify(public, release).ok
    sample_submission(public, tmp_path / "sample.csv")
    sample_submission(public, tmp_path / "sample.parquet")
    assert check(tmp_path / "sample.csv", public).ok and check(tmp_path / "sample.parquet", public).ok
    peaks = get("toyitems/peaks")
    predict_to_file(peaks.fit(public, Settings()), public, tmp_path / "peaks.parquet")
    arena.submit(tmp_path / "peaks.parquet", "r", team="A", method="peaks")
    arena.submit(write(best(release), tmp_path / "best.parquet"), "r", team="B", method="truth")
    assert [s.state for s in score_due(arena)] == ["valid", "valid"]
    cards, ids = {}, {}
    for standing in arena.standings("r"):
        folder = arena.card_folder(standing.submission.id)
        assert folder is not None
        cards[standing.submission.method], _ = read_card(folder)
        ids[standing.submission.method] = standing.submission.id
    whole = cards["truth"]["parts"]["all"]
    assert whole["n"] == 90
    assert whole["metrics"]["error"]["value"] == pytest.approx(0, abs=1e-12)
    assert cards["peaks"]["parts"]["all"]["metrics"]["error"]["value"] > 0.1
    oracle = folder_of(release, "oracle")
    assert read_card(next(p for p in oracle.iterdir() if p.is_dir()))[0]["parts"] == cards["truth"]["parts"]
    build(tmp_path / "site", views(arena))
    pages = {m: next((tmp_path / "site" / "r").glob(f"{i}*.html")) for m, i in ids.items()}
    assert "data:image/webp" in (tmp_path / "site" / "r" / "index.html").read_text()
    assert not any("data:image/webp" in page.read_text() for page in pages.values())
    reveal(release)
    assert verify(public).ok
    build(tmp_path / "site", views(arena))
    shown = {m: album(public, [card], arena.prediction).pictures for m, card in cards.items()}
    for method, found in shown.items():
        assert {(ids[method], 0), (ids[method], 1)} <= found.keys()
        assert pages[method].read_text().count("the first") == 2  # alternative text and caption
    assert (
        shown["truth"][ids["truth"], 0] == shown["truth"][ids["truth"], 1]
    )  # nobody says more than there is
    assert "Blobs on images" in (tmp_path / "site" / "index.html").read_text()


def test_values_parts_slices_and_replicates_count_cases(listed: Release, tmp_path: Path) -> None:
    table = best(listed)
    rng = np.random.default_rng(2)
    table["flux"] = table["flux"] * rng.uniform(0.5, 1.4, len(table["flux"]))
    write_canonical(write(table, tmp_path / "p.parquet"), listed.public, tmp_path / "c.parquet")
    parts, part_of = measure(listed, tmp_path / "c.parquet")
    cases = listed.public.table("test", ["blend_id"])["blend_id"]
    frame = pd.DataFrame(
        {"id": table["blend_id"], "error": np.abs(table["flux"] / truth(listed)["flux"] - 1)}
    )
    frame["part"] = pd.Series(part_of, index=cases).loc[frame["id"]].to_numpy()
    frame["bright"] = truth(listed)["flux"] > 50
    frame["crowd"] = frame.groupby("id")["id"].transform("size")
    arena = Arena(tmp_path)
    submission = arena.submit(tmp_path / "p.parquet", "r", team="A", method="m")
    score_due(arena)
    folder = arena.card_folder(submission.id)
    assert folder is not None
    card, replicates = read_card(folder)
    for part in ("public", "private"):
        inside = frame[frame["part"] == part]
        found = card["parts"][part]
        assert found["n"] == inside["id"].nunique() == np.count_nonzero(part_of == part)
        assert found["metrics"]["error"]["value"] == pytest.approx(inside["error"].mean(), abs=1e-12)
        assert len(parts[part]) == len(inside)
        slices = {s["name"]: s["parts"][part] for s in card["slices"]}
        for name, mask, n in (
            ("bright", inside["bright"], inside["bright"].sum()),
            ("crowded", inside["crowd"] == 3, inside["id"][inside["crowd"] == 3].nunique()),
        ):
            assert slices[name]["n"] == n
            assert slices[name]["metrics"]["error"]["value"] == pytest.approx(inside["error"][mask].mean())
    weights = listed.replicates(cases).block(0, 4)
    of_row = pd.Series(np.arange(len(cases)), index=cases).loc[frame["id"]].to_numpy()
    by_hand = [np.average(frame["error"], weights=w[of_row]) for w in weights]
    np.testing.assert_allclose(replicates["all/error"][:4], by_hand, rtol=1e-12)


def test_the_stored_form_does_not_depend_on_order_or_form(release: Release, tmp_path: Path) -> None:
    table = best(release)
    order = np.random.default_rng(3).permutation(len(table["flux"]))
    shuffled = {name: column[order] for name, column in table.items()}
    shuffled["mask"] = shuffled["mask"].astype(bool)
    digests = {
        write_canonical(write(t, tmp_path / f"{k}.parquet"), release.public, tmp_path / f"{k}.out")
        for k, t in enumerate((table, shuffled, {**table, "mask": table["mask"] * 0.7 + 0.1}))
    }
    assert len(digests) == 1
    stored = tables.read(tmp_path / "1.out")
    assert stored["mask"].dtype == np.uint8 and stored["mask"].shape[1:] == (8, 8)
    np.testing.assert_array_equal(stored["blend_id"], table["blend_id"])
    np.testing.assert_array_equal(stored["mask"], table["mask"])


def test_one_prediction_of_two_chunks_is_followed(listed: Release, tmp_path: Path) -> None:
    """Cases without rows at the edges of chunks, rows that are left over."""
    t = best(listed)
    path = write(t, tmp_path / "t.parquet")
    follow = tables.Lists(path, "blend_id", 7)
    ids = listed.public.table("test", ["blend_id"])["blend_id"]
    strangers = np.array([-4, -5])
    assert follow.take(strangers).counts.tolist() == [0, 0]
    taken = [follow.take(ids[i : i + 20]) for i in range(0, len(ids), 20)]
    assert follow.exhausted
    np.testing.assert_array_equal(np.concatenate([r.columns["flux"] for r in taken]), t["flux"])
    expected = pd.Series(t["blend_id"]).value_counts().loc[ids].to_numpy()
    np.testing.assert_array_equal(np.concatenate([r.counts for r in taken]), expected)
    empty = tables.Lists(write(rows_of(t, slice(0)), tmp_path / "none.parquet"), "blend_id")
    assert empty.exhausted
    none = empty.take(ids[:2])
    assert none.counts.tolist() == [0, 0] and none.columns["mask"].shape == (0, 8, 8)


@pytest.fixture
def faulty(tmp_path: Path) -> Callable[[Release, Table], CheckResult]:
    def run(release: Release, table: Table) -> CheckResult:
        result = check(write(table, tmp_path / "bad.parquet"), release.public)
        print(result)
        return result

    return run


def rows_of(table: Table, rows: Any) -> Table:
    return {name: column[rows] for name, column in table.items()}


def test_listed_items_are_all_asked_once(
    listed: Release, faulty: Callable[[Release, Table], CheckResult]
) -> None:
    t = best(listed)
    n = len(t["flux"])
    one = rows_of(t, np.append(np.arange(1, n), 5))
    result = faulty(listed, one)
    assert result.report.codes == ("duplicate_id", "missing_id")
    again, absent = result.faults
    assert (again.row, again.id) == (n, t["blend_id"][5]) and again.got == "the id of row 5 again"
    assert (absent.id, absent.got) == (t["blend_id"][0], f"no row of obj {t['obj'][0]}")
    t["obj"] = np.where(np.arange(n) == 3, 9, t["obj"])
    assert faulty(listed, t).report.codes == ("extra_id", "missing_id")
    assert "obj 9" in str(faulty(listed, t))
    del t["obj"]
    assert faulty(listed, t).report.codes == ("missing_column",)


def test_what_was_found_is_numbered_and_bounded(
    found: Release, faulty: Callable[[Release, Table], CheckResult]
) -> None:
    t = best(found)
    n = len(t["flux"])
    del t["mask"]
    assert faulty(found, t).ok
    assert faulty(found, rows_of(t, t["blend_id"] != t["blend_id"][0])).report.codes == ("missing_id",)
    crowd = rows_of(t, [0] * 6)
    crowd["det"] = np.arange(6)
    rest = rows_of(t, t["blend_id"] != t["blend_id"][0])
    both = {name: np.concatenate([crowd[name], rest[name]]) for name in t}
    result = faulty(found, both)
    assert result.report.codes == ("too_many_items",) and result.faults[0].got == "6 rows"
    twice = rows_of(t, np.append(np.arange(n), 0))
    assert faulty(found, twice).report.codes == ("duplicate_id",)
    t["det"] = np.where(np.arange(n) == n - 1, -2, t["det"])
    assert faulty(found, t).report.codes == ("out_of_range",)


def test_nothing_found_is_said(found: Release, tmp_path: Path) -> None:
    t = best(found)
    del t["mask"]
    frame = pd.DataFrame(t)
    first = t["blend_id"][0]
    frame = frame[frame["blend_id"] != first]
    nothing = pd.DataFrame({"blend_id": [first], "det": [-1]})
    whole = pd.concat([nothing, frame])
    whole.to_csv(tmp_path / "a.csv", index=False)
    whole.to_parquet(tmp_path / "a.parquet", index=False)
    digests = set()
    for name in ("a.csv", "a.parquet"):
        assert check(tmp_path / name, found.public).ok
        digests.add(write_canonical(tmp_path / name, found.public, tmp_path / f"{name}.out"))
    assert len(digests) == 1
    assert first not in tables.read(tmp_path / "a.csv.out")["blend_id"]
    parts, _ = measure(found, tmp_path / "a.csv.out")
    errors = parts["all"].floats("error")
    assert np.count_nonzero(errors == -1) == np.count_nonzero(t["blend_id"] == first)
    pd.concat([whole, pd.DataFrame({"blend_id": [first], "det": [0], "x": 1, "y": 1, "flux": 3})]).to_csv(
        tmp_path / "b.csv", index=False
    )
    assert check(tmp_path / "b.csv", found.public).report.codes == ("nothing_and_more",)
    whole.iloc[0, 4] = 7.0
    whole.to_csv(tmp_path / "c.csv", index=False)
    result = check(tmp_path / "c.csv", found.public)
    assert result.report.codes == ("not_empty",) and result.faults[0].column == "flux"
    whole.iloc[3, 4] = np.nan
    whole.to_csv(tmp_path / "d.csv", index=False)
    assert set(check(tmp_path / "d.csv", found.public).report.codes) == {"not_empty", "missing_value"}
    frame = frame[frame["blend_id"] != first]
    pd.concat([nothing, nothing, frame]).to_csv(tmp_path / "e.csv", index=False)
    twice = check(tmp_path / "e.csv", found.public)
    assert twice.report.codes == ("duplicate_id",) and twice.report.total == 1


def test_nobody_found_anything(found: Release, tmp_path: Path) -> None:
    ids = found.public.table("test", ["blend_id"])["blend_id"]
    empty = pd.DataFrame({"blend_id": ids, "det": -1, "x": np.nan, "y": np.nan, "flux": np.nan})
    empty.to_parquet(tmp_path / "none.parquet", index=False)
    assert check(tmp_path / "none.parquet", found.public).ok
    arena = Arena(tmp_path)
    submission = arena.submit(tmp_path / "none.parquet", "r", team="A", method="nothing")
    assert [s.state for s in score_due(arena)] == ["valid"]
    folder = arena.card_folder(submission.id)
    assert folder is not None
    assert read_card(folder)[0]["parts"]["all"]["metrics"]["error"]["value"] == 1


@pytest.mark.parametrize(
    ("spoil", "codes", "said"),
    [
        (lambda m: m[:, :7], ("pixels_shape",), "7 x 8"),
        (lambda m: m.reshape(len(m), -1)[:, :60], ("pixels_shape",), "60 values"),
        (lambda m: np.where(np.arange(64).reshape(8, 8) == 9, 2, m), ("out_of_range",), "2.0 at (1, 1)"),
        (lambda m: m - 0.1, ("out_of_range",), "-0.1"),
        (lambda m: np.where(m > 0, np.nan, 0.5), ("not_finite",), "nan"),
        (lambda m: [None, *(row.reshape(-1) for row in m[1:])], ("missing_value",), "no image"),
        (lambda m: m[:, 0, 0].astype(float), ("pixels_form",), "type double"),
    ],
)
def test_masks_that_are_none(
    listed: Release,
    faulty: Callable[[Release, Table], CheckResult],
    spoil: Callable[[Any], Any],
    codes: tuple[str, ...],
    said: str,
) -> None:
    t = best(listed)
    t["mask"] = spoil(t["mask"].astype(np.float64))
    result = faulty(listed, t)
    assert result.report.codes == codes
    assert said in str(result)


def test_masks_between_are_noticed(listed: Release, faulty: Callable[[Release, Table], CheckResult]) -> None:
    t = best(listed)
    assert not [n for n in faulty(listed, t).notes if n.code == "thresholded"]
    t["mask"] = t["mask"] * 0.9
    result = faulty(listed, t)
    notes = [n.message for n in result.notes if n.code == "thresholded"]
    assert result.ok and len(notes) == 1
    assert f"{np.count_nonzero(t['mask']):,} values between 0 and 1" in notes[0]


def test_of_several_planes_one_is_kept() -> None:
    import pyarrow as pa

    field = Pixels("image", (2, 3), planes=(4, 2))
    images = np.arange(48.0).reshape(2, 4, 2, 3)
    for sent in (images, images[:, 2], images[:, 2:3]):
        values, _, problems = cells.pixels(pa.array(list(sent.reshape(2, -1))), field)
        assert not problems and values.dtype == np.float32
        np.testing.assert_array_equal(values, images[:, 2])
    assert field.shapes == ((2, 3), (1, 2, 3), (4, 2, 3))
    images[1, 2, 0, 1] = 1e300
    _, _, problems = cells.pixels(pa.array(list(images.reshape(2, -1))), field)
    assert [p.code for p in problems] == ["not_finite"] and problems[0].got(0) == "1e+300 at (0, 1)"


def test_a_method_that_finds_nothing_somewhere_has_no_mask_there(found: Release, tmp_path: Path) -> None:
    class Half:
        """A detection on every other image, none on the first."""

        def predict(self, test: Table) -> Table:
            n = len(test["blend_id"])
            det = np.arange(n) % 2 - 1
            place = np.where(det < 0, np.nan, 3.0)
            mask = np.zeros((n, 8, 8), np.uint8)
            return {
                "blend_id": test["blend_id"],
                "det": det,
                "x": place,
                "y": place,
                "flux": place,
                "mask": mask,
            }

    predict_to_file(Half(), found.public, tmp_path / "half.parquet")
    result = check(tmp_path / "half.parquet", found.public)
    assert result.ok, str(result)
    write_canonical(tmp_path / "half.parquet", found.public, tmp_path / "stored.parquet")
    assert len(tables.read(tmp_path / "stored.parquet")["mask"]) == 45
