"""What the networks learn from: views, shares, row groups of blends with their galaxies; and how they divide pixels."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")

from blindsky.baselines.baseline import Settings  # noqa: E402
from blindsky.baselines.deblending import blends, cnn_flux, learning, light, unet, unet_scene, views  # noqa: E402
from blindsky.baselines.deblending.blends import Camera, Task  # noqa: E402
from blindsky.baselines.deblending.learning import Lessons, Truth  # noqa: E402
from blindsky.challenges.deblending.bands import Bands  # noqa: E402
from blindsky.challenges.release import Public  # noqa: E402
from blindsky.challenges.skies import Ragged  # noqa: E402
from blindsky.challenges.tables import to_arrow  # noqa: E402

CPU = torch.device("cpu")
NOISE = 0.5
PAIR = Task(Camera(("f160w",), 0, 0.06, 3.0, 1.0), ("flux",), ("mask",), "obj", None, 0)
SCENE = Task(Camera(tuple("ugr"), 2, 0.2, 3.5, 3.0), ("flux_u", "flux_g", "flux_r"), (), "det", None, 50)


def gaussians(x, y, flux, width, size):
    """(..., size, size) of round Gaussians."""
    at = np.arange(size)
    dx, dy = at - x[..., None], at - y[..., None]
    squares = dx[..., None, :] ** 2 + dy[..., :, None] ** 2
    peak = flux / (2 * np.pi * width**2)
    return peak[..., None, None] * np.exp(-0.5 * squares / width[..., None, None] ** 2)


def written(folder, counts, size, task, isolated=False, seed=0, group=8):
    """Blends of Gaussians, the first of each at the central pixel, in row groups that do not fit each other."""
    draw = np.random.default_rng(seed)
    n, m, bands = len(counts), int(np.sum(counts)), len(task.camera.bands)
    blend = np.repeat(np.arange(n), counts)
    obj = np.concatenate([np.arange(c) for c in counts]).astype(np.int16)
    first = obj == 0
    x = np.where(first, size // 2, draw.uniform(8, size - 8, m))
    y = np.where(first, size // 2, draw.uniform(8, size - 8, m))
    flux = 10 ** draw.uniform(2.3, 3, (m, bands))
    width = draw.uniform(1.5, 2.5, m)
    alone = np.stack([gaussians(x, y, flux[:, b], width, size) for b in range(bands)], axis=1)
    image = draw.normal(0, NOISE, (n, bands, size, size))
    np.add.at(image, blend, alone)
    ids = 1 + np.arange(n)
    objects = {"blend_id": ids[blend], "obj": obj, "x": x, "y": y, "scored": np.ones(m, bool)}
    objects |= {f"flux_{band}": flux[:, b] for b, band in enumerate(task.camera.bands)}
    reference = alone[:, task.camera.reference]
    objects["mask"] = (reference > task.camera.mask * NOISE).astype(np.uint8)
    train = {
        "blend_id": ids,
        "image": image.astype(np.float32),
        "sigma": np.full((n, bands), NOISE, np.float32),
    }
    tables = {"train": train, "train_objects": objects}
    if isolated:
        tables["train_isolated"] = {key: objects[key] for key in ("blend_id", "obj")}
        tables["train_isolated"]["isolated"] = alone.astype(np.float32)
    folder.mkdir(exist_ok=True)
    for (name, table), length in zip(tables.items(), (group, 11, 5), strict=False):
        pq.write_table(to_arrow(table), folder / f"{name}.parquet", row_group_size=length)
    return Public(folder, {"id": "toy-blends"}), alone[:, task.camera.reference]


@pytest.mark.parametrize(("on_pixel", "k"), list(product([False, True], range(8))))
def test_images_and_places_turn_together_and_come_back(on_pixel, k):
    size, at = 12, torch.tensor([[[3.0, 8.0], [6.0, 6.0]]])
    image = torch.zeros(1, 1, size, size)
    image[0, 0, 8, 3] = 1
    seen, (x, y) = views.view(image, k, on_pixel), views.places(at, k, size, on_pixel)[0, 0]
    assert float(seen[0, 0, int(y), int(x)]) == 1
    assert torch.equal(views.view(seen, views.inverse(k), on_pixel), image)
    assert torch.equal(
        views.places(views.places(at, k, size, on_pixel), views.inverse(k), size, on_pixel), at
    )
    if on_pixel:  # the central pixel of a pair stays
        assert views.places(at, k, size, on_pixel)[0, 1].tolist() == [6, 6]
    stamps = torch.randn(3, 2, size, size)
    assert torch.equal(views.turned(stamps, torch.full((3,), k), on_pixel), views.view(stamps, k, on_pixel))


def test_the_eight_views_differ():
    image = torch.randn(1, 1, 10, 10)
    assert len({views.view(image, k, True).numpy().tobytes() for k in range(8)}) == 8


def test_shares_add_up_to_one_and_are_those_of_the_light():
    known = torch.tensor([[[[3.0, 0.0]], [[1.0, -1e-3]]]])  # rounding of a noiseless image may be below 0
    share = light.partition(known, torch.tensor([1.0]))
    np.testing.assert_allclose(share[0, :, 0, 0], [0.6, 0.2, 0.2])
    np.testing.assert_allclose(share[0, :, 0, 1], [0, 0, 1])
    assert float((share.sum(dim=1) - 1).abs().max()) < 1e-6


def test_a_disc_has_its_flux_and_reaches_the_edge_of_its_mask():
    radius, edge = torch.tensor([[12.0, 6.0]]), torch.tensor([[0.02]])
    scale = torch.tensor([[3.0, 1.1]])
    flux = 2 * np.pi * scale**2 * edge * torch.exp(radius / scale)
    np.testing.assert_allclose(light._scale(radius, flux, edge), scale, rtol=1e-4)
    assert (light._scale(radius, 1e-9 * flux, edge) == radius / light.DULLEST).all()


def discs(size=64):
    """Two discs with an overlap: light of each, masks, fluxes, places."""
    at, scale = torch.tensor([[[32.0, 32.0], [45.0, 28.0]]]), torch.tensor([4.0, 3.0])
    flux = torch.tensor([[900.0, 300.0]])
    profile = torch.exp(-light.distance(at, size) / scale[None, :, None, None])
    alone = flux[:, :, None, None] * profile / profile.sum(dim=(2, 3), keepdim=True)
    return alone, alone > NOISE, flux, at


def test_light_is_shared_after_masks_as_discs_share_it():
    alone, mask, flux, at = discs()
    image = alone.sum(dim=1)
    found = light.shared(image, torch.tensor([NOISE]), mask, flux, at)
    assert float(found[~mask].max()) < 1.1 * NOISE  # the image has a say where it is in another mask
    both = mask.all(dim=1)[0]
    assert int(both.sum()) > 30
    true = (alone[0, 0] / image[0])[both]
    share = (found[0, 0] / found[0].sum(dim=0))[both]
    assert float((share - true).abs().max()) < 0.1  # the discs are guessed from masks and fluxes alone
    inside = mask.any(dim=1)[0]
    assert float(found[0].sum(dim=0)[inside].min()) >= NOISE * 0.999
    error = light.partition(found, torch.tensor([NOISE])) - light.partition(alone, torch.tensor([NOISE]))
    assert float(error.square().mean()) < 1e-3
    halves = (mask / mask.sum(dim=1, keepdim=True).clamp(min=1)) * image[:, None]
    worse = light.partition(halves, torch.tensor([NOISE])) - light.partition(alone, torch.tensor([NOISE]))
    assert float(error.square().mean()) < 0.5 * float(worse.square().mean())


@pytest.mark.parametrize(("on_pixel", "k"), list(product([False, True], range(8))))
def test_targets_do_not_depend_on_the_view(on_pixel, k):
    alone, mask, flux, at = discs()
    image = alone.sum(dim=1) + NOISE * torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(1))
    edge = torch.tensor([NOISE])

    def target(image, mask, at):
        known = light.shared(image, edge, mask, flux, at)
        return light.partition(known, edge), known.sum(dim=(2, 3))

    share, total = target(image, mask, at)
    turned, same = target(
        views.view(image[:, None], k, on_pixel)[:, 0],
        views.view(mask.float(), k, on_pixel),
        views.places(at, k, 64, on_pixel),
    )
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))  # row 0 of an even image has no partner
    np.testing.assert_allclose(turned[inner], views.view(share, k, on_pixel)[inner], atol=1e-5)
    np.testing.assert_allclose(same, total, rtol=2e-3)  # of which it holds a little light


@pytest.mark.parametrize("isolated", [False, True])
def test_row_groups_hold_each_blend_with_its_own_galaxies(tmp_path, isolated):
    counts = np.random.default_rng(3).integers(1, 5, 30)
    public, alone = written(tmp_path, counts, 24, SCENE, isolated=isolated)
    truth = Truth.of(public, SCENE)
    parts = [truth.read(k) for k in range(len(truth.starts) - 1)]
    found = {name: np.concatenate([part[name] for part in parts]) for name in truth.columns}
    assert found["there"].shape == (30, 4)
    np.testing.assert_array_equal(found["there"].sum(axis=1), counts)
    objects = public.table("train_objects")
    for name, column in (
        ("at", np.stack([objects["x"], objects["y"]], axis=1)),
        ("scored", objects["scored"]),
    ):
        np.testing.assert_allclose(found[name][found["there"]], column, rtol=1e-6)
    np.testing.assert_allclose(found["flux"][found["there"]][:, 2], objects["flux_r"], rtol=1e-6)
    picture = found["light" if isolated else "mask"]
    np.testing.assert_allclose(picture[found["there"]], alone if isolated else objects["mask"], rtol=1e-5)
    assert not picture[~found["there"]].any()
    np.testing.assert_array_equal(found["image"], public.table("train", ["image"])["image"])


def test_what_a_row_draws_follows_from_seed_epoch_and_row(tmp_path):
    public, _ = written(tmp_path, [2] * 40, 32, PAIR)
    some, more = np.array([3, 20, 33]), np.array([33, 5, 3, 20])

    def lessons(seed=1, start=0):
        return Lessons(public, PAIR, Settings(seed=seed), CPU, start)

    first, again = lessons().batch(some, 4), lessons().batch(more, 4)
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other[[2, 3, 0]])
    others = [lessons().batch(some, 5).image, lessons(2).batch(some, 4).image]
    assert not any(torch.equal(first.image, other) for other in others)
    assert first.at[:, 0].eq(16).all()  # the central galaxy is central in every view
    late = lessons(start=6)
    assert len(late) == 34
    np.testing.assert_array_equal(np.sort(late.order(np.arange(34), np.random.default_rng(0))), np.arange(34))
    raw = learning.device_of(public.table("train", ["image"])["image"], CPU)
    shown = late.batch(some, 4).image
    for i, row in enumerate(some + 6):
        assert any(torch.equal(shown[i : i + 1], views.view(raw[[row]], k, True)) for k in range(8))


def test_the_light_of_a_galaxy_stands_where_the_galaxy_is_in_every_view(tmp_path):
    for isolated in (False, True):
        public, _ = written(tmp_path / str(isolated), [2] * 16, 40, PAIR, isolated=isolated)
        batch = Lessons(public, PAIR, Settings(), CPU).batch(np.arange(16), 0)
        assert float((batch.light.sum(dim=1) - batch.image[:, 0]).std()) < 2 * NOISE  # a core is smoothed
        total = batch.light.sum(dim=(2, 3))
        line = torch.arange(40.0)
        middle = torch.stack(
            [(batch.light.sum(dim=2) * line).sum(dim=2), (batch.light.sum(dim=3) * line).sum(dim=2)], dim=2
        )
        assert float((middle / total[:, :, None] - batch.at).abs().median()) < 0.5


def test_the_u_net_is_that_of_the_paper():
    from torch.utils.flop_counter import FlopCounterMode

    network = unet.UNet(3).eval()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(7.76e6, rel=0.005)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        features, bottom = network(torch.zeros(1, 3, 128, 128))
    assert (features.shape, bottom.shape) == ((1, 32, 128, 128), (1, 512, 8, 8))
    assert counter.get_total_flops() == pytest.approx(6.0e9, rel=0.1)
    with torch.no_grad():  # a size that does not halve four times
        assert network(torch.zeros(1, 3, 120, 120))[0].shape == (1, 32, 120, 120)


def test_the_stretch_is_linear_in_the_noise_and_logarithmic_above():
    found = learning.stretched(torch.tensor([[[[0.06, 6e4]]]]), torch.tensor([[2.0]]))[0, 0, 0]
    np.testing.assert_allclose(found, [0.01, np.log(2e4)], rtol=1e-3)


def small(monkeypatch, task):
    """The networks, made to learn toys of 32 pixels within seconds."""
    monkeypatch.setattr(blends, "task", lambda public: task)
    monkeypatch.setattr(cnn_flux, "CHANNELS", (8, 16, 16, 32))
    for module in (unet, unet_scene):
        monkeypatch.setattr(module, "UNet", partial(unet.UNet, filters=6, depth=3))
    for module in (cnn_flux, unet, unet_scene):
        monkeypatch.setattr(module, "RECIPE", replace(module.RECIPE, batch=8, rate=5e-3))


def pairs(tmp_path, isolated=False):
    """A toy of two blobs of different flux to learn from, and another one with its truth."""
    train, _ = written(tmp_path / "train", [2] * 96, 32, PAIR, isolated=isolated)
    test, _ = written(tmp_path / "test", [2] * 24, 32, PAIR, seed=1)
    return train, test.table("train"), test.table("train_objects")


@pytest.mark.parametrize(("module", "isolated"), [(cnn_flux, False), (unet, False), (unet, True)])
def test_a_toy_of_two_blobs_is_learned(tmp_path, monkeypatch, module, isolated):
    small(monkeypatch, PAIR)
    train, test, truth = pairs(tmp_path, isolated)
    found = module.train(train, Settings(seed=1, epochs=16)).predict(test)
    np.testing.assert_array_equal(found["blend_id"], truth["blend_id"])
    np.testing.assert_array_equal(found["obj"], truth["obj"])
    assert found["flux"].dtype == np.float64
    error = np.abs(found["flux"] / truth["flux_f160w"] - 1)
    constant = np.abs(np.median(truth["flux_f160w"]) / truth["flux_f160w"] - 1)
    assert error.mean() < 0.5 * constant.mean()
    if module is unet:
        assert (found["mask"].dtype, found["mask"].shape) == (np.uint8, (48, 32, 32))
        both = (found["mask"] & truth["mask"]).sum(axis=(1, 2)) / (found["mask"] | truth["mask"]).sum(
            axis=(1, 2)
        )
        assert np.median(both) > 0.5


@pytest.mark.parametrize("module", [cnn_flux, unet])
def test_a_killed_run_ends_with_the_same_bits_and_answers_do_not_depend_on_the_view(
    tmp_path, monkeypatch, module, killed, killer
):
    small(monkeypatch, PAIR)
    train, test, _ = pairs(tmp_path)
    settings = Settings(seed=1, epochs=3)
    model = module.train(train, settings)
    whole = model.predict(test)
    kept = replace(settings, checkpoints=tmp_path)
    with pytest.raises(killed):
        module.train(train, replace(kept, progress=killer(2)))
    resumed = module.train(train, kept).predict(test)
    for name, column in whole.items():
        assert column.tobytes() == resumed[name].tobytes()
    seen = views.view(learning.device_of(test["image"], CPU), 6, True).numpy()
    turned = model.predict({**test, "image": np.ascontiguousarray(seen)})
    np.testing.assert_allclose(turned["flux"], whole["flux"], rtol=1e-3)


def test_shares_of_the_networks_add_up_to_one(monkeypatch):
    small(monkeypatch, PAIR)
    image, sigma = 3 * torch.randn(2, 3, 30, 30), torch.ones(2, 3)
    with torch.no_grad():
        found = unet.Divider().eval()(image[:, :1], sigma[:, :1])
        assert float((found.share.sum(dim=1) - 1).abs().max()) < 1e-5
        network = unet_scene.Scenes(3, 2).eval()
        there = torch.tensor([[True, True, False], [True, False, False]])
        at = torch.tensor([[[4.0, 9.0], [20.0, 11.5], [0, 0]], [[15.0, 15.0], [0, 0], [0, 0]]])
        scene = network.divide(network.look(image, sigma), image, sigma, at, there)
    assert (scene.share.shape, scene.flux.shape) == ((2, 4, 30, 30), (2, 3, 3))
    assert float((scene.share.sum(dim=1) - 1).abs().max()) < 1e-5
    assert (scene.share[:, :3][~there] == 0).all()
    assert (scene.flux[:, :, 2][there] > 0).all()
    assert (scene.flux >= 0).all()


def test_what_is_held_at_a_place_is_sampled_there():
    line = torch.arange(32.0)
    fine = torch.stack(torch.broadcast_tensors(line[None, :], line[:, None]))[None]
    coarse = fine.reshape(1, 2, 8, 4, 8, 4).mean(dim=(3, 5))
    at = torch.tensor([[[10.0, 20.0], [7.5, 3.25]]])
    for features in (fine, coarse):
        np.testing.assert_allclose(unet_scene._sampled(features, at, 32), at, atol=1e-4)


def test_peaks_are_the_highest_of_their_surroundings():
    at = torch.tensor([[[10.2, 20.0], [13.0, 20.0]], [[5.0, 6.0], [0, 0]]])
    there = torch.tensor([[True, True], [True, False]])
    heat = unet_scene.centres(at, there, 32)
    assert heat.shape == (2, 32, 32)
    assert [float(heat[0, 20, 10]), float(heat[0, 20, 13]), float(heat[1, 6, 5])] == [1, 1, 1]
    assert float(heat[0, 21, 10]) == pytest.approx(np.exp(-0.5))
    assert int((heat == 1).sum()) == 3
    found, real = unet_scene.peaks(heat, 0.5, 5)
    assert real.tolist() == [[True, True], [True, False]]
    assert sorted(found[0].tolist()) == [[10, 20], [13, 20]]
    assert found[1, 0].tolist() == [5, 6]
    assert unet_scene.peaks(0.01 * heat, 0.5, 5)[1].sum(dim=1).tolist() == [1, 1]  # no scene is empty


def test_the_focal_loss_is_that_of_the_paper():
    logit, heat = torch.tensor([[[2.0, -1.0]]]), torch.tensor([[[1.0, 0.5]]])
    p, q = 1 / (1 + np.exp(-2.0)), 1 / (1 + np.exp(1.0))
    expected = -((1 - p) ** 2) * np.log(p) - 0.5**4 * q**2 * np.log(1 - q)
    assert float(unet_scene.focal(logit, heat)) == pytest.approx(expected)


class Told:
    """Galaxies that are given."""

    def __init__(self, table):
        self.table = table

    def of(self, ids):
        mine = np.isin(self.table["blend_id"], ids)
        counts = np.array([(self.table["blend_id"] == i).sum() for i in ids])
        return Ragged(counts, {name: self.table[name][mine] for name in ("obj", "x", "y")})


def test_scenes_are_learned(tmp_path, monkeypatch):
    monkeypatch.setattr(unet_scene, "LSST", Bands(SCENE.camera.bands, "r", 0.2))
    counts = np.random.default_rng(5).integers(2, 4, 120)
    train, _ = written(tmp_path / "train", counts, 32, SCENE)
    test, _ = written(tmp_path / "test", counts[:24], 32, SCENE, seed=1)
    cases, truth = test.table("train"), test.table("train_objects")
    small(monkeypatch, SCENE)
    model = unet_scene.train(train, Settings(seed=1, epochs=16))
    assert model.threshold in unet_scene.THRESHOLDS
    found = model.predict(cases)
    assert set(np.unique(found["blend_id"])) == set(cases["blend_id"])
    keys = np.stack([found["blend_id"], found["det"]])
    assert len(np.unique(keys, axis=1).T) == len(keys.T)
    assert found["mask"].shape == found["image"].shape[:1] + found["image"].shape[2:]
    as_table = Ragged(np.bincount(found["blend_id"] - 1, minlength=24).astype(np.int64), found)
    scored = Ragged(counts[:24], truth)
    rows = unet_scene.measure_scene(cases, scored, as_table, bands=unet_scene.LSST).rows
    assert np.nanmean(rows["deblend_error"]) < 0.5
    assert np.nanmean(rows["hit"]) > 0.7
    assert np.nanmedian(rows["distance"]) < 1


def test_a_killed_run_on_scenes_ends_with_the_same_bits(tmp_path, monkeypatch, killed, killer):
    monkeypatch.setattr(unet_scene, "LSST", Bands(SCENE.camera.bands, "r", 0.2))
    small(monkeypatch, SCENE)
    train, _ = written(tmp_path / "train", [2] * 30, 32, SCENE)
    kept = Settings(seed=1, epochs=3, checkpoints=tmp_path)
    whole = unet_scene.train(train, replace(kept, checkpoints=None))
    with pytest.raises(killed):
        unet_scene.train(train, replace(kept, progress=killer(2)))
    resumed = unet_scene.train(train, kept)
    assert whole.threshold == resumed.threshold
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_scenes_whose_galaxies_are_given_are_divided_among_them(tmp_path, monkeypatch):
    counts = np.random.default_rng(5).integers(2, 4, 96)
    train, _ = written(tmp_path / "train", counts, 32, SCENE, isolated=True)
    test, _ = written(tmp_path / "test", counts[:24], 32, SCENE, seed=1)
    cases, truth = test.table("train"), test.table("train_objects")
    small(monkeypatch, replace(SCENE, item="obj", listed=Told(truth)))
    settings = Settings(seed=1, epochs=10, checkpoints=tmp_path)
    found = unet_scene.train(train, settings).predict(cases)
    for name in ("blend_id", "obj"):
        np.testing.assert_array_equal(found[name], truth[name])
    assert "x" not in found
    error = np.abs(found["flux_r"] / truth["flux_r"] - 1)
    constant = np.abs(np.median(truth["flux_r"]) / truth["flux_r"] - 1)
    assert error.mean() < 0.5 * constant.mean()
    again = unet_scene.train(train, settings).predict(cases)  # from the finished checkpoint
    assert all(found[name].tobytes() == again[name].tobytes() for name in found)
