"""Labels in the catalogues of both editions: what we write is read as the same labels, by others too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.lens import catalogues
from blindsky.challenges.lens.editions import EDITIONS
from blindsky.challenges.lens.labels import is_lens
from blindsky.scoring.measurements import Array, Table

N = 200


@pytest.fixture
def labels() -> Table:
    """As the mock sky writes them: nothing of a source where there is none; magnifications close to the rule's."""
    rng = np.random.default_rng(5)
    source = rng.random(N) < 0.5
    table: Table = {
        "has_source": source,
        "r_ein": rng.uniform(0.2, 3, N),
        "npix": (rng.integers(15, 27, N) * source).astype(np.int32),
        "n_images": (rng.choice([1, 2, 4], N) * source).astype(np.int8),
        "flux_sigma": np.where(source, rng.exponential(300, N), np.nan),
        "mu_eff": np.where(source, 1.6 + rng.normal(0, 1e-13, N), np.nan),
        "z_lens": rng.uniform(0.2, 1, N),
        "z_source": np.where(source, rng.uniform(1, 5, N), np.nan),
        "mag_lens": rng.uniform(18, 23, N),
        "mag_source": np.where(source, rng.uniform(22, 26, N), np.nan),
    }
    table["is_lens"] = is_lens(source, table["mu_eff"], table["npix"])
    return table


def same(found: Array, expected: Array) -> None:
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    else:
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_round_trip(edition: str, split: str, labels: Table, tmp_path: Path) -> None:
    ids = np.random.default_rng(6).permutation(N) + 200_000
    path, chosen = tmp_path / "labels.csv", EDITIONS[edition]
    catalogues.write(path, chosen, split, ids, labels)
    found_ids, found = catalogues.read(path, chosen)
    order = np.argsort(ids)
    np.testing.assert_array_equal(found_ids, ids[order])
    same(found["label"], labels["is_lens" if chosen.second else "has_source"][order])
    expected = set(catalogues.COLUMNS[chosen.second]) | {"label", "has_source", "r_ein"}
    assert set(found) == expected | ({"is_lens"} if chosen.second else set())
    for name in expected - {"label"}:
        same(found[name], labels[name][order])


def test_others_read_it(labels: Table, tmp_path: Path) -> None:
    """As the programs of the original entrants did: by name, comments skipped, the rule applied by hand."""
    import pandas as pd

    ids = np.arange(N)
    catalogues.write(tmp_path / "first.csv", EDITIONS["1.0-space"], "train", ids, labels)
    first = pd.read_csv(tmp_path / "first.csv")
    assert list(first.columns) == [
        "ID",
        "is_lens",
        "Einstein_area",
        "numb_pix_lensed_image",
        "flux_lensed_image_in_sigma",
    ]
    assert not first.isna().any().any()
    np.testing.assert_array_equal(first["is_lens"], labels["has_source"].astype(int))
    np.testing.assert_allclose(first["Einstein_area"], np.pi * labels["r_ein"] ** 2)
    catalogues.write(tmp_path / "test.csv", EDITIONS["1.0-space"], "test", ids, labels)
    test = pd.read_csv(tmp_path / "test.csv", comment="#")
    np.testing.assert_array_equal(test["no_source"] == 0, labels["has_source"])
    catalogues.write(tmp_path / "second.csv", EDITIONS["2.0"], "train", ids, labels)
    second = pd.read_csv(tmp_path / "second.csv", comment="#", index_col=0)
    lens = (second["n_source_im"] > 0) & (second["mag_eff"] > 1.6) & (second["n_pix_source"] > 20)
    np.testing.assert_array_equal(lens, labels["is_lens"])
    np.testing.assert_array_equal(second.index, np.arange(N))


def test_what_a_release_does_not_know_is_left_out(labels: Table, tmp_path: Path) -> None:
    few = {name: labels[name] for name in ("has_source", "npix")}
    catalogues.write(tmp_path / "a.csv", EDITIONS["1.0-ground"], "train", np.arange(N), few)
    assert (tmp_path / "a.csv").read_text().startswith("ID,is_lens,numb_pix_lensed_image\n0,")
    _, found = catalogues.read(tmp_path / "a.csv", EDITIONS["1.0-ground"])
    assert set(found) == {"label", "has_source", "npix"}


def test_names_are_read_whatever_their_case_and_blanks(tmp_path: Path) -> None:
    text = "# note\nID, Is_Lens ,Einstein area\n 7 , 1 , 12.566370614359172\n3,0,\n"
    (tmp_path / "a.csv").write_text(text)
    ids, found = catalogues.read(tmp_path / "a.csv", EDITIONS["1.0-ground"])
    assert ids.tolist() == [3, 7]
    np.testing.assert_array_equal(found["label"], [False, True])
    np.testing.assert_array_equal(found["r_ein"], [np.nan, 2.0])
