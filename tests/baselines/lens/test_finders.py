"""What every finder without a network promises: on toy stamps with rings, and on releases of the mock sky."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings, get, names, predict_to_file
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.scoring.ranking import auroc

FINDERS = ("random", "constant", "flux", "arc", "hog_lr", "gabor_svm")
NETWORKS = ("cnn_tiny", "cnn_epfl", "resnet")


@pytest.fixture(scope="module")
def four_bands(toy_stamps):
    return toy_stamps(120, 90, 4)


@pytest.fixture(scope="module")
def trained(four_bands):
    """A finder trained on the toy stamps, by name and seed; trained once."""
    return cache(lambda name, seed=3: get(f"lens/{name}").fit(four_bands[0], Settings(seed=seed)))


@pytest.fixture(scope="module")
def two_cameras(lens_small, tmp_path_factory):
    from blindsky.challenges.generation import generate

    folder = tmp_path_factory.mktemp("euclid")
    return generate(lens_small, "euclid", "tiny", folder, release_id="two-cameras", key=bytes(32)).public


def check(prediction, ids):
    assert set(prediction) == {"id", "score"}
    assert np.array_equal(prediction["id"], ids)
    score = prediction["score"]
    assert score.shape == ids.shape and score.dtype == np.float64
    assert np.all((score >= 0) & (score <= 1))


def test_all_are_declared():
    assert set(names("lens")) == {f"lens/{name}" for name in FINDERS + NETWORKS}
    assert all(get(f"lens/{name}").extra == "torch" for name in NETWORKS)


@pytest.mark.parametrize("name", FINDERS)
def test_answers_hang_on_the_stamp_alone(name, four_bands, trained):
    public, _ = four_bands
    test = public.table("test")
    baseline = get(f"lens/{name}")
    prediction = trained(name).predict(test)
    check(prediction, test["id"])
    again = baseline.fit(public, Settings(seed=3, workers=3))
    mixed = np.random.default_rng(0).permutation(rows(test))
    for some in (mixed[:1], mixed[1:30], mixed[30:]):
        part = again.predict({column: values[some] for column, values in test.items()})
        assert np.allclose(part["score"], prediction["score"][some], atol=1e-5)


def test_the_seed_matters_to_random_alone(four_bands, trained):
    test = four_bands[0].table("test")
    first, second = (trained("random", seed).predict(test)["score"] for seed in (3, 4))
    assert not np.isclose(first, second).any()
    assert [name for name in FINDERS if get(f"lens/{name}").seeded] == ["random"]


@pytest.mark.parametrize(("name", "least"), [("arc", 0.9), ("hog_lr", 0.95), ("gabor_svm", 0.95)])
def test_rings_are_found(name, least, four_bands, trained):
    public, label = four_bands
    score = trained(name).predict(public.table("test"))["score"]
    assert auroc(label, score) > least


@pytest.mark.parametrize("name", FINDERS)
def test_bad_pixels_have_no_say(name, four_bands, trained):
    model, test = trained(name), four_bands[0].table("test")
    score = model.predict(test)["score"]
    image = np.where(test["mask"] > 0, np.float32(1e-8), test["image"])
    assert np.array_equal(model.predict({**test, "image": image})["score"], score)


@pytest.mark.parametrize("name", FINDERS)
def test_any_stamp_gets_an_answer(name, four_bands, trained):
    test = {column: values[:5].copy() for column, values in four_bands[0].table("test").items()}
    test["mask"][0] = 1  # nothing is known
    test["mask"][1, 1:] = 1  # one band is known
    test["image"][2] = 0
    test["image"][3] = 1e-3  # a wall of light
    test["image"][4, :, 50, 50] = -1e-3
    check(trained(name).predict(test), test["id"])


@pytest.mark.parametrize("name", FINDERS)
def test_releases_of_the_sky(name, lens_original, two_cameras, tmp_path):
    from blindsky.challenges.tables import read

    for public in (lens_original.public, two_cameras):
        assert isinstance(public, Public)
        predict_to_file(
            get(f"lens/{name}").fit(public, Settings(workers=2)), public, tmp_path / "out.parquet"
        )
        check(read(tmp_path / "out.parquet"), public.table("test", ["id"])["id"])


def test_stamps_are_never_read_whole(four_bands, monkeypatch):
    public, _ = four_bands
    whole = Public.table
    asked = []

    def table(self, name, columns=None):
        asked.append(name)
        return whole(self, name, columns)

    monkeypatch.setattr(Public, "table", table)
    for name in FINDERS:
        get(f"lens/{name}").fit(public, Settings())
    assert set(asked) == {"train_labels"}
