"""Smooth and clip from files to catalogue: sources found, false ones few, every number in range."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from blindsky.baselines.baseline import Settings
from blindsky.baselines.hi import BASELINES
from blindsky.baselines.hi.matched_filter import train
from blindsky.challenges.hi import CHALLENGE
from blindsky.challenges.hi.columns import SDC2
from blindsky.scoring.catalogue import match, value

SETTINGS = Settings(device="cpu")


@pytest.fixture(scope="module")
def found(mini):
    return train(mini.public, SETTINGS).catalogue(mini.public, "test")


def test_most_detectable_sources_are_found_and_few_others(mini, found):
    truth = mini.truths["test"]
    seen = match(truth, found)
    detectable = int((truth["snr"] >= 5).sum())
    assert detectable >= 20
    assert seen.n_match >= 0.6 * detectable  # the field is crowded
    assert seen.n_false <= 0.2 * seen.n_det
    assert value(seen) > 0.45 * detectable
    assert seen.accuracies["position"] > 90 and seen.accuracies["central_freq"] > 90


def test_the_catalogue_is_one(mini, found):
    assert tuple(found) == (*SDC2, "conf")
    assert len(np.unique(found["id"])) == len(found["id"])
    for column in CHALLENGE.prediction.fields:
        values = found[column.name]
        assert np.isfinite(values).all()
        assert values.min() >= (column.low if column.low is not None else column.above), column.name
        assert values.max() <= column.high, column.name
    x, y = mini.field.pixel(found["ra"], found["dec"])
    assert mini.field.inside(x, y, mini.field.channel(found["central_freq"])).all()


def test_the_same_again_whatever_the_threads(mini, found):
    again = train(mini.public, Settings(device="cpu", workers=2)).catalogue(mini.public, "test")
    for name in SDC2:
        np.testing.assert_allclose(again[name], found[name], rtol=1e-3)


def test_progress_counts_megabytes(mini):
    from contextlib import contextmanager

    seen = []

    @contextmanager
    def progress(title, total, unit):
        class Bar:
            def advance(self, n=1):
                seen.append(n)

            def note(self, text):
                pass

        yield Bar()
        assert unit == "MB" and sum(seen) == pytest.approx(total)

    train(mini.public, Settings(device="cpu", progress=progress))
    assert sum(seen) == pytest.approx(mini.field.bytes / 1e6)


def test_every_baseline_is_declared_once():
    names = [baseline.name for baseline in BASELINES]
    assert names == ["random", "train_truth", "grid", "matched_filter", "sofia", "unet3d"]
    known = {field.name for field in CHALLENGE.prediction.fields}
    assert all(set(baseline.fields) <= known for baseline in BASELINES)
