"""The small network, and what all three share: size, symmetry, scores, resuming, learning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from blindsky.baselines.baseline import Settings  # noqa: E402
from blindsky.baselines.lens import cnn_tiny  # noqa: E402
from blindsky.baselines.lens.images import Eye, view  # noqa: E402
from blindsky.baselines.lens.networks import Trained, mean_log, mean_logit  # noqa: E402
from blindsky.challenges.errors import InputFault  # noqa: E402
from blindsky.scoring.ranking import auroc  # noqa: E402

CPU = torch.device("cpu")


@pytest.mark.parametrize("bands", [1, 4])
def test_size(bands):
    network = cnn_tiny.build(bands).eval()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(0.29e6, rel=0.02)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert network(torch.zeros(1, bands, 101, 101)).shape == (1,)
    assert counter.get_total_flops() == pytest.approx(0.06e9, rel=0.15)


def test_the_stretch_is_linear_in_the_noise_and_logarithmic_above():
    image, sigma = torch.tensor([[[[0.02, 2e4]]]]), torch.tensor([[[[2.0]]]])
    found = cnn_tiny.prepare(image, sigma)[0, 0, 0]
    np.testing.assert_allclose(found, [0.005, np.log(1e4)], rtol=1e-4)


@pytest.mark.parametrize("bf16", [False, True])
def test_scores_do_not_change_when_a_stamp_is_turned(bf16):
    network = cnn_tiny.build(1).eval()
    trained = Trained(network, Eye(("image",), CPU, cnn_tiny.prepare), mean_logit, bf16, 1)
    stamps = torch.randn(9, 1, 101, 101, generator=torch.Generator().manual_seed(2))
    sigma = np.ones((9, 1), np.float32)

    def score(image):
        return trained.predict({"id": np.arange(9), "image": image.numpy(), "sigma": sigma})["score"]

    first = score(stamps)
    assert len(set(first)) == 9
    assert first.dtype == np.float64
    for k in range(1, 8):
        np.testing.assert_allclose(score(view(stamps, k)), first, rtol=1e-7)
    with torch.no_grad():
        single = network(cnn_tiny.prepare(stamps, torch.ones(1))).sigmoid().numpy()
    assert np.abs(single - first).max() > 1e-6  # one view alone is not invariant


@pytest.mark.parametrize("combine", [mean_logit, mean_log])
def test_scores_never_reach_the_ends_and_never_tie(combine):
    logits = torch.linspace(-80, 80, 2001, dtype=torch.float64)
    trained = Trained(lambda stamps: logits.float(), Eye(("image",), CPU, lambda i, s: i), combine, False, 1)
    columns = {"image": np.zeros((1, 1, 3, 3), np.float32), "sigma": np.ones((1, 1), np.float32)}
    score = trained._score(columns)
    assert (np.diff(score) > 0).all()
    assert 0 < score[0] < score[-1] < 1
    middle = np.abs(logits.numpy()) < 3
    np.testing.assert_allclose(score[middle], 1 / (1 + np.exp(-logits.numpy()[middle])), rtol=0.03)


def test_views_are_combined_as_declared():
    logits = torch.tensor([[1.0, -2.0], [3.0, 0.0]], dtype=torch.float64)
    p = 1 / (1 + np.exp(-logits.numpy()))
    np.testing.assert_allclose(mean_log(logits), np.sqrt(p[0] * p[1]))
    odds = p / (1 - p)
    np.testing.assert_allclose(mean_logit(logits), 1 - 1 / (1 + np.sqrt(odds[0] * odds[1])))


def test_it_learns_and_a_killed_run_ends_with_the_same_scores(
    toy_stamps, tmp_path, monkeypatch, killed, killer
):
    public, label = toy_stamps(160, 60)
    monkeypatch.setattr(cnn_tiny, "RECIPE", replace(cnn_tiny.RECIPE, batch=16))
    test = public.table("test")
    settings = Settings(seed=1, epochs=8)
    whole = cnn_tiny.train(public, settings).predict(test)
    np.testing.assert_array_equal(whole["id"], test["id"])
    assert auroc(label, whole["score"]) > 0.95
    kept = replace(settings, checkpoints=tmp_path)
    with pytest.raises(killed):
        cnn_tiny.train(public, replace(kept, progress=killer(3)))
    resumed = cnn_tiny.train(public, kept).predict(test)
    assert resumed["score"].tobytes() == whole["score"].tobytes()
    with pytest.raises(InputFault, match="belongs to another training"):
        cnn_tiny.train(public, replace(kept, epochs=7))
    spoilt = {**test, "image": np.where(test["mask"] > 0, np.float32(1e-9), test["image"])}
    again = cnn_tiny.train(public, kept).predict(spoilt)  # from the finished checkpoint
    np.testing.assert_array_equal(again["score"], whole["score"])
