"""The residual network of CMU DeepLens: its size, its steps, what it does to stamps."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from blindsky.baselines.baseline import Settings  # noqa: E402
from blindsky.baselines.lens import resnet  # noqa: E402


@pytest.mark.parametrize(("bands", "gflop"), [(1, 1.21), (4, 1.31)])
def test_size(bands, gflop):
    network = resnet.build(bands).eval()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(3.51e6, rel=2e-3)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert network(torch.zeros(1, bands, 101, 101)).shape == (1,)
    assert counter.get_total_flops() == pytest.approx(gflop * 1e9, rel=0.005)


def test_five_stages_of_three_bottlenecks_from_101_to_7_pixels():
    network = resnet.build(1).eval()
    shapes = []
    for module in network.modules():
        if isinstance(module, resnet.Bottleneck):
            module.register_forward_hook(lambda m, x, y: shapes.append(tuple(y.shape[1:3])))
    with torch.no_grad():
        network(torch.zeros(1, 1, 101, 101))
    stages = [(32, 101), (64, 51), (128, 26), (256, 13), (512, 7)]
    assert shapes == [shape for shape in stages for _ in range(3)]


def test_stamps_in_units_of_the_noise_are_clipped():
    image = torch.tensor([1.0, 3.0, 1e6, -1e6])
    found = resnet.prepare(image, torch.tensor(2.0), mean=torch.tensor(1.0))
    assert found.tolist() == [0, 1, 250, -250]


def test_it_trains_on_stamps_of_four_bands(toy_stamps, monkeypatch):
    public, _ = toy_stamps(10, 3, bands=4)
    mean = public.table("train")["image"].astype(np.float64).mean(axis=0)
    trained = resnet.train(public, Settings(seed=1, epochs=1))
    test = public.table("test")
    answer = trained.predict(test)
    assert ((answer["score"] > 0) & (answer["score"] < 1)).all()
    good = test["mask"] == 0
    expected = (test["image"] - mean) / test["sigma"][:, :, None, None]
    np.testing.assert_allclose(trained.eye(test).numpy()[good], expected[good], rtol=1e-3, atol=1e-4)
