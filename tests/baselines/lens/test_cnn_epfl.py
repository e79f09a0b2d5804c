"""The network of LASTRO EPFL: its size, its balance, what it does to stamps."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from blindsky.baselines.baseline import Settings  # noqa: E402
from blindsky.baselines.lens import cnn_epfl, networks  # noqa: E402
from blindsky.baselines.lens.images import view  # noqa: E402


@pytest.mark.parametrize(("bands", "gflop"), [(1, 0.167), (4, 0.18)])
def test_size(bands, gflop):
    network = cnn_epfl.build(bands).eval()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(5.67e6, rel=1e-3)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert network(torch.zeros(1, bands, 101, 101)).shape == (1,)
    assert counter.get_total_flops() == pytest.approx(gflop * 1e9, rel=0.02)


def test_larger_stamps_fit():
    with torch.no_grad():
        assert cnn_epfl.build(4).eval()(torch.zeros(2, 4, 200, 200)).shape == (2,)


def test_a_stamp_gets_one_view_one_gain_and_one_zero():
    stamps = torch.randn(64, 2, 11, 11)
    draws = torch.rand(64, 6)
    gains, offsets = [], []
    for before, after in zip(stamps, cnn_epfl.augment(stamps, draws), strict=True):
        fits = []
        for k in range(8):
            x = view(before[None], k).flatten().numpy().astype(float)
            solution, residual, *_ = np.linalg.lstsq(
                np.stack([x, np.ones_like(x)], 1), after.flatten().numpy().astype(float), rcond=None
            )
            fits.append((residual[0], *solution))
        residual, gain, offset = min(fits)
        assert residual < 1e-9
        gains.append(gain)
        offsets.append(offset)
    assert 0.8 <= min(gains) < 0.85 < 1.15 < max(gains) <= 1.2
    assert -0.1 <= min(offsets) < -0.08 < 0.08 < max(offsets) <= 0.1


def test_both_classes_weigh_the_same_and_pixels_are_standardised(toy_stamps, monkeypatch):
    public, _ = toy_stamps(60, 20, bands=4)
    seen = {}

    def fit(network, loss, data, recipe, settings, **names):
        seen.update(loss=loss, data=data, recipe=recipe)
        return network.eval()

    monkeypatch.setattr(networks, "fit", fit)
    answer = cnn_epfl.train(public, Settings(seed=2)).predict(public.table("test"))
    assert answer["score"].shape == (20,)
    label = seen["data"].labels
    assert 0 < label.mean() < 0.5

    def undecided(stamps):  # logits of 0, so that every stamp loses ln 2 times its weight
        return torch.zeros(len(stamps))

    total = [
        float(seen["loss"](undecided, (torch.zeros(1), torch.full((1,), value)))) * (label == value).sum()
        for value in (0.0, 1.0)
    ]
    assert total[0] == pytest.approx(total[1], rel=1e-5)
    pixels = seen["data"].eye(public.table("train"))
    assert float(pixels.mean()) == pytest.approx(0, abs=0.01)
    assert float(pixels.std()) == pytest.approx(1, abs=0.02)
    assert seen["recipe"].batch == 30
