"""A release as the original published its data: its names, its bad pixels, no truth, and back again to the last bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.exporting import export_release
from blindsky.challenges.importing import import_release
from blindsky.challenges.release import Release, open_release
from blindsky.challenges.trust import reveal


@pytest.fixture
def release(lens_original: Release, tmp_path: Path) -> Release:
    """A ground release of 40 and 30 stamps that a test may change."""
    return open_release(shutil.copytree(lens_original.root, tmp_path / "releases" / "lens-original"))


def test_names_and_pixels_of_the_original(release: Release, tmp_path: Path) -> None:
    from astropy.io import fits as library

    out = tmp_path / "out"
    notes = export_release(release.public, "fits", out)
    for split, first in (("train", 100_000), ("test", 200_000)):
        table = release.public.table(split)
        for k, i in enumerate(table["id"].tolist()):
            part = f"Data_KiDS_Big.{k // 3}/" if split == "test" else ""  # 30 stamps in ten folders
            for b, (band, number) in enumerate([("U", 4), ("G", 3), ("R", 1), ("I", 2)]):
                path = out / split / f"{part}Public/Band{number}/imageSDSS_{band}-{first + k}.fits"
                image, header = library.getdata(path, header=True)
                mask = table["mask"][k, b] > 0
                np.testing.assert_array_equal(image, np.where(mask, 100, table["image"][k, b]))
                assert header["CDELT2"] * 3600 == pytest.approx(0.2)
            assert i == first + k
    assert len(list(out.rglob("*.fits"))) == 4 * 70
    assert (table["mask"] > 0).any()
    assert [p.relative_to(out).as_posix() for p in out.rglob("*.csv")] == ["train/classifications.csv"]
    assert "1.0-ground" in notes[0] and "export again after the reveal" in notes[1]


def test_no_truth_before_the_reveal(release: Release, tmp_path: Path) -> None:
    """Without the private part the same bytes come out; after the reveal there are labels of the test too."""
    export_release(release.public, "fits", tmp_path / "with")
    shutil.rmtree(release.private)
    export_release(release.public, "fits", tmp_path / "without")
    names = {p.relative_to(tmp_path / "with") for p in (tmp_path / "with").rglob("*")}
    assert names == {p.relative_to(tmp_path / "without") for p in (tmp_path / "without").rglob("*")}
    assert not (tmp_path / "without" / "test" / "classifications.csv").exists()


def back(out: Path, edition: str, catalogue: str, folder: Path) -> Release:
    folders = [out / "train", out / "test"]
    labels = tuple(split / catalogue.format(split.name) for split in folders)
    return import_release("lens/bologna", folders, folder, options={"edition": edition, "labels": labels})


def check_round_trip(
    release: Release, again: Release, images: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    for split in ("train", "test"):
        one, two = release.public.table(split), again.public.table(split)
        for name in ("id", *images):
            assert one[name].tobytes() == two[name].tobytes()
    pairs = [
        (release.public.table("train_labels"), again.public.table("train_labels")),
        (next(release.truth()), next(again.truth())),
    ]
    for one, two in pairs:
        for name in ("id", "label", "has_source", "npix", *labels):
            np.testing.assert_array_equal(one[name], two[name])
        np.testing.assert_allclose(one["r_ein"], two["r_ein"], rtol=1e-14)


def test_there_and_back(release: Release, tmp_path: Path) -> None:
    reveal(release)
    notes = export_release(release.public, "fits", tmp_path / "out")
    assert notes[0].endswith(
        "blindsky import lens/bologna train test --edition 1.0-ground "
        "--labels train/classifications.csv --labels test/classifications.csv"
    )
    again = back(tmp_path / "out", "1.0-ground", "classifications.csv", tmp_path / "again")
    check_round_trip(release, again, ("image", "mask"), ("flux_sigma",))


def test_the_second_edition_there_and_back(lens_small: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    from blindsky.challenges.challenge import Size
    from blindsky.challenges.generation import generate

    few = replace(lens_small, sizes={"tiny": Size(12, 9)})
    release = generate(few, "euclid", "tiny", tmp_path, release_id="euclid", key=bytes(range(32)))
    reveal(release)
    out = tmp_path / "out"
    export_release(release.public, "fits", out)
    assert (out / "train" / "Public" / "EUC_VIS" / "imageEUC_VIS-100000.fits").is_file()
    assert len(list((out / "test" / "Public" / "EUC_J").glob("imageEUC_J-20000?.fits"))) == 9
    again = back(out, "2.0", "image_catalog2.0{}.csv", tmp_path / "again")
    check_round_trip(
        release, again, ("image_vis", "image_nisp"), ("is_lens", "mu_eff", "n_images", "z_lens", "z_source")
    )


def test_nothing_is_left_of_an_export_that_fails(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def write(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) > 50:
            raise OSError(28, "No space left on device")
        return len(content)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(Exception, match=r"no space left while writing out .*Free some space"):
        export_release(release.public, "fits", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["releases"]


def test_a_folder_that_is_there(release: Release, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputFault, match=r"out exists already\. Choose another --out"):
        export_release(release.public, "fits", tmp_path / "out")
    with pytest.raises(InputFault, match="lens has no export format 'fit': did you mean fits"):
        export_release(release.public, "fit", tmp_path / "new")
