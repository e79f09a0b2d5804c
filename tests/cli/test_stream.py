"""Images as a torch Dataset: every row once, with its label, in an order that a seed chooses."""

from __future__ import annotations

import numpy as np
import pytest

import blindsky
from blindsky.challenges import tables
from blindsky.challenges.release import Release

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader  # noqa: E402

from blindsky.stream import Stream  # noqa: E402


@pytest.fixture(scope="module")
def data(lens_original: Release) -> blindsky.Data:
    return blindsky.load(lens_original.root)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[tables.Groups, dict[str, np.ndarray]]:
    """A table of 50 images in groups of 6 and files of 18."""
    from blindsky.challenges import writing

    draw = np.random.default_rng(0)
    table = {"id": np.arange(50), "image": draw.standard_normal((50, 1, 8, 8), dtype=np.float32)}
    path = tmp_path_factory.mktemp("t") / "train.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP_BYTES", 6 * (8 + 256))
        patch.setattr(writing, "SHARD_BYTES", 18 * (8 + 256))
        writer = writing.TableWriter(path)
        writer.add(table)
        writer.close()
    return tables.Groups.of(path.with_suffix("")), table


def test_an_item_is_a_stamp_with_its_label(data: blindsky.Data) -> None:
    items = list(data.dataset("train"))  # type: ignore[call-overload]
    table, labels = data.public.table("train"), data.public.table("train_labels")
    assert len(items) == 40
    for k in (0, 7, 39):
        assert items[k]["id"] == table["id"][k] and items[k]["label"] == labels["label"][k]
        np.testing.assert_array_equal(items[k]["image"].numpy(), table["image"][k])
    assert "impostor" not in items[0]  # text is no tensor


def test_the_test_split_has_no_label(data: blindsky.Data) -> None:
    (batch,) = data.dataset("test", batch=30)  # type: ignore[attr-defined]
    assert set(batch) == {"id", "image", "mask", "sigma", "psf_fwhm"} and batch["image"].shape == (
        30,
        4,
        101,
        101,
    )


@pytest.mark.parametrize("batch", [None, 1, 7, 16])
@pytest.mark.parametrize("seed", [None, 5])
def test_every_row_comes_once(
    cut: tuple[tables.Groups, dict[str, np.ndarray]], batch: int | None, seed: int | None
) -> None:
    groups, table = cut
    stream = Stream(groups, {"twice": 2 * table["id"]}, seed, batch)
    items = list(stream)
    ids = np.concatenate([np.atleast_1d(item["id"].numpy()) for item in items])
    assert sorted(ids) == list(range(50)) and len(items) == -(-50 // (batch or 1))
    assert (list(ids) == list(range(50))) == (seed is None)
    assert all((item["twice"] == 2 * item["id"]).all() for item in items)
    if batch:
        assert {len(item["id"]) for item in items[:-1]} == {batch}
    for item in items:
        np.testing.assert_array_equal(
            np.asarray(item["image"]).reshape(-1, 64),
            table["image"][np.atleast_1d(item["id"])].reshape(-1, 64),
        )


def test_an_order_follows_from_seed_and_epoch(cut: tuple[tables.Groups, dict[str, np.ndarray]]) -> None:
    groups, _ = cut

    def ids(seed: int, epoch: int) -> list[int]:
        stream = Stream(groups, {}, seed, None)
        stream.set_epoch(epoch)
        return [int(item["id"]) for item in stream]

    assert ids(1, 0) == ids(1, 0)
    assert len({tuple(ids(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_share_the_rows(cut: tuple[tables.Groups, dict[str, np.ndarray]]) -> None:
    stream = Stream(cut[0], {}, 3, 5)
    found = [batch["id"] for batch in DataLoader(stream, batch_size=None, num_workers=2)]
    assert sorted(torch.cat(found).tolist()) == list(range(50))
