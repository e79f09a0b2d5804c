"""The networks on light curves: what padding does, what they learn, that they go on after a kill, what they answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings, get
from blindsky.baselines.transients.lightcurves import LightCurves
from blindsky.challenges.transients.classes import NUMBERS

torch = pytest.importorskip("torch")

from blindsky.baselines.training import Recipe, fit, seeded  # noqa: E402
from blindsky.baselines.transients import bigru, networks, transformer  # noqa: E402
from blindsky.baselines.transients.augmentation import Augmentation  # noqa: E402
from blindsky.baselines.transients.networks import (  # noqa: E402
    KNOWN,
    Objects,
    answer,
    apart,
    class_weights,
    loss,
    temperature,
)
from blindsky.baselines.transients.tokens import Batch, batch  # noqa: E402

CPU = torch.device("cpu")
BOTH = pytest.mark.parametrize(
    "module", [bigru, transformer], ids=lambda module: module.__name__.split(".")[-1]
)
RISE, FALL = (next(k for k, c in enumerate(KNOWN) if c.number == number) for number in (42, 90))


def curves_and_table(n, seed=0, galactic=False):
    """Light curves of 12 to 30 detections that rise (42) or fall (90), beyond our Galaxy or not."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(12, 31, n)
    starts = np.concatenate([[0], np.cumsum(counts)])
    owner = np.repeat(np.arange(n), counts)
    rising = draw.random(n) < 0.5
    mjd = np.concatenate([np.sort(draw.uniform(0, 60, c)) for c in counts])
    share = np.where(rising[owner], mjd, 60 - mjd) / 60
    flux = (20 + 180 * share) * draw.uniform(1, 4, n)[owner] + draw.normal(size=len(mjd))
    band = draw.integers(0, 6, len(mjd))
    curves = LightCurves(starts, mjd, band, flux, np.ones(len(mjd)), np.ones(len(mjd), bool))
    z = np.zeros(n) if galactic else draw.uniform(0.1, 0.5, n)
    columns = {
        "hostgal_photoz": z,
        "hostgal_specz": z,
        "hostgal_photoz_err": 0.02 * (z > 0),
        "mwebv": z * 0.1,
    }
    return curves, columns | {"ddf": np.zeros(n, np.int64)}, np.where(rising, RISE, FALL)


def data(n=200, seed=0, **more):
    curves, table, target = curves_and_table(n, seed)
    augment = Augmentation.of(table, curves, table)
    return Objects(table, curves, target, np.ones(n), np.arange(n), augment, 32, 7, CPU, **more)


def untrained(module, seed=1):
    with seeded(seed):
        return module.build().eval()


def seen(n=6, **more):
    curves, table, _ = curves_and_table(n, **more)
    return batch(table, curves, CPU)


@BOTH
def test_padding_changes_nothing(module):
    network, short = untrained(module), seen()
    n, length = short.band.shape
    # what stands behind the end is not even zero
    more = Batch(
        torch.cat([short.tokens, torch.full((n, 40, short.tokens.shape[2]), 9.0)], dim=1),
        torch.cat([short.band, torch.full((n, 40), 5)], dim=1),
        short.length,
        short.objects,
    )
    assert length < 40
    with torch.no_grad():
        expected = network(short)
        torch.testing.assert_close(network(more), expected, rtol=1e-5, atol=1e-5)
        other = Batch(short.tokens.clone(), *short[1:])
        other.tokens[0, 3] += 1.0  # and what lies before it does change something
        assert not torch.allclose(network(other)[0], expected[0], atol=1e-3)
        torch.testing.assert_close(network(other)[1:], expected[1:])


@BOTH
def test_an_object_is_answered_as_it_is_alone(module):
    network = untrained(module)
    curves, table, _ = curves_and_table(5)
    curves = curves.until(np.array([60.0, 5.0, 60.0, -1.0, 30.0]))  # one has no observation left
    together = answer(network, batch(table, curves, CPU), False)
    assert np.all(np.isfinite(together))
    for k in range(5):
        one = {name: column[[k]] for name, column in table.items()}
        alone = answer(network, batch(one, curves.take(np.array([k])), CPU), False)
        np.testing.assert_allclose(alone[0], together[k], rtol=1e-4, atol=1e-4)


@BOTH
def test_classes_of_the_wrong_side_are_impossible(module):
    for galactic in (False, True):
        logits = answer(untrained(module), seen(galactic=galactic), False)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        for k, c in enumerate(KNOWN):
            assert np.all((p[:, k] > 1e-6) == (c.galactic == galactic))


@BOTH
def test_rise_and_fall_are_learned(module):
    recipe = Recipe(epochs=8, batch=16, rate=3e-3, bf16=False)
    network = fit(untrained(module), loss, data(256), recipe, Settings(seed=7), name="toy", release="r")
    curves, table, target = curves_and_table(200, seed=5)
    called = answer(network, batch(table, curves, CPU), False).argmax(axis=1)
    assert np.mean(called == target) > 0.95


