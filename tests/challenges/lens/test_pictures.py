"""Real galaxies for sources: what is read from a directory, what is refused, and what of it is seen behind a lens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges import registry
from blindsky.challenges.errors import InputFault
from blindsky.challenges.lens import sky
from blindsky.challenges.lens.pictures import read_gallery

RADIUS = 4.0  # pixels: half-light radius of the galaxy below


def galaxy(x: float = 20.0, y: float = 17.0, noise: float = 0.0, side: int = 41) -> np.ndarray:
    """A round exponential of 1,000 counts; half of the light of an infinite one lies within 1.678 scale lengths."""
    columns, rows = np.meshgrid(np.arange(side), np.arange(side))
    scale = RADIUS / 1.678
    light = np.exp(-np.hypot(columns - x, rows - y) / scale)
    return 1000 * light / light.sum() + np.random.default_rng(2).normal(0, noise, light.shape)


def write_fits(path: Path, *images: np.ndarray) -> None:
    from astropy.io import fits

    table = fits.BinTableHDU.from_columns([fits.Column("MAG", "D", array=np.ones(3))])
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(i) for i in images), table]).writeto(path)


def test_images_of_all_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    np.save(tmp_path / "b.npy", np.stack([galaxy(), galaxy(15.0)]))
    write_fits(tmp_path / "a.fits", galaxy(25.0))
    write_fits(tmp_path / "set_PSF_images.fits", galaxy(7.0))
    (tmp_path / "notes.txt").write_text("no image")
    found = read_gallery(tmp_path)
    assert [round(p.x) for p in found.pictures] == [26, 21, 16]  # an empty frame of one pixel is added
    assert [(f["name"], f["images"]) for f in found.files] == [("a.fits", 1), ("b.npy", 2)]
    assert found.files[1]["sha256"] == hashlib.sha256((tmp_path / "b.npy").read_bytes()).hexdigest()


@pytest.mark.parametrize(("noise", "tolerance"), [(0.0, 0.02), (0.3, 0.12)])
def test_the_galaxy_is_measured(tmp_path: Path, noise: float, tolerance: float) -> None:
    np.save(tmp_path / "one.npy", galaxy(noise=noise) + 5.0)  # on a bright sky
    (picture,) = read_gallery(tmp_path).pictures
    assert picture.light.sum() == pytest.approx(1, abs=1e-6)
    assert picture.light.min() == 0
    assert not any(edge.any() for edge in (picture.light[0], picture.light[-1], picture.light[:, 0]))
    assert (picture.x, picture.y) == pytest.approx((21, 18), abs=0.2)
    assert picture.radius == pytest.approx(RADIUS, rel=max(tolerance, 0.1))


def test_neighbours_are_left_out(tmp_path: Path) -> None:
    np.save(tmp_path / "pair.npy", galaxy(20, 20, 0.4) + galaxy(38, 38, 0.4))
    (picture,) = read_gallery(tmp_path).pictures
    assert (picture.x, picture.y) == pytest.approx((21, 21), abs=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no image of a galaxy"),
        (np.zeros((30, 30)), "holds no image of a galaxy"),
        (np.full((30, 30), np.nan), "expected finite values"),
        (np.ones((4, 4)), "expected finite values, 8 to 512 pixels"),
        (np.ones(7), "holds no image of a galaxy"),
    ],
)
def test_faults_name_the_file(tmp_path: Path, content: np.ndarray | None, message: str) -> None:
    if content is not None:
        np.save(tmp_path / "bad.npy", content)
    with pytest.raises(InputFault, match=message) as fault:
        read_gallery(tmp_path)
    assert str(tmp_path) in str(fault.value)


@pytest.mark.parametrize("content", [b"SIMPLE  =", b"\x93NUMPY broken", b""])
@pytest.mark.parametrize("ending", [".fits", ".npy"])
def test_broken_files_are_named(tmp_path: Path, content: bytes, ending: str) -> None:
    (tmp_path / f"broken{ending}").write_bytes(content)
    with pytest.raises(InputFault, match="broken"):
        read_gallery(tmp_path)


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputFault, match=r"evil\.npy can't be read as images"):
        read_gallery(tmp_path)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="is no directory"):
        read_gallery(tmp_path / "nowhere")


def test_a_picture_keeps_its_light_and_its_size() -> None:
    """Behind nothing, the picture itself: unit light, scaled to the half-light radius, turned about its centroid."""
    torch = pytest.importorskip("torch")
    from blindsky.challenges.lens import rays
    from blindsky.challenges.lens.mass import Deflectors, Perturbers
    from blindsky.challenges.lens.painting import Camera
    from blindsky.challenges.lens.pictures import Picture
    from blindsky.challenges.lens.rays import Sources

    def a(*values: float) -> np.ndarray:
        return np.array(values, dtype=np.float64)

    light = np.zeros((12, 16), dtype=np.float32)
    light[2:10, 2:14] = np.random.default_rng(4).random((8, 12))
    light /= light.sum()
    rows, columns = np.indices(light.shape)
    x, y = float((light * columns).sum()), float((light * rows).sum())
    shown = np.empty(1, dtype=object)
    shown[0] = Picture(light, x, y, 4.0)
    s = Sources(
        np.zeros(1, dtype=np.int64), a(0.3), a(-0.2), np.ones((1, 1)), a(0.8), a(1.0), a(0.5), a(0.7), a(0),
        np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 1)), shown,
    )  # fmt: skip
    d = Deflectors(*(a(v) for v in (0, 0, 1e-7, 0.99, 0, 0, 0, 2)), Perturbers.none())
    camera = Camera(101, 0.1, ("VIS",))
    image = rays.lensed(d, s, camera, a(1e-4), "cpu")[0].double()
    assert float(image.sum()) == pytest.approx(1, abs=1e-3)
    axis = (torch.arange(camera.cells, dtype=torch.float64) + 0.5) * camera.cell - camera.half
    mean_x, mean_y = float((image * axis).sum()), float((image * axis[:, None]).sum())
    assert (mean_x, mean_y) == pytest.approx((0.3, -0.2), abs=2e-3)
    # Second moments grow with the scale of 0.2 arcsec per pixel; bilinear reading adds 1/6 pixel^2
    along = np.cos(0.7) * (axis - 0.3) + np.sin(0.7) * (axis[:, None] + 0.2)
    expected = 0.2**2 * (float((light * (columns - x) ** 2).sum()) + 1 / 6)
    assert float((image * along**2).sum()) == pytest.approx(expected, rel=5e-3)


def test_real_galaxies_behind_lenses(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = shared_data("deblending") / "cosmos"
    challenge = registry.get("lens")
    options = {"components": "yes", "cosmos": str(folder)}
    track, size = challenge.tracks[0], challenge.sizes["tiny"]
    made = sky.simulate(track, size, options)
    number = len(made.gallery.pictures)
    assert 90 < number <= 100  # a few are hardly brighter than their noise
    described = made.files()["source_images"]["files"]
    assert [(f["name"], f["images"]) for f in described] == [("real_galaxy_images_extension.fits", number)]
    made.block_rows = 12
    block = made.draw("train", 0, 6, np.random.default_rng(5))
    plain = sky.simulate(track, size, {})
    plain.block_rows = 12
    other = plain.draw("train", 0, 6, np.random.default_rng(5))
    has = block.beside["train_labels"]["has_source"]
    mu = block.beside["train_labels"]["mu_eff"]
    np.testing.assert_array_equal(has, other.beside["train_labels"]["has_source"])
    # Another light behind the same lens is magnified alike
    assert np.abs(np.log(mu[has] / other.beside["train_labels"]["mu_eff"][has])).max() < 0.7
    assert (block.beside["train_lensed"]["image"] >= -1e-16).all()
