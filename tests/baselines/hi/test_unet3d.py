"""The 3-D network: windows that cover a cube, crops that agree with their light, and a training that finds sources."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from blindsky.baselines.baseline import Settings  # noqa: E402
from blindsky.baselines.hi import crops, unet3d  # noqa: E402
from blindsky.baselines.hi.crops import CROP, Crops, light, lit  # noqa: E402
from blindsky.baselines.hi.fields import cube_of  # noqa: E402
from blindsky.challenges.errors import InputFault  # noqa: E402
from blindsky.challenges.hi.render import stamps  # noqa: E402

CPU = torch.device("cpu")


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 300), st.sampled_from([8, 32, 64]))
def test_windows_cover_a_length_once_and_far_from_their_edges(length, side):
    spans = list(unet3d.windows(length, side))
    kept = [k for _, first, last in spans for k in range(first, last)]
    assert kept == list(range(length))
    for start, first, last in spans:
        assert start <= first < last <= max(start + side, length)
        assert start == 0 or first - start == side // 4
        assert last == length or start + side - last >= side // 4


class Itself(torch.nn.Module):
    """A network that sees and says the same."""

    def forward(self, cube):
        return cube


@pytest.mark.parametrize("shape", [(100, 50, 70), (64, 32, 32), (10, 40, 9)])
def test_crops_are_put_together_where_they_were_taken(shape):
    cube = torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    found = unet3d.logits(Itself(), cube)
    np.testing.assert_allclose(found, np.tanh(0.3 * cube.numpy()), atol=0.01)  # where autocast has 8 bits


def test_light_is_where_a_stamp_stands_out_of_the_noise(mini):
    truth, noise = mini.truths["train"], np.full(mini.field.nchan, 7e-6, np.float32)
    known = light(mini.field, truth, noise)
    expected = np.zeros(mini.field.shape, bool)
    for stamp in stamps(mini.field, truth):
        z, y, x = np.nonzero(stamp.values > 0.3 * 7e-6)
        z, y, x = z + stamp.z, y + stamp.y, x + stamp.x
        nz, ny, nx = mini.field.shape
        inside = (z >= 0) & (z < nz) & (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
        expected[z[inside], y[inside], x[inside]] = True
    assert expected.any()
    for corner in ([0, 0, 0], [90, 40, 50], [96, 48, 56], [37, 11, 23]):
        part = tuple(slice(c, c + n) for c, n in zip(corner, CROP, strict=True))
        np.testing.assert_array_equal(lit(known, np.array(corner)), expected[part])


def test_crops_follow_seed_epoch_and_row_and_flip_cube_and_light_alike(mini):
    truth, noise = mini.truths["train"], np.full(mini.field.nchan, 7e-6, np.float32)
    data = Crops(cube_of(mini.public, "train"), mini.field, truth, noise, 3, CPU)
    assert len(data) == 2 * (truth["snr"] >= crops.BRIGHT).sum()
    rows = np.arange(len(data))
    cube, mask = data.batch(rows, 0)
    assert cube.shape == mask.shape == (len(data), 1, *CROP)
    again = data.batch(rows[5:9], 0)
    assert torch.equal(again[0], cube[5:9]) and torch.equal(again[1], mask[5:9])
    assert not torch.equal(data.batch(rows[5:9], 1)[0], cube[5:9])
    about = mask[::2].flatten(1).any(dim=1)
    assert about.all()  # a source in every crop about one
    seen, elsewhere = cube[mask > 0].mean(), cube[mask == 0].mean()
    assert seen > 0.15 and abs(elsewhere) < 0.02


def test_a_real_sky_has_no_light_to_learn_from(mini):
    truth = {name: column for name, column in mini.truths["train"].items() if name != "mu"}
    with pytest.raises(InputFault, match=r"no mu.*matched_filter"):
        light(mini.field, truth, np.ones(mini.field.nchan, np.float32))


def apart(length, side):
    """Windows that do not overlap, to be quick."""
    for start in range(0, length, side):
        yield min(start, max(length - side, 0)), start, min(start + side, length)


def test_a_short_training_learns_light_and_the_model_answers(mini, monkeypatch):
    monkeypatch.setattr(unet3d, "FILTERS", (8, 8, 8, 8))
    monkeypatch.setattr(unet3d, "windows", apart)
    for module in (crops, unet3d):
        monkeypatch.setattr(module, "CROP", (32, 16, 16))  # small ones, to be quick
    model = unet3d.train(mini.public, Settings(device="cpu", epochs=6))
    truth, noise = mini.truths["test"], np.full(mini.field.nchan, 7e-6, np.float32)
    data = Crops(cube_of(mini.public, "test"), mini.field, truth, noise, 3, CPU)
    cube, mask = data.batch(np.arange(8), 0)
    with torch.no_grad():
        logit = model.network(cube)
    assert logit[mask > 0].mean() > logit[mask == 0].mean() + 0.3
    for split in ("train", "test"):
        found = model.catalogue(mini.public, split)
        assert "conf" in found and len(found["id"]) >= 1
