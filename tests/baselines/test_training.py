"""The torch loop: schedule, seeds, resume, validation, and what it says when something is wrong."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from blindsky.challenges.errors import BlindskyError, InputFault, MachineFault

torch = pytest.importorskip("torch")

from blindsky.baselines import training  # noqa: E402
from blindsky.baselines.baseline import Settings  # noqa: E402
from blindsky.baselines.training import (  # noqa: E402
    Recipe,
    Tensors,
    fit,
    half,
    one_cycle,
    seeded,
    steps_down,
    threads,
)

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=6, batch=32, rate=1e-2, weight_decay=1e-4)


def data(n=200, noise=0.1, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 3)).astype(np.float32)
    y = (x @ [1.0, -2.0, 0.5] + noise * draw.normal(size=n)).astype(np.float32)
    return Tensors(CPU, x, y)


def squared(network, batch):
    x, y = batch
    return ((network(x)[:, 0] - y) ** 2).mean()


def build(dropout=0.2, width=16, seed=1):
    with seeded(seed):
        return torch.nn.Sequential(
            torch.nn.Linear(3, width), torch.nn.SiLU(), torch.nn.Dropout(dropout), torch.nn.Linear(width, 1)
        )


def train(recipe=RECIPE, settings=None, rows=None, network=None, name="net", release="r"):
    settings = settings or Settings(seed=7)
    return fit(network or build(), squared, rows or data(), recipe, settings, name=name, release=release)


def same(first, second):
    return all(torch.equal(v, second.state_dict()[k]) for k, v in first.state_dict().items())


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 100])
def test_one_cycle_is_torchs(steps):
    if steps < 5:  # torch divides by a rise of no steps
        assert all(0 < one_cycle(step, steps) <= 1 for step in range(steps))
        return
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=1.0, total_steps=steps, cycle_momentum=False
    )
    for step in range(steps):
        assert one_cycle(step, steps) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-9)
        optimiser.step()
        if step + 1 < steps:
            schedule.step()


def test_the_steps_are_lanusses():
    published = [1e-3] * 40 + [1e-4] * 40 + [1e-5] * 40  # rate in each of 120 epochs, here of two steps
    np.testing.assert_allclose([1e-3 * steps_down(i, 240) for i in range(240)], np.repeat(published, 2))


def test_the_recipe_chooses_the_schedule():
    seen = []

    class Watched(torch.optim.AdamW):
        def step(self, *args):
            seen.append(self.param_groups[0]["lr"])
            return super().step(*args)

    with mock.patch.object(torch.optim, "AdamW", Watched):
        train(Recipe(epochs=3, batch=100, rate=1e-2, schedule="steps"))
        train(Recipe(epochs=3, batch=100, rate=1e-2))
    np.testing.assert_allclose(seen[:6], [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4])
    np.testing.assert_allclose(seen[6:], [1e-2 * one_cycle(i, 6) for i in range(6)])


def test_the_users_epochs_stand_above_the_recipes(tmp_path):
    short = train(replace(RECIPE, epochs=2))
    assert same(short, train(settings=Settings(seed=7, epochs=2, checkpoints=tmp_path)))
    assert not same(short, train())
    with pytest.raises(InputFault, match=r"found .*'epochs': 2.*expected .*'epochs': 3"):
        train(settings=Settings(seed=7, epochs=3, checkpoints=tmp_path))


def test_the_data_choose_the_order_and_batches_ask_for_it():
    asked = []

    class Watched(Tensors):
        def order(self, rows, generator):
            self.shuffled = generator is not None
            return super().order(rows, generator)[::-1]

        def batch(self, rows, epoch):
            asked.append((epoch, self.shuffled, *rows.tolist()))
            return super().batch(rows.copy(), epoch)

    rows = Watched(CPU, *(c.numpy() for c in data().columns))
    train(Recipe(epochs=2, batch=200, rate=1e-3, validation=0.25), rows=rows)
    split = np.random.default_rng([7]).permutation(200)
    for epoch in (0, 1):
        shuffled = split[50:][np.random.default_rng([7, epoch]).permutation(150)][::-1]
        assert asked[2 * epoch] == (epoch, True, *shuffled.tolist())
        assert asked[2 * epoch + 1] == (epoch, False, *split[:50][::-1].tolist())


def test_training_takes_the_threads_it_was_given_and_gives_them_back(killed):
    before, seen = torch.get_num_threads(), []

    def watched(network, batch):
        seen.append(torch.get_num_threads())
        return squared(network, batch)

    settings = Settings(workers=before + 1)
    fit(build(), watched, data(), replace(RECIPE, epochs=1), settings, name="n", release="r")
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before
    with pytest.raises(killed), threads(before + 1):
        raise killed
    assert torch.get_num_threads() == before


def test_half_precision_is_used_where_the_device_has_it(monkeypatch):
    def dtype(wanted):
        with half(CPU, wanted):
            return torch.nn.Linear(2, 2)(torch.zeros(1, 2)).dtype

    for able, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda able=able: {"avx512_bf16": able}, raising=False
        )
        assert dtype(True) == expected
        assert dtype(False) == torch.float32


def test_it_learns():
    network = train(Recipe(epochs=60, batch=32, rate=2e-2), network=build(dropout=0.0))
    with torch.no_grad():
        assert squared(network, data(noise=0.0, seed=9).columns) < 0.1  # the spread of y is 5.25
    assert not network.training


def test_seeds_decide_everything_and_disturb_nothing():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first, second, other = train(), train(), train(settings=Settings(seed=8))
    assert torch.equal(before, torch.random.get_rng_state())
    assert same(first, second)
    assert not same(first, other)


@pytest.mark.parametrize("epoch", [1, 2, 5, 6])
@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_a_killed_run_ends_with_the_same_bits(tmp_path, epoch, validation, killed, killer):
    recipe = Recipe(epochs=6, batch=32, rate=1e-2, weight_decay=1e-4, validation=validation)
    whole = train(recipe)
    with pytest.raises(killed):
        train(recipe, Settings(seed=7, checkpoints=tmp_path, progress=killer(epoch)))
    resumed = train(recipe, Settings(seed=7, checkpoints=tmp_path))
    assert same(whole, resumed)
    assert [p.name for p in tmp_path.iterdir()] == ["net-7.pt"]  # no temporary left behind


def test_a_finished_run_is_not_repeated(tmp_path, killer):
    settings = Settings(seed=7, checkpoints=tmp_path)
    first = train(settings=settings)
    again = train(settings=Settings(seed=7, checkpoints=tmp_path, progress=killer(1)), network=build(seed=99))
    assert same(first, again)


def test_the_best_epoch_on_the_validation_rows_is_kept():
    draw = np.random.default_rng(3)  # pure noise: the longer it learns, the worse it predicts
    noise = Tensors(
        CPU, draw.normal(size=(64, 3)).astype(np.float32), draw.normal(size=64).astype(np.float32)
    )
    recipe = Recipe(epochs=200, batch=16, rate=3e-2, validation=0.5, patience=4, bf16=False)
    seen = []

    def watched(network, batch):
        value = squared(network, batch)
        if not network.training:
            seen.append((float(value), len(batch[0])))
        return value

    network = fit(build(0.0, 64), watched, noise, recipe, Settings(seed=2), name="n", release="r")
    per_epoch = [
        np.average([v for v, _ in seen[i : i + 2]]) for i in range(0, len(seen), 2)
    ]  # two batches of 16
    best = int(np.argmin(per_epoch))
    assert len(per_epoch) == best + 1 + recipe.patience < 200
    held = np.random.default_rng([2]).permutation(64)[:32]
    with torch.no_grad():
        final = float(squared(network, noise.batch(held, 0)))
    assert final == pytest.approx(per_epoch[best], rel=1e-5)


def test_rows_held_for_validation_are_never_learnt_from():
    touched = set()

    class Watched(Tensors):
        def batch(self, rows, epoch):
            if network.training:
                touched.update(rows.tolist())
            return super().batch(rows, epoch)

    network = build()
    rows = Watched(CPU, *(column.numpy() for column in data().columns))
    train(Recipe(epochs=2, batch=32, rate=1e-3, validation=0.1), rows=rows, network=network)
    assert len(touched) == 180
    assert not touched & set(np.random.default_rng([7]).permutation(200)[:20].tolist())


def test_every_epoch_has_its_own_order_and_every_row_once():
    orders = {}

    class Watched(Tensors):
        def batch(self, rows, epoch):
            orders.setdefault(epoch, []).extend(rows.tolist())
            return super().batch(rows, epoch)

    train(Recipe(epochs=3, batch=32, rate=1e-3), rows=Watched(CPU, *(c.numpy() for c in data().columns)))
    assert all(sorted(order) == list(range(200)) for order in orders.values())
    assert orders[0] != orders[1] != orders[2]


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    train(settings=Settings(seed=7, checkpoints=tmp_path))
    with pytest.raises(
        InputFault, match=r"belongs to another training: found .*'release': 'r'.*expected .*'other'"
    ):
        train(settings=Settings(seed=7, checkpoints=tmp_path), release="other")


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty", "pickle"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    import pickle

    settings = Settings(seed=7, checkpoints=tmp_path)
    train(settings=settings)
    path = tmp_path / "net-7.pt"
    good = path.read_bytes()
    evil = pickle.dumps(print, protocol=2)  # weights_only: nothing is called, whatever a file asks for
    path.write_bytes(
        {"garbage": b"x" * 100, "truncated": good[: len(good) // 2], "empty": b"", "pickle": evil}[damage]
    )
    with pytest.raises(InputFault, match="can't be read as a checkpoint"):
        train(settings=settings)


def test_a_loss_that_is_not_finite_stops_the_run():
    bad = data()
    bad.columns[1][3] = float("nan")
    with pytest.raises(BlindskyError, match="training net: the loss of epoch 1 is nan"):
        train(rows=bad)


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training.choose("auto") == training.choose("cpu") == CPU
    with pytest.raises(MachineFault, match="cuda was asked for"):
        training.choose("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert training.choose("auto") == training.choose("cuda") == torch.device("cuda")
    assert training.choose("cpu") == CPU
