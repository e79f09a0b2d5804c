"""The sky as a whole: what a block holds, what it depends on, and whether its shortcuts are exact."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.photoz import labels, photometry, prior, templates
from blindsky.challenges.photoz import sky as skies
from blindsky.challenges.photoz.filters import LSST, NISP
from blindsky.challenges.photoz.sky import PhotozSky, simulate

TINY = Size(2000, 2000)
TRUTH = ["z_true", "i_true", "type_t", "type_class", "ebv", "k3"]
ORACLE = [f"oracle_{name}" for name in ("logp", "int_p2", "pit", "crps", "z_mean", "z_median", "z_mode")]


def make(name: str, size: Size = TINY, **options: str) -> PhotozSky:
    return simulate(Track(name=name, title="", description="", public=()), size, options)


def philox(key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key))


def fluxes(bands: tuple[str, ...]) -> list[str]:
    return [f"flux_{b}" for b in bands] + [f"flux_err_{b}" for b in bands]


@pytest.mark.parametrize("name", ["representative", "biased", "nir"])
def test_columns(name: str) -> None:
    sky = make(name)
    bands = (*LSST, *NISP) if name == "nir" else LSST
    train = sky.draw("train", 0, 50, philox(1))
    assert list(train.public) == [*fluxes(bands), "redshift", "survey"]
    assert all(column.dtype == np.float32 for key, column in train.public.items() if key != "survey")
    assert list(train.private["train_truth"]) == [*TRUTH, "redshift_is_wrong"]
    assert not train.references
    selection = sky.selection("train", 20)
    assert (selection is None) == (name != "biased")
    if selection is not None:
        taken = selection.take(train)
        assert list(taken.public) == [*fluxes(bands), "redshift", "survey"]
        assert list(taken.private) == ["train_truth"]

    test = sky.draw("test", 0, 12, philox(2))
    assert list(test.public) == fluxes(bands)
    assert list(test.private["truth"]) == TRUTH
    assert list(test.private["oracle"]) == [*ORACLE, "oracle_pdf"]
    assert sky.selection("test", 12) is None
    reference = test.references["oracle"]
    assert reference["pdf"].shape == (12, 301) and reference["pdf"].dtype == np.float32
    np.testing.assert_allclose(reference["z_point"], np.argmax(reference["pdf"], axis=1) / 100)
    for table in (test.public, *test.private.values(), reference):
        assert {len(column) for column in table.values()} == {12}


def test_full_size_keeps_scalars_alone() -> None:
    block = make("representative", Size(44_404, 399_356)).draw("test", 0, 3, philox(1))
    assert list(block.private["oracle"]) == ORACLE
    assert block.references["oracle"]["pdf"].shape == (3, 301)


@pytest.mark.parametrize(
    ("name", "split"), [("representative", "test"), ("biased", "train"), ("nir", "train")]
)
def test_fewer_rows_are_a_prefix(name: str, split: str) -> None:
    sky = make(name)
    short, long = (sky.draw(split, 3, rows, philox(5)) for rows in (7, 16))
    for few, many in (
        (short.public, long.public),
        *((short.private[k], long.private[k]) for k in short.private),
    ):
        for key, column in few.items():
            if key.startswith("oracle"):
                np.testing.assert_allclose(column, many[key][:7], rtol=1e-4, atol=1e-6)
            else:
                np.testing.assert_array_equal(column, many[key][:7])


def test_a_block_is_its_stream() -> None:
    sky = make("representative")
    a, b, c = (sky.draw("train", 0, 100, philox(key)) for key in (1, 1, 2))
    np.testing.assert_array_equal(a.public["flux_u"], b.public["flux_u"])
    assert not np.any(a.public["flux_u"] == c.public["flux_u"])
    # the tracks share their physics: one stream, the same galaxies
    biased = make("biased").draw("train", 0, 100, philox(1))
    np.testing.assert_array_equal(a.public["flux_y"], biased.public["flux_y"])


def test_truth_is_what_was_observed() -> None:
    sky = make("nir")
    n = sky.block_rows
    block = sky.draw("train", 0, n, philox(9))
    truth = block.private["train_truth"]
    assert len(block.public["flux_i"]) == n
    assert block.public["flux_i"].min() >= np.float32(10 ** (-0.4 * (25.3 - 31.4)))
    assert truth["z_true"].min() > 0 and truth["z_true"].max() < 3
    np.testing.assert_array_equal(block.public["redshift"], truth["z_true"].astype(np.float32))
    # pulls of i about the hidden magnitude, SED scatter added to the reported error, have unit spread
    bright = truth["i_true"] < 24.5
    flux, error = (block.public[k][bright].astype(float) for k in ("flux_i", "flux_err_i"))
    true = photometry.flux(truth["i_true"][bright])
    pull = (flux - true) / np.hypot(error, 0.015 * true)
    assert abs(pull.mean()) < 4 / np.sqrt(bright.sum()) + 0.02
    assert pull.std() == pytest.approx(1, abs=0.04)


def test_selected_galaxies_are_not_distorted_by_the_shortcut() -> None:
    """Observing i first is exact: against drawing every band of every candidate and cutting afterwards."""
    sky = make("representative")
    n = 60_000
    rng = philox(21)
    survey, i = sky.survey, 3
    m = prior.draw_magnitude(rng.random(n))
    node = prior.magnitude_node(m)
    kinds = prior.draw_class(rng.random(n), node)
    z = prior.draw_redshift(rng.random(n), node, kinds)
    template = templates.draw(rng.random(n), kinds)
    ratios = sky.G[template, np.rint(z * 200).astype(int)]
    true = photometry.flux(m)[:, None] * ratios
    observed, _ = photometry.observe(true, 0.1 * rng.standard_normal(n), survey, rng)
    kept = observed[:, i] > photometry.flux(np.array(25.3))
    block = sky.draw("train", 0, sky.block_rows, philox(22))
    ours, theirs = block.private["train_truth"]["z_true"], z[kept]
    error = np.hypot(ours.std() / np.sqrt(len(ours)), theirs.std() / np.sqrt(len(theirs)))
    assert abs(ours.mean() - theirs.mean()) < 4 * error
    for band, column in zip(LSST, observed[kept].T, strict=True):
        a = np.median(block.public[f"flux_{band}"])
        assert a == pytest.approx(np.median(column), rel=0.06)


def test_depth_option() -> None:
    deep, shallow = (make("representative", depth=d).draw("train", 0, 2000, philox(4)) for d in ("y10", "y1"))
    ratio = np.median(shallow.public["flux_err_u"]) / np.median(deep.public["flux_err_u"])
    assert ratio == pytest.approx(10**0.5, rel=0.1)


def test_labels_of_the_biased_track() -> None:
    """The labelled set is bright and near: published <i> = 21.31, <z> = 0.580, 15 % deep."""
    sky = make("biased")
    walk = sky.selection("train", 2000)
    assert isinstance(walk, labels.SpectroscopicSelection)
    taken = []
    block = 0
    while not walk.complete():
        taken.append(walk.take(sky.draw("train", block, sky.block_rows, philox(100 + block))))
        block += 1
    public = {key: np.concatenate([t.public[key] for t in taken]) for key in taken[0].public}
    truth = np.concatenate([t.private["train_truth"]["z_true"] for t in taken])
    wrong = np.concatenate([t.private["train_truth"]["redshift_is_wrong"] for t in taken])
    assert len(public["survey"]) == 2000
    assert (public["survey"] == "deep").sum() == 300
    assert (31.4 - 2.5 * np.log10(public["flux_i"])).mean() == pytest.approx(21.31, abs=0.1)
    assert truth.mean() == pytest.approx(0.580, abs=0.04)
    assert 0.001 < wrong.mean() < 0.02
    good = ~wrong
    np.testing.assert_array_equal(public["redshift"][good], truth[good].astype(np.float32))


def test_files() -> None:
    files = make("nir").files()
    assert files["grid"] == {"z_min": 0.0, "z_max": 3.0, "n": 301}
    assert set(files["filters"]["band"]) == {*LSST, *NISP}
    assert len(files["templates"]["template_id"]) == 30
    assert files["bands"]["bands"] == [*LSST, *NISP]
    assert files["bands"]["softening_njy"]["i"] == pytest.approx(
        0.1975 * 10 ** (-0.4 * (26.74 - 31.4)), rel=1e-3
    )
    assert set(make("representative").files()["filters"]["band"]) == set(LSST)


def test_a_sky_travels_to_another_process() -> None:
    sky = make("representative")
    sky.device = "cpu"
    there = pickle.loads(pickle.dumps(sky))
    a, b = (s.draw("test", 0, 5, philox(3)) for s in (sky, there))
    np.testing.assert_array_equal(a.references["oracle"]["pdf"], b.references["oracle"]["pdf"])


def test_too_few_candidates_are_followed_by_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skies, "CANDIDATES", 1000)
    sky = make("representative")
    block = sky.draw("train", 0, sky.block_rows, philox(3))
    assert len(block.public["flux_u"]) == sky.block_rows
    assert len(np.unique(block.public["flux_u"])) > 0.999 * sky.block_rows
