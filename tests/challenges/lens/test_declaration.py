"""The declaration of the lens challenge hangs together, and a small release of it is what it declares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import registry, tables
from blindsky.challenges.challenge import Challenge, Size
from blindsky.challenges.downloading import download
from blindsky.challenges.generation import generate
from blindsky.challenges.lens.sky import LABELS
from blindsky.challenges.release import Release, open_public, open_release
from blindsky.challenges.skies import Sky
from blindsky.challenges.trust import reveal, verify
from blindsky.scoring.measurements import Table

TRACKS = ("space", "ground", "space_shift", "ground_shift", "euclid")
STAMPS = {
    "space": {"image": (1, 101, 101)},
    "ground_shift": {"image": (4, 101, 101), "mask": (4, 101, 101)},
    "euclid": {"image_vis": (1, 200, 200), "image_nisp": (3, 66, 66)},
}
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def lens() -> Challenge:
    return registry.get("lens")


def test_tracks_and_sizes_are_the_published_ones(lens: Challenge) -> None:
    assert tuple(t.name for t in lens.tracks) == TRACKS
    sizes = {name: (size.train, size.test) for name, size in lens.sizes.items()}
    assert sizes == {"tiny": (400, 300), "small": (6_000, 6_000), "full": (20_000, 100_000)}
    full = lens.on("euclid").sizes["full"]
    assert (full.train, full.test) == (100_000, 100_000)


def everything(n: int = 4_000) -> Table:
    """Truth that meets every edge of a slice."""
    draw = np.random.default_rng(3)
    label = draw.random(n) < 0.5
    nothing = np.where(label, 0.0, np.nan)
    return {
        "label": label,
        "r_ein": np.append(draw.uniform(0.1, 5, n - 4), [0.5, 1, 2, 0.1]),
        "npix": np.append(draw.integers(0, 900, n - 6), [0, 1, 20, 21, 100, 500]) * label,
        "flux_sigma": draw.exponential(100, n) + nothing,
        "contrast": draw.exponential(1, n) + nothing,
        "n_images": np.append(draw.integers(1, 5, n - 1), [5]) * label,
        "mu_eff": draw.exponential(5, n) + nothing,
        "impostor": np.where(~label & (draw.random(n) < 0.3), draw.choice(["ring", "merger"], n), ""),
        "early": draw.random(n) < 0.5,
        "masked": np.where(draw.random(n) < 0.7, 0.0, draw.random(n)),
    }


def test_slices_of_the_lenses_part_them_and_keep_every_non_lens(lens: Challenge) -> None:
    table = everything()
    slices = lens.on("ground").slices
    families = {s.family for s in slices}
    by_lens = families - {"non-lenses", "type of the galaxy", "bad pixels"}
    assert len(by_lens) == 6
    for family in by_lens:
        masks = np.array([s.mask(table) for s in slices if s.family == family])
        assert masks[:, ~table["label"]].all()
        np.testing.assert_array_equal(masks[:, table["label"]].sum(axis=0), 1)
    for family in ("type of the galaxy", "bad pixels"):
        masks = np.array([s.mask(table) for s in slices if s.family == family])
        np.testing.assert_array_equal(masks.sum(axis=0), 1)
    quarters = [s.mask(table) & table["label"] for s in slices if "light of the arc" in s.family]
    assert np.ptp([q.sum() for q in quarters]) <= 4
    assert (np.diff([table["flux_sigma"][q].mean() for q in quarters]) > 0).all()


def test_a_slice_of_impostors_holds_them_and_all_lenses(lens: Challenge) -> None:
    table = everything()
    slices = {s.name: s.mask(table) for s in lens.slices if s.family == "non-lenses"}
    kinds = table["impostor"]
    np.testing.assert_array_equal(slices["only rings"] & ~table["label"], kinds == "ring")
    assert not (slices["no impostors"] & (kinds != "")).any() and slices["only rings"][table["label"]].all()
    assert not (slices["only mergers"] & ~table["label"] & (kinds != "merger")).any()


def test_a_release_holds_what_is_declared(lens_original: Release) -> None:
    public = lens_original.public
    declared = {p.name for p in public.track.public}
    train, test, labels = (public.table(name) for name in ("train", "test", "train_labels"))
    assert set(train) == set(test) == {"id", "image", "mask", "sigma", "psf_fwhm"}
    assert set(labels) == {"id", *LABELS} and declared == set(train) | set(labels)
    assert (public.rows("train"), public.rows("test")) == (40, 30)
    np.testing.assert_array_equal(train["id"], np.arange(100_000, 100_040))
    np.testing.assert_array_equal(labels["id"], train["id"])
    np.testing.assert_array_equal(test["id"], np.arange(200_000, 200_030))
    assert train["image"].shape == (40, 4, 101, 101) and train["image"].dtype == np.float32
    assert train["mask"].dtype == np.uint8 and set(np.unique(train["mask"])) <= {0, 1}
    assert (train["image"][train["mask"] > 0] == 0).all()
    hidden = tables.read(lens_original.private / "train_truth.parquet")
    for name in LABELS:
        np.testing.assert_array_equal(labels[name], hidden[name])
    truth = next(lens_original.truth())
    np.testing.assert_array_equal(truth["id"], test["id"])
    assert set(truth) >= {*LABELS, "part", "early", "masked"}
    np.testing.assert_allclose(truth["masked"], test["mask"].mean(axis=(1, 2, 3)), atol=1e-7)


def test_the_manifest_names_every_file_of_a_table(lens_original: Release) -> None:
    files = {f["path"]: f for f in lens_original.public.manifest["files"]}
    shard = files["train/part-00000.parquet"]
    assert (shard["role"], shard["split"], shard["rows"]) == ("data", "train", 40)
    assert shard["columns"]["image"] == "float32[4][101][101]"
    assert files["train_labels.parquet"]["split"] == "train"
    text = (lens_original.public.root / "README.md").read_text()
    assert "train/part-*.parquet" in text and "| `is_lens` |" in text


@pytest.mark.parametrize("track", STAMPS)
def test_the_same_key_draws_the_same_bytes(lens_small: Challenge, tmp_path: Path, track: str) -> None:
    def small_blocks(*asked: Any) -> Sky:
        sky = lens_small.sky(*asked)
        sky.block_rows = 8
        return sky

    some = replace(lens_small, sizes={"tiny": Size(3, 11)}, sky=small_blocks)  # the test split has two blocks
    made = [
        generate(some, track, "tiny", tmp_path / str(k), release_id="r", key=KEY, workers=k) for k in (1, 2)
    ]
    roots = [release.public.manifest["commitments"]["root"] for release in made]
    assert roots[0] == roots[1]
    shards = [(release.public.root / "test" / "part-00000.parquet").read_bytes() for release in made]
    assert shards[0] == shards[1]
    test = made[0].public.table("test")
    assert {name: column.shape[1:] for name, column in test.items() if column.ndim > 2} == STAMPS[track]
    assert verify(made[0].public, made[0]).ok


@pytest.fixture
def copy(lens_original: Release, tmp_path: Path) -> Iterator[Release]:
    import shutil

    yield open_release(shutil.copytree(lens_original.root, tmp_path / "lens-original"))


def test_shards_are_downloaded_and_checked(copy: Release, tmp_path: Path) -> None:
    fetched = download(str(copy.public.root), tmp_path / "fetched")
    public = open_public(fetched.root if hasattr(fetched, "root") else tmp_path / "fetched")
    assert verify(public).ok
    np.testing.assert_array_equal(public.table("test")["image"], copy.public.table("test")["image"])
    shard = public.root / "test" / "part-00000.parquet"
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(bytes(content))
    verdict = verify(public)
    assert [p.file for p in verdict.problems] == ["test/part-00000.parquet"]


def test_the_truth_is_revealed_and_proved(copy: Release) -> None:
    reveal(copy)
    assert verify(open_public(copy.root)).ok


def test_the_matched_filter_is_the_ceiling(lens_original: Release) -> None:
    card = json.loads((lens_original.private / "references" / "oracle" / "0001" / "card.json").read_text())
    truth = next(lens_original.truth())
    scores = card["parts"]["all"]["metrics"]
    seen = truth["label"] & (truth["snr_arc"] > 8)
    assert scores["tpr0"]["value"] >= seen.sum() / truth["label"].sum() > 0.5
    assert scores["auroc"]["value"] > 0.95
    declared = {m.key for m in lens_original.public.challenge.metrics if not m.key.startswith("rein_")}
    assert set(scores) == declared
    assert {s["name"] for s in card["slices"]} == {s.name for s in lens_original.public.challenge.slices}


def test_a_slice_counts_the_class_that_it_is_about(lens: Challenge) -> None:
    table = everything()
    label, by_name = table["label"], {s.name: s for s in lens.slices}
    ring, small = by_name["only rings"], by_name['under 0.5"']
    assert ring.about is not None and small.about is not None
    np.testing.assert_array_equal(ring.mask(table) & ring.about(table), table["impostor"] == "ring")
    np.testing.assert_array_equal(small.mask(table) & small.about(table), label & (table["r_ein"] < 0.5))
