"""The original challenge becomes a release: synthetic trees of both editions, and the real stamps where they lie."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import import_release
from blindsky.challenges.lens import fits, official
from blindsky.challenges.lens.editions import EDITIONS
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal, verify
from blindsky.scoring.measurements import Array

Tree = tuple[Path, dict[tuple[int, str], Array]]  # a folder, and the planes in it by id and band
Samples = tuple[Path, list[dict[str, str]]]  # a folder of both branches, and what is known of each plane
KEY = bytes(range(32))
N = 12
GROUND = {"R": 1, "I": 2, "G": 3, "U": 4}  # band -> number of its folder
FIRST = "ID,is_lens,Einstein_area,numb_pix_lensed_image,flux_lensed_image_in_sigma"
SECOND = (
    ",ID,x_crit,y_crit,source_ID,z_source,z_lens,mag_source,ein_area,n_crit,r_source,crit_area,n_pix_source,"
    "source_flux,n_pix_lens,lens_flux,n_source_im,mag_eff,sb_contrast,color_diff,n_gal_3,n_gal_5,n_gal_10,"
    "halo_mass,star_mass,mag_lens,n_sources"
)


def stamp(seed: int, size: int = 101) -> Array:
    """Noise of rms 2e-12 and a bright centre, which the corners don't see."""
    image = np.random.default_rng(seed).normal(0, 2e-12, (size, size))
    image[size // 2 - 3 : size // 2 + 3, size // 2 - 3 : size // 2 + 3] += 1e-9
    return image.astype(np.float32)


def save(path: Path, image: Array, pixel: float = 0.2) -> None:
    """As astropy writes it: this is no test of our own writer."""
    from astropy.io import fits as library

    path.parent.mkdir(parents=True, exist_ok=True)
    header = library.Header([("CDELT1", -pixel / 3600), ("CDELT2", pixel / 3600)])
    library.PrimaryHDU(image, header).writeto(path, overwrite=True)


def plane(folder: Path, band: str, stamp_id: int) -> Path:
    return folder / "Public" / f"Band{GROUND[band]}" / f"imageSDSS_{band}-{stamp_id}.fits"


def first_edition(folder: Path, ids: range, parts: int = 0) -> dict[tuple[int, str], Array]:
    """A ground tree with its catalogue; a test tree in so many parts."""
    images = {}
    for k, i in enumerate(ids):
        place = folder / f"Data_KiDS_Big.{k % parts}" if parts else folder
        for band in GROUND:
            images[i, band] = stamp(10 * i + GROUND[band])
            save(plane(place, band, i), images[i, band])
    if parts:
        rows = ["# a comment", "ID,no_source,Einstein_area", *(f"{i},{i % 2},{2.0 + i % 3}" for i in ids)]
    else:
        rows = [
            FIRST,
            *(f"{i},{1 - i % 2},{2.0 + i % 3},{30 * (1 - i % 2)},{99.5 * (1 - i % 2)}" for i in ids),
        ]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return images


@pytest.fixture
def ground(tmp_path: Path) -> Tree:
    folder = tmp_path / "ground"
    return folder, first_edition(folder, range(100_000, 100_000 + N))


def run(
    tmp_path: Path, *folders: Path, edition: str = "1.0-ground", allow_missing: bool = False, **more: Any
) -> Release:
    options = {
        "edition": edition,
        "labels": tuple(folder / "labels.csv" for folder in folders),
        "allow_missing": allow_missing,
    }
    return import_release("lens/bologna", folders, tmp_path / "releases", options=options, key=KEY, **more)


def refused(tmp_path: Path, *folders: Path, **more: Any) -> str:
    with pytest.raises(InputFault) as fault:
        run(tmp_path, *folders, **more)
    releases = tmp_path / "releases"
    assert not releases.exists() or not list(releases.iterdir())
    return str(fault.value)


# --- first edition ---------------------------------------------------------------------------------------------------


def test_training_data_without_a_test(ground: Tree, tmp_path: Path) -> None:
    folder, images = ground
    release = run(tmp_path, folder)
    public = release.public
    assert (public.manifest["track"], public.manifest["size"]) == ("ground", "imported")
    assert public.manifest["splits"] == {"train": {"rows": N}, "test": {"rows": 0}}
    train, labels = public.table("train"), public.table("train_labels")
    assert train["id"].tolist() == labels["id"].tolist() == list(range(100_000, 100_000 + N))
    for k, i in enumerate(train["id"]):
        for b, band in enumerate("UGRI"):
            assert train["image"][k, b].tobytes() == images[i, band].tobytes()
    assert not train["mask"].any()
    np.testing.assert_allclose(train["sigma"], 2e-12, rtol=0.12)  # 1,600 pixels: MAD 2.9 %, four errors
    assert set(map(tuple, train["psf_fwhm"].tolist())) == {tuple(np.float32([1.0, 0.88, 0.7, 0.8]).tolist())}
    lens = train["id"] % 2 == 0
    np.testing.assert_array_equal(labels["label"], lens)
    np.testing.assert_array_equal(labels["has_source"], lens)
    assert "is_lens" not in labels  # the first edition has no such rule
    np.testing.assert_allclose(labels["r_ein"], np.sqrt((2.0 + train["id"] % 3) / np.pi))
    np.testing.assert_array_equal(labels["npix"], np.where(lens, 30, 0))
    np.testing.assert_array_equal(labels["flux_sigma"], np.where(lens, 99.5, np.nan))
    assert public.json("cameras")["cameras"][0]["bands"] == ["u", "g", "r", "i"]
    notes = public.manifest["source"]["notes"]
    assert any("0.798 to 1.13, median 0.977 arcsec" in note for note in notes)
    assert any("psf_fwhm is nominal, not measured: u 1, g 0.88, r 0.7, i 0.8" in note for note in notes)


def test_a_release_without_a_test_is_one_to_train_on(ground: Tree, tmp_path: Path) -> None:
    from blindsky.submissions.checking import check

    release = run(tmp_path, ground[0])
    assert verify(release.public, release).ok
    card = (release.public.root / "README.md").read_text()
    assert "no test split: the data came without its truth" in card
    (tmp_path / "entry.csv").write_text("id,score\n100000,0.5\n")
    with pytest.raises(InputFault, match="has no test split: its data came without a truth"):
        check(tmp_path / "entry.csv", release.public)
    reveal(release)
    assert verify(release.public).ok


def test_train_and_test_keep_their_ids(ground: Tree, tmp_path: Path) -> None:
    ids = range(200_000, 200_025)
    images = first_edition(tmp_path / "test", ids, parts=10)
    release = run(tmp_path, ground[0], tmp_path / "test")
    assert verify(release.public, release).ok
    test, truth = release.public.table("test"), next(release.truth())
    assert test["id"].tolist() == truth["id"].tolist() == list(ids)
    assert test["image"][7, 2].tobytes() == images[200_007, "R"].tobytes()
    np.testing.assert_array_equal(truth["label"], test["id"] % 2 == 0)  # no_source is 0 for a lens
    assert set(truth["part"]) <= {"public", "private"} and (truth["masked"] == 0).all()
    assert not {"label", "r_ein", "has_source"} & set(test)
    for path in release.public.root.rglob("*.csv"):
        raise AssertionError(path)


def test_bad_pixels_become_a_mask(ground: Tree, tmp_path: Path) -> None:
    folder, images = ground
    image = images[100_003, "G"].copy()
    image[:30, :25] = 100.0  # one corner and more
    save(plane(folder, "G", 100_003), image)
    whole = np.full((101, 101), 100.0, np.float32)
    for band in "UI":  # two planes without a good pixel are no copies of each other
        save(plane(folder, band, 100_005), whole)
    train = run(tmp_path, folder).public.table("train")
    mask = np.zeros((101, 101), np.uint8)
    mask[:30, :25] = 1
    np.testing.assert_array_equal(train["mask"][3, 1], mask)
    np.testing.assert_array_equal(train["image"][3, 1], np.where(mask, 0, image))
    assert train["sigma"][3, 1] == pytest.approx(2e-12, rel=0.14)
    np.testing.assert_array_equal(train["mask"][5].mean(axis=(1, 2)), [1, 0, 0, 1])
    assert (train["image"][5, [0, 3]] == 0).all()
    np.testing.assert_allclose(train["sigma"][5, [0, 3]], [2.02e-12, 3.15e-12])  # nominal


def test_everything_that_is_missing_is_listed(ground: Tree, tmp_path: Path) -> None:
    folder, _ = ground
    plane(folder, "U", 100_000).unlink()
    plane(folder, "U", 100_002).unlink()
    plane(folder, "I", 100_002).unlink()
    for band in GROUND:
        plane(folder, band, 100_004).unlink()
        save(plane(folder, band, 99), stamp(5 + GROUND[band]))
    table = (folder / "labels.csv").read_text()
    (folder / "labels.csv").write_text(table + "100020,1,0,50,99\n100006.fits,1,2,3,4\n"[:17])
    for band in GROUND:
        save(plane(folder, band, 100_020), stamp(50 + GROUND[band]))
    told = refused(tmp_path, folder)
    for words in (
        "train split, 1 stamp: lenses without an Einstein area (100020)",
        "train split, 1 stamp: in labels.csv, but no plane is there (100004)",
        "train split, 1 stamp: not in labels.csv (99)",
        "train split, 2 stamps: no plane in u (100000, 100002)",
        "train split, 1 stamp: no plane in i (100002)",
        "or leave these out with --allow-missing",
    ):
        assert words in told
    release = run(tmp_path, folder, allow_missing=True)
    kept = [i for i in range(100_000, 100_000 + N) if i not in (100_000, 100_002, 100_004)]
    assert release.public.table("train")["id"].tolist() == kept
    assert sum(note.endswith("; left out") for note in release.public.manifest["source"]["notes"]) == 5


def test_every_plane_that_is_damaged_is_listed(ground: Tree, tmp_path: Path) -> None:
    folder, _ = ground
    path = plane(folder, "R", 100_000)
    path.write_bytes(path.read_bytes()[:5000])
    plane(folder, "R", 100_001).write_bytes(b"not found")
    save(plane(folder, "U", 100_002), stamp(1, 100))
    save(plane(folder, "G", 100_003), stamp(1), pixel=0.1)
    broken = stamp(1)
    broken[50, 50] = np.nan
    save(plane(folder, "I", 100_004), broken)
    shutil.copy(plane(folder, "I", 100_005), plane(folder, "G", 100_005))  # as in the original's 100013
    shutil.copy(plane(folder, "R", 100_005), plane(folder, "U", 100_005))
    told = refused(tmp_path, folder)
    for words in (
        "2 stamps: the plane in r is not readable as a FITS image (100000, 100001)",
        "1 stamp: the plane in u has 100 x 100 pixels, expected 101 x 101 (100002)",
        "1 stamp: pixels in g have a side of 0.1 arcsec, expected 0.2 (100003)",
        "1 stamp: the plane in i has values that are not finite (100004)",
        "1 stamp: planes are copies: r of u, i of g (100005)",
    ):
        assert words in told
    release = run(tmp_path, folder, allow_missing=True)
    assert release.public.table("train")["id"].tolist() == list(range(100_006, 100_000 + N))
    assert release.public.table("train_labels")["id"].tolist() == list(range(100_006, 100_000 + N))
    assert any("planes are copies" in note for note in release.public.manifest["source"]["notes"])


def test_stamps_are_read_as_they_are_written(ground: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the ground branch is 16 GB: no more than a piece of it is held."""
    read: list[Path] = []
    real = fits.read
    monkeypatch.setattr(fits, "read", lambda path: read.append(path) or real(path))
    monkeypatch.setattr(official, "CHUNK", 3)
    found = official.bologna(
        [ground[0]], lambda n: np.arange(n), edition="1.0-ground", labels=[ground[0] / "labels.csv"]
    )
    assert read == []
    pieces = iter(found.train)
    for k in range(1, N // 3 + 1):
        piece = next(pieces)
        assert len(piece.ids) == 3 and len(read) == 12 * k
    assert list(pieces) == []


def test_nothing_that_is_whole(ground: Tree, tmp_path: Path) -> None:
    for path in ground[0].rglob("*.fits"):
        path.write_bytes(b"")
    assert "no stamp of the train split is whole" in refused(tmp_path, ground[0], allow_missing=True)


@pytest.mark.parametrize(("area", "sane"), [(1e-10, False), (0.0079, True), (1200, True), (1300, False)])
def test_an_area_in_another_unit(area: float, sane: bool, ground: Tree, tmp_path: Path) -> None:
    """sqrt(.0079/pi) = .0501 and sqrt(1200/pi) = 19.5 arcsec; square radians give 1e-10 or so."""
    folder, _ = ground
    rows = [FIRST, *(f"{i},1,{area},5,5" for i in range(100_000, 100_000 + N))]
    (folder / "labels.csv").write_text("\n".join(rows))
    if sane:
        labels = run(tmp_path, folder).public.table("train_labels")
        np.testing.assert_allclose(labels["r_ein"], np.sqrt(area / np.pi))
    else:
        told = refused(tmp_path, folder)
        assert "lies between 0.05 and 20. Convert the area to square arcsec" in told


def test_no_area_no_radius(ground: Tree, tmp_path: Path) -> None:
    folder, _ = ground
    rows = [FIRST, *(f"{i},{i % 2},0,5,5" for i in range(100_000, 100_000 + N))]
    (folder / "labels.csv").write_text("\n".join(rows))
    public = run(tmp_path, folder).public
    assert "r_ein" not in public.table("train_labels")
    assert (
        "train split: no Einstein area is above 0, so there is no r_ein" in public.manifest["source"]["notes"]
    )


# --- second edition, space branch ------------------------------------------------------------------------------------


def test_the_second_edition(tmp_path: Path) -> None:
    """Bands of two cameras, padded names, comments, and a rule of its own for what is a lens."""
    folder, ids = tmp_path / "second", [7, 10, 20, 30, 40]
    images = {}
    for i in ids:
        for b, (band, size, pixel) in enumerate(
            [("VIS", 200, 0.1), ("Y", 66, 0.3), ("J", 66, 0.3), ("H", 66, 0.3)]
        ):
            images[i, band] = stamp(10 * i + b, size)
            path = folder / "train" / "Public" / f"EUC_{band}" / f"imageEUC_{band}-{i:06d}.fits"
            save(path, images[i, band], pixel)
    names = SECOND.split(",")
    # n_sources, n_source_im, mag_eff, n_pix_source: a lens, and one that fails each of the conditions
    rules = [(1, 2, 1.7, 21), (0, 2, 1.7, 21), (1, 0, 1.7, 21), (2, 1, 1.6, 21), (1, 1, 9.0, 20)]
    with (folder / "labels.csv").open("w", newline="") as file:
        file.write(
            "# a comment, with commas\n#another\n" + ",".join(f"  {name:>12}" for name in names) + "\n"
        )
        writer = csv.writer(file)
        for k, (i, (n_sources, n_images, magnification, pixels)) in enumerate(zip(ids, rules, strict=True)):
            known = {"ID": i, "n_sources": n_sources, "n_source_im": n_images, "mag_eff": magnification}
            known |= {
                "n_pix_source": pixels,
                "ein_area": 1.5,
                "z_lens": 0.5,
                "z_source": 2.0,
                "mag_lens": 20.5,
            }
            writer.writerow([k, *(known.get(name, -1) for name in names[1:])])
    public = run(tmp_path, folder, edition="2.0").public
    assert public.manifest["track"] == "euclid"
    train, labels = public.table("train"), public.table("train_labels")
    assert train["image_vis"].shape == (5, 1, 200, 200) and train["image_nisp"].shape == (5, 3, 66, 66)
    for k, i in enumerate(ids):
        assert train["image_vis"][k, 0].tobytes() == images[i, "VIS"].tobytes()
        for b, band in enumerate("YJH"):
            assert train["image_nisp"][k, b].tobytes() == images[i, band].tobytes()
    assert train["sigma"].shape == train["psf_fwhm"].shape == (5, 4)
    np.testing.assert_array_equal(labels["label"], [True, False, False, False, False])
    np.testing.assert_array_equal(labels["is_lens"], labels["label"])
    np.testing.assert_array_equal(labels["has_source"], [True, False, True, True, True])
    np.testing.assert_array_equal(labels["mu_eff"], [1.7, np.nan, 1.7, 1.6, 9])
    np.testing.assert_array_equal(labels["n_images"], [2, 0, 0, 1, 1])
    np.testing.assert_array_equal(labels["z_source"], [2, np.nan, 2, 2, 2])
    assert (labels["z_lens"] == 0.5).all() and (labels["mag_lens"] == 20.5).all()
    assert labels["npix"].dtype == np.int32 and labels["n_images"].dtype == np.int8


def test_bad_pixels_of_a_track_without_masks(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    image = stamp(1)
    image[3, 4] = 100
    save(folder / "Public" / "Band1" / "imageEUC_VIS-100000.fits", image, 0.1)
    (folder / "labels.csv").write_text(f"{FIRST}\n100000,0,0,0,0\n")
    public = run(tmp_path, folder, edition="1.0-space").public
    train = public.table("train")
    assert "mask" not in train and train["image"][0, 0, 3, 4] == 0
    assert any("bad pixels in 1 stamps" in note for note in public.manifest["source"]["notes"])


# --- what is given ---------------------------------------------------------------------------------------------------


def test_what_can_not_be_read(ground: Tree, tmp_path: Path) -> None:
    folder, _ = ground
    assert "hold no file imageEUC_VIS-<ID>.fits. Check the folder" in refused(
        tmp_path, folder, edition="1.0-space"
    )
    assert "there is no edition '1.0': did you mean" in refused(tmp_path, folder, edition="1.0")
    assert "the data are of the track ground, not space" in refused(tmp_path, folder, track="space")
    with pytest.raises(
        InputFault, match=r"got 2 folders and 1 catalogues\. Without its truth, leave the test"
    ):
        options = {"edition": "1.0-ground", "labels": (folder / "labels.csv",)}
        import_release("lens/bologna", [folder, folder], tmp_path / "releases", options=options)
    with pytest.raises(InputFault, match="lens/bologna wants --edition, --labels too"):
        import_release("lens/bologna", [folder], tmp_path / "releases")
    with pytest.raises(
        InputFault, match=r"takes no --columns\. It takes --edition, --labels, --allow-missing"
    ):
        import_release("lens/bologna", [folder], tmp_path / "releases", options={"columns": folder})
    with pytest.raises(InputFault, match=r"labels\.csv is not a folder"):
        options = {"edition": "1.0-ground", "labels": (folder / "labels.csv",)}
        import_release("lens/bologna", [folder / "labels.csv"], tmp_path / "releases", options=options)
    shutil.copytree(folder / "Public" / "Band1", folder / "copy")
    assert f"{N} planes in r stand twice under" in refused(tmp_path, folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not readable as CSV"),
        ("\xff\xfe", "is not readable as CSV"),
        ("ID,is_lens\n1,0,5\n2,1,5\n", "is not readable as CSV"),
        ("ID,lens\n1,0\n", "has no column is_lens or no_source. It has: ID, lens"),
        ("id;is_lens\n1;0\n", "has no column ID, is_lens or no_source"),
        ("ID,is_lens\n1,0\nx,1\n", "the ID in row 2 is 'x', expected a whole number"),
        ("ID,is_lens\n1.0,0\n", "the ID in row 1 is '1.0', expected a whole number"),
        ("ID,is_lens\n1,0\n2,1\n1,1\n", "1 ids stand twice, the first is 1"),
        ("ID,is_lens\n1,0\n2,2\n", "column is_lens is 2 in row 2, expected 0 or 1"),
        ("ID,is_lens\n1,\n", "column is_lens is nan in row 1, expected 0 or 1"),
        ("ID,is_lens\n1,maybe\n", "column is_lens holds something that is not a number"),
    ],
)
def test_catalogues_that_are_none(text: str, message: str, ground: Tree, tmp_path: Path) -> None:
    (ground[0] / "labels.csv").write_bytes(text.encode("latin-1"))
    assert message in refused(tmp_path, ground[0])


def test_a_catalogue_of_the_other_edition(ground: Tree, tmp_path: Path) -> None:
    told = refused(tmp_path, ground[0], edition="2.0")
    assert "has no column n_sources, n_source_im, mag_eff, n_pix_source" in told
    assert "Give the catalogue of this --edition" in told


# --- the real stamps -------------------------------------------------------------------------------------------------


@pytest.fixture
def samples(shared_data: Callable[[str], Path], tmp_path: Path) -> Samples:
    """The official trees of both branches, built of the sample stamps; areas are made up."""
    root = shared_data("lens/bologna1_samples").parent
    with (root / "bologna1_samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    folders = {**{band: f"Band{k}" for band, k in GROUND.items()}, "VIS": "Band1"}
    for branch in ("ground", "space"):
        labels = {}
        for row in (r for r in rows if r["branch"] == branch):
            place = tmp_path / branch / "Public" / folders[row["band"]]
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / row["file"], place)
            labels[row["id"]] = row["is_lens"]
        lines = [FIRST, *(f"{i},{lens},{3 * int(lens)},10,20" for i, lens in labels.items())]
        (tmp_path / branch / "labels.csv").write_text("\n".join(lines))
    return tmp_path, rows


@pytest.mark.parametrize(("branch", "bands"), [("ground", "U G R I"), ("space", "VIS")])
def test_the_real_stamps(branch: str, bands: str, samples: Samples, tmp_path: Path) -> None:
    from astropy.io import fits as library

    folder, rows = samples[0] / branch, samples[1]
    edition = f"1.0-{branch}"
    if branch == "ground":
        assert "planes are copies: r of u, i of g (100013)" in refused(tmp_path, folder, edition=edition)
    train = run(tmp_path, folder, edition=edition, allow_missing=True, release_id="real").public.table(
        "train"
    )
    known = {(r["id"], r["band"]): r for r in rows if r["branch"] == branch}
    assert len(train["id"]) == (11 if branch == "ground" else 16)
    for k, i in enumerate(train["id"].tolist()):
        for b, band in enumerate(bands.split()):
            row = known[str(i), band]
            number = {**GROUND, "VIS": 1}[band]
            (path,) = folder.glob(f"Public/Band{number}/*_{band}-{i}.fits")
            image = library.getdata(path)
            np.testing.assert_array_equal(train["image"][k, b], np.where(image == 100, 0, image))
            assert train["sigma"][k, b] == pytest.approx(float(row["sigma_corner"]), rel=1e-4)
            if branch == "ground":
                assert train["mask"][k, b].sum() == int(row["n_masked"])


def test_plain_files_are_read_without_astropy(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real ones are plain: what makes the import fast applies to them."""
    monkeypatch.setattr(fits, "_by_astropy", None)
    for path in samples[0].rglob("*.fits"):
        image, pixel = fits.read(path)
        assert image.shape == (101, 101)
        assert pixel == pytest.approx(0.2 if "SDSS" in path.name else 0.1, rel=1e-6)


def test_noise_of_a_normal_distribution() -> None:
    """A quarter of a per cent of 400,000 pixels, 30 of 1,600 far away in each; the median doesn't mind."""
    rng = np.random.default_rng(8)
    image = rng.normal(3, 2, (250, 1, 100, 100)).astype(np.float32)
    image[:, :, :3, :10] = 1e6
    mask = np.zeros(image.shape, bool)
    mask[:, :, -4:] = True
    image[mask] = 100
    found = official.noise(image, mask)
    assert found.shape == (250, 1)
    # clipping at 3 sigma narrows a normal distribution's MAD by 0.4 %
    assert found.mean() == pytest.approx(2 * 0.996, rel=0.004)
    assert np.isnan(official.noise(image, np.ones(image.shape, bool))).all()


def test_every_edition_names_every_band_of_its_track() -> None:
    for edition in EDITIONS.values():
        assert set(edition.planes) == set(edition.setting.bands)