@BOTH
def test_a_killed_training_ends_with_the_same_bits(module, tmp_path, killed, killer):
    def train(settings):
        recipe = Recipe(epochs=2, batch=32, rate=1e-3)
        return fit(untrained(module), loss, data(48), recipe, settings, name="toy", release="r")

    whole = train(Settings(seed=7)).state_dict()
    resumable = Settings(seed=7, checkpoints=tmp_path)
    with pytest.raises(killed):
        train(replace(resumable, progress=killer(2)))  # in the second, after the checkpoint of the first
    assert torch.load(tmp_path / "toy-7.pt", weights_only=True)["done"] == 1
    resumed = train(resumable).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_a_batch_has_the_labels_of_its_rows_and_its_own_draws():
    learned = data()
    rows = np.array([3, 150, 7])
    *first, target, weight = learned.batch(rows, 4)
    assert target.tolist() == learned.target[rows].tolist()
    assert weight.tolist() == [1, 1, 1]
    *again, _, _ = learned.batch(rows, 4)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    *other, _, _ = learned.batch(rows, 5)
    assert first[0].shape != other[0].shape or not torch.equal(first[0], other[0])


def test_rows_are_those_that_were_chosen():
    learned = data()
    chosen = np.arange(0, 200, 3)
    part = replace(learned, chosen=chosen)
    assert len(part) == 67
    assert part.batch(np.array([5, 60]), 0)[-2].tolist() == learned.target[[15, 180]].tolist()
    kept = np.arange(0, 60)
    assert sorted(part.order(kept, np.random.default_rng(0)).tolist()) == kept.tolist()
    np.testing.assert_array_equal(part.order(kept, None), kept)


def test_classes_weigh_what_the_score_says():
    target = np.repeat([0, 1, 3], [10, 40, 150])
    weight = class_weights(target, np.array([1.0, 2.0, 1.0, 1.0]))
    assert weight.mean() == pytest.approx(1)
    total = np.bincount(target, weight)
    np.testing.assert_allclose(total / total.sum(), [0.25, 0.5, 0, 0.25])


def test_a_tenth_of_every_class_is_kept_apart():
    target = np.random.default_rng(0).permutation(np.repeat([0, 1, 3], [9, 40, 151]))
    learned, held = apart(target, 5)
    assert sorted([*learned, *held]) == list(range(200))
    assert np.bincount(target[held]).tolist() == [0, 4, 0, 15]
    assert not np.array_equal(held, apart(target, 6)[1])


def test_the_temperature_undoes_a_factor():
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(20_000, 5)) * 2
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = (p.cumsum(axis=1) < draw.random((20_000, 1))).sum(axis=1)
    for factor in (0.5, 1.0, 3.0):
        assert temperature(factor * logits, target, np.ones(20_000)) == pytest.approx(factor, rel=0.05)
    assert temperature(np.empty((0, 5)), np.empty(0, np.int64), np.empty(0)) == 1


class Stranger:
    """A novelty that is known beforehand."""

    def of(self, curves, test):
        return test["hostgal_photoz"] / 10 + 0.01, curves.counts.astype(np.float64)


def test_a_release_is_learned_and_answered(transients_original, monkeypatch):
    monkeypatch.setattr(networks.novelty, "train", lambda public, settings: Stranger())
    public = transients_original.public
    model = get("transients/bigru").fit(public, Settings(epochs=1, device="cpu"))
    test = {name: column[::10] for name, column in public.table("test").items()}
    found = model.predict(test)
    np.testing.assert_array_equal(found["object_id"], test["object_id"])
    probability = np.stack([found[f"class_{number}"] for number in NUMBERS], axis=1)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    np.testing.assert_allclose(found["class_99"], test["hostgal_photoz"] / 10 + 0.01)
    assert found["anomaly_score"].min() >= 2
    galactic = test["hostgal_photoz"] == 0
    wrong = np.array([c.galactic for c in KNOWN]) != galactic[:, None]
    assert not probability[:, :-1][wrong].any()
    # rows in another order and in other company have the same answer
    some = np.array([7, 100, 3])
    again = model.predict({name: column[some] for name, column in test.items()})
    np.testing.assert_allclose(again["class_90"], found["class_90"][some], rtol=1e-3, atol=1e-6)


def test_early_light_curves_are_cut_in_training(transients_early, monkeypatch):
    monkeypatch.setattr(networks.novelty, "train", lambda public, settings: Stranger())
    asked = []

    def watched(network, loss, data, *rest, **more):
        asked.append(data)
        return network.eval()

    monkeypatch.setattr(networks, "fit", watched)
    bigru.train(transients_early.public, Settings(device="cpu"))
    assert asked[0].augment.cut
    assert len(asked[0]) == 675 - sum(n // 10 for n in np.bincount(asked[0].target))
    lengths = asked[0].batch(np.arange(300), 0)[2]
    assert np.median(lengths) < 0.6 * np.median(asked[0].curves.counts)
