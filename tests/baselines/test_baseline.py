"""Finding, training and running a baseline."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blindsky.baselines.baseline import Baseline, Settings, get, names, predict_to_file
from blindsky.challenges.errors import InputFault, MissingExtra
from blindsky.challenges.prediction import Column, Density, Grid, Prediction

PREDICTION = Prediction((Column("x"), Density("p", Grid(0, 1, 5), optional=True)))


class Small:
    """A public part of 40,000 rows: three batches."""

    release_id = "small"
    challenge = SimpleNamespace(prediction=PREDICTION)
    track = SimpleNamespace(name="only")
    n = 40_000

    def rows(self, name):
        return self.n

    def batches(self, name, n=16384, columns=None):
        assert name == "test"
        for first in range(0, self.n, n):
            ids = np.arange(first, min(first + n, self.n))
            yield {"object_id": ids, "flux": ids / 2}


class Double:
    """Answers twice the flux, and remembers what it was shown."""

    def __init__(self, density=True):
        self.density, self.seen, self.largest = density, set(), 0

    def predict(self, test):
        self.seen |= set(test)
        self.largest = max(self.largest, len(test["flux"]))
        answer = {"object_id": test["object_id"], "x": (2 * test["flux"]).astype(np.float32)}
        return answer | ({"p": np.ones((len(test["flux"]), 5))} if self.density else {})


@contextmanager
def silent(title, total, unit):
    yield SimpleNamespace(advance=lambda n=1: None, note=lambda text: None)


def test_every_row_is_answered_in_order_and_in_the_declared_types(tmp_path):
    model = Double()
    predict_to_file(model, Small(), tmp_path / "out" / "p.parquet", silent)
    table = pq.read_table(tmp_path / "out" / "p.parquet")
    assert table.schema.types == [pa.int64(), pa.float64(), pa.list_(pa.float32(), 5)]
    assert table.column_names == ["object_id", "x", "p"]
    assert np.array_equal(table["object_id"], np.arange(40_000))
    assert np.array_equal(table["x"], np.arange(40_000))
    assert model.seen == {"object_id", "flux"}  # the test table's columns, so no label
    assert model.largest < 40_000  # memory is bounded by the batch


def test_an_optional_density_may_be_absent(tmp_path):
    predict_to_file(Double(density=False), Small(), tmp_path / "p.parquet", silent)
    assert pq.read_table(tmp_path / "p.parquet").column_names == ["object_id", "x"]


def test_a_failing_model_leaves_no_file(tmp_path):
    class Fails(Double):
        def predict(self, test):
            if test["object_id"][0] > 0:
                raise RuntimeError
            return super().predict(test)

    with pytest.raises(RuntimeError):
        predict_to_file(Fails(), Small(), tmp_path / "p.parquet", silent)
    assert list(tmp_path.iterdir()) == []


def test_a_name_leads_to_its_baseline():
    assert get("photoz/knn").name == "knn"
    assert "photoz/knn" in names() and "photoz/knn" in names("photoz")
    assert names("no such challenge") == ()


@pytest.mark.parametrize("wrong", ["photoz/knm", "knn", "photo/knn"])
def test_an_unknown_name_gets_the_nearest_one(wrong):
    with pytest.raises(
        InputFault, match=r"there is no baseline .*did you mean photoz/knn\? Known are: .*photoz/"
    ):
        get(wrong)


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r'needs the package torch.*pip install "blindsky\[torch\]"'):
        get("photoz/mdn").fit(Small(), Settings())


def test_tracks_are_kept():
    baseline = Baseline(
        name="b",
        title="",
        description="",
        train=lambda p, s: Double(),
        fields=("x",),
        reference="",
        tracks=("other",),
    )
    with pytest.raises(InputFault, match="meant for the track other, and release small is of the track only"):
        baseline.fit(Small(), Settings())


def test_a_function_is_as_good_as_its_name():
    model = Double()
    baseline = Baseline(
        name="b", title="", description="", train=lambda p, s: model, fields=("x",), reference=""
    )
    assert baseline.fit(Small(), Settings()) is model


def test_naming_the_baselines_loads_nothing_heavy():
    code = (
        "import sys; from blindsky.baselines.baseline import names; assert names('photoz'); "
        "print([m for m in ('torch', 'sklearn', 'scipy', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
