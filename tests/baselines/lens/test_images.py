"""Stamps from disk to the network: what is done to pixels, what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from blindsky.baselines.baseline import Settings  # noqa: E402
from blindsky.baselines.lens import images  # noqa: E402
from blindsky.baselines.lens.images import Eye, Stamps, dihedral, turned, view  # noqa: E402
from blindsky.baselines.window import Window  # noqa: E402

CPU = torch.device("cpu")


def table(n=3, bands=2, size=9, seed=0):
    draw = np.random.default_rng(seed)
    mask = (draw.random((n, bands, size, size)) < 0.2).astype(np.uint8)
    image = draw.normal(size=mask.shape).astype(np.float32)
    return {"image": image, "mask": mask, "sigma": draw.uniform(1, 2, (n, bands)).astype(np.float32)}


def test_bad_pixels_do_not_matter():
    seen = table()
    spoilt = {**seen, "image": np.where(seen["mask"] > 0, np.float32(np.nan), seen["image"])}
    eye = Eye(("image",), CPU, lambda image, sigma: (image - 7) / sigma)
    first, second = eye(seen), eye(spoilt)
    assert torch.equal(first, second)
    assert (first[torch.from_numpy(seen["mask"]) > 0] == 0).all()
    good = seen["mask"] == 0
    np.testing.assert_allclose(
        first.numpy()[good], ((seen["image"] - 7) / seen["sigma"][:, :, None, None])[good], rtol=1e-6
    )


def test_two_cameras_see_the_same_sky():
    def sky(size, pixel):  # linear, so that linear interpolation is exact
        arcsec = pixel * (np.arange(size) - (size - 1) / 2)
        return (2 + arcsec[:, None] - 3 * arcsec[None]).astype(np.float32)

    vis, nisp = sky(200, 0.1)[None, None], np.stack([sky(66, 0.3)] * 3)[None]
    columns = {"image_vis": vis, "image_nisp": nisp, "sigma": np.ones((1, 4), np.float32)}
    seen = Eye(("image_vis", "image_nisp"), CPU, lambda image, sigma: image)(columns)
    assert seen.shape == (1, 4, 200, 200)
    inside = seen[0, :, 3:-3, 3:-3]  # half a coarse pixel and the padding
    np.testing.assert_allclose(inside, np.broadcast_to(vis[0, :, 3:-3, 3:-3], inside.shape), atol=1e-4)


def test_the_views_are_the_symmetries_of_the_square():
    stamp = np.arange(25.0, dtype=np.float32).reshape(1, 1, 5, 5)
    turns = [np.rot90(stamp, k, (2, 3)) for k in range(4)]
    square = {t.tobytes() for t in turns} | {t[..., ::-1].tobytes() for t in turns}
    views = [view(torch.from_numpy(stamp), k).numpy().tobytes() for k in range(8)]
    assert len(set(views)) == 8
    assert set(views) == square


def test_a_stamp_gets_the_view_that_it_drew():
    stamps = torch.randn(16, 2, 5, 5)
    draws = torch.rand(16, images.DRAWS)
    draws[:, 0] = (torch.arange(16) % 8 + 0.5) / 8
    for i, stamp in enumerate(dihedral(stamps, draws)):
        assert torch.equal(stamp, view(stamps[i : i + 1], i % 8)[0])


def drawn(n, angle=0.5, zoom=1.0, x=0.9, y=0.9):
    return torch.tensor([[angle, zoom, x, y, 0, 0]]).repeat(n, 1)


def test_turning_by_nothing_and_by_quarters_moves_whole_pixels():
    stamps = torch.randn(2, 3, 101, 101)
    assert torch.equal(turned(stamps, drawn(2), zoom=0.9), stamps)
    for angle in (0.0, 1.0):
        found = turned(stamps, drawn(2, angle), zoom=0.9)
        assert any(torch.equal(found, torch.rot90(stamps, k, (2, 3))) for k in (1, 3))
    assert torch.equal(turned(stamps, drawn(2, x=0.1), zoom=0.9), stamps.flip(3))
    assert torch.equal(turned(stamps, drawn(2, y=0.1), zoom=0.9), stamps.flip(2))


def test_turning_keeps_the_noise_and_magnifies():
    noise = torch.randn(8, 1, 101, 101)
    some = torch.rand(8, images.DRAWS, generator=torch.Generator().manual_seed(1))
    assert float(turned(noise, some, zoom=0.9).std()) == pytest.approx(1, abs=0.02)  # bilinear: 0.67
    y, x = np.mgrid[-50:51, -50:51]
    disc = torch.from_numpy((np.hypot(x, y) < 27).astype(np.float32))[None, None]
    for angle in (0.5, 0.62):
        grown = turned(disc, drawn(1, angle, zoom=0.0), zoom=0.9)
        assert float(grown.sum() / disc.sum()) == pytest.approx(1 / 0.9**2, rel=0.01)


def test_what_a_row_draws_follows_from_seed_epoch_and_row(toy_stamps):
    public, _ = toy_stamps(40, 1, bands=2)
    eye = images.eye(public, CPU, lambda image, sigma: image / sigma)
    labels = np.arange(40) % 2 == 0

    def stamps(seed=1):
        window = Window(public.groups("train"), images.stamp_columns(public))
        return Stamps(window, labels, eye, dihedral, seed)

    some, more = np.array([3, 20, 39]), np.array([39, 5, 3, 20, 7])
    x, y = stamps().batch(some, 4)
    assert x.shape == (3, 2, 101, 101)
    assert y.tolist() == [0, 1, 0]
    again, _ = stamps().batch(more, 4)
    assert torch.equal(x, again[[2, 3, 0]])
    others = [stamps().batch(some, 5)[0], stamps(2).batch(some, 4)[0]]
    assert not any(torch.equal(x, other) for other in others)
    raw = eye(public.table("train"))
    assert all(any(torch.equal(x[i], view(raw[[r]], k)[0]) for k in range(8)) for i, r in enumerate(some))


def test_moments_are_those_of_all_training_pixels(toy_stamps):
    public, _ = toy_stamps(40, 1, bands=2)
    image = public.table("train")["image"].astype(np.float64)
    mean_image, mean, rms = images.moments(public, images.eye(public, CPU, lambda i, s: i), Settings(), "net")
    np.testing.assert_allclose(mean_image, image.mean(axis=0), rtol=1e-5, atol=1e-18)
    assert mean == pytest.approx(image.mean(), rel=1e-6)
    assert rms == pytest.approx(image.std(), rel=1e-6)
