"""Light curves found by object: against a plain loop over the table, row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.baselines.transients.lightcurves import Archive, LightCurves, training
from blindsky.challenges import tables
from blindsky.challenges.tables import Groups

NAMES = ("mjd", "passband", "flux", "flux_err", "detected")


def _loop(table, objects):
    """{column: values of each object} by comparing every row with every id."""
    found = []
    for one in objects:
        rows = np.flatnonzero(table["object_id"] == one)
        rows = rows[np.argsort(table["mjd"][rows], kind="stable")]
        found.append({name: table[name][rows] for name in NAMES})
    return found


def _same(curves, expected):
    assert len(curves) == len(expected)
    for k, one in enumerate(expected):
        inside = slice(curves.starts[k], curves.starts[k + 1])
        for name in NAMES:
            np.testing.assert_array_equal(getattr(curves, name)[inside], one[name])


@pytest.fixture
def archive(tmp_path):
    """A table in small row groups, whose objects straddle them, and the table."""
    import pyarrow.parquet as pq

    rng = np.random.default_rng(1)
    ids = np.sort(rng.choice(10**15, 40, replace=False))
    counts = rng.integers(0, 9, 40)
    n = counts.sum()
    table = {
        "object_id": np.repeat(ids, counts),
        "mjd": np.concatenate([np.sort(rng.uniform(0, 9, c)) for c in counts]),
        "passband": rng.integers(0, 6, n).astype(np.int8),
        "flux": rng.normal(0, 9, n).astype(np.float32),
        "flux_err": rng.uniform(1, 2, n).astype(np.float32),
        "detected": rng.integers(0, 2, n).astype(np.int8),
    }
    path = tmp_path / "test_lightcurves.parquet"
    pq.write_table(tables.to_arrow(table), path, row_group_size=17)
    groups = Groups.of(path)
    return Archive(groups, *groups.ends("object_id")), table, ids


@given(chosen=st.lists(st.integers(0, 39), unique=True, max_size=40))
@settings(max_examples=25, deadline=None)
def test_read_finds_what_a_loop_finds(archive_of_session, chosen):
    archive, table, ids = archive_of_session
    wanted = ids[np.array(chosen, dtype=np.int64)]
    _same(archive.read(wanted), _loop(table, wanted))


@pytest.fixture(scope="session")
def archive_of_session(tmp_path_factory):
    return archive.__wrapped__(tmp_path_factory.mktemp("archive"))


def test_unknown_objects_have_no_observations(archive):
    found = archive[0].read(np.array([-5, 2 * 10**15]))
    assert found.counts.tolist() == [0, 0]
    assert np.all(np.isnan(found.trigger()))


def test_rows_out_of_order_are_sorted_by_time(tmp_path):
    import pyarrow.parquet as pq

    table = {
        "object_id": np.array([3, 1, 3, 1]),
        "mjd": np.array([4.0, 8.0, 2.0, 6.0]),
        "passband": np.zeros(4, np.int8),
        "flux": np.arange(4.0),
        "flux_err": np.ones(4),
        "detected": np.ones(4, np.int8),
    }
    pq.write_table(tables.to_arrow(table), tmp_path / "x.parquet", row_group_size=3)
    groups = Groups.of(tmp_path / "x.parquet")
    _same(Archive(groups, *groups.ends("object_id")).read(np.array([1, 3])), _loop(table, [1, 3]))


def _curves(*objects):
    """Of lists of (mjd, flux, detected)."""
    rows = [row for one in objects for row in one]
    mjd, flux, detected = (np.array(c, dtype=np.float64) for c in zip(*rows, strict=True))
    starts = np.cumsum([0, *(len(one) for one in objects)])
    n = len(rows)
    return LightCurves(starts, mjd, np.zeros(n, np.int64), flux, np.ones(n), detected.astype(bool))


def test_trigger_is_the_second_night_with_a_detection():
    curves = _curves(
        [(1.0, 3, 0), (2.0, 9, 1), (2.02, 9, 1), (2.03, 8, 1), (5.0, 9, 1)],  # 2.02 is too early
        [(1.0, 3, 0), (2.0, 9, 1), (3.0, 20, 0)],  # one detection
        [(1.0, 3, 0), (2.0, -9, 0), (3.0, 4, 0)],  # none
    )
    assert curves.trigger().tolist() == [2.03, 2.0, 2.0]


def test_cut_and_take_keep_rows_with_their_objects():
    curves = _curves([(1.0, 1, 0), (2.0, 2, 1)], [], [(1.5, 3, 0), (2.5, 4, 0), (3.5, 5, 1)])
    cut = curves.until(np.array([1.0, 9.0, 2.5]))
    assert cut.counts.tolist() == [1, 0, 2]
    assert cut.flux.tolist() == [1, 3, 4]
    twice = curves.take(np.array([2, 0, 2, 1]))
    assert twice.counts.tolist() == [3, 2, 3, 0]
    assert twice.flux.tolist() == [3, 4, 5, 1, 2, 3, 4, 5]


def test_training_of_whole_light_curves(transients_original):
    public = transients_original.public
    table, curves = training(public)
    assert len(curves) == len(table["target"]) == 675
    long = public.table("train_lightcurves")
    assert curves.starts[-1] == len(long["mjd"])
    _same(curves.take(np.arange(5)), _loop(long, table["object_id"][:5]))


def test_training_for_early_light_curves_is_cut_as_the_test_is(transients_early):
    public = transients_early.public
    table, curves = training(public)
    assert len(curves) == len(table["epoch_cut"]) == 5 * 675
    first = curves.take(np.flatnonzero(table["object_id"] == table["object_id"][0]))
    end = np.array([first.mjd[s - 1] for s in first.starts[1:]])
    trigger = first.take([4]).trigger()[0]
    assert np.all(end <= trigger + np.array([0, 2, 8, 32, 128]))
    assert end[0] == trigger
    # what the challenge cut itself ends no later than its own days allow
    test = public.table("test")
    cut = Archive.of(public, "test").read(test["object_id"])
    last = np.maximum.reduceat(cut.mjd, cut.starts[:-1])
    assert np.all(last <= cut.trigger() + test["epoch_cut"] + 1e-9)
