"""Cubes as files: what astropy reads, the same voxels through any access, and refusals before anything is allocated."""

from __future__ import annotations

import hashlib
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.hi import cube
from blindsky.challenges.hi.field import TINY, Field

FIELD = Field(21, 16, 12, 3078, 1, 1, 5, (8, 8, 4), 24)
DATA = np.random.default_rng(1).normal(size=FIELD.shape).astype(np.float32)


@pytest.fixture(params=[None, 5], ids=["one file", "shards"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / ("cube.fits" if request.param is None else "cube")
    made = cube.create(path, FIELD, "core tiny test", shard=request.param)
    again = cube.canvas(path, FIELD, shard=request.param)
    again.write(4, DATA[4:])
    made.write(0, DATA[:4])
    made.close()
    return path


def _patched(tmp_path: Path, **cards: object) -> Path:
    """A file whose header differs in some cards."""
    path = tmp_path / "cube.fits"
    cube.create(path, FIELD, "core tiny test").write(0, DATA)
    given = {**cube.cards(FIELD, "core tiny test"), **cards}
    lines = [f"{name:<8}= {value!r}" for name, value in given.items()]
    lines[0] = f"SIMPLE  = {'T':>20}"
    header = "".join(f"{line:<80}" for line in [*lines, "END"]).ljust(2880).encode()
    path.write_bytes(header + path.read_bytes()[2880:])
    return path


def test_every_access_gives_the_voxels_that_were_written(written: Path) -> None:
    read = cube.open_cube(written)
    assert read.shape == FIELD.shape
    np.testing.assert_allclose(read.frequencies, FIELD.frequencies, rtol=1e-15)
    whole = read.planes(0, 12)
    assert whole.dtype == np.float32 and whole.dtype.isnative
    np.testing.assert_array_equal(whole, DATA)
    np.testing.assert_array_equal(read.planes(7, 8), DATA[7:8])
    np.testing.assert_array_equal(read.tile(3, 11, 2, 7, 4, 21), DATA[3:11, 2:7, 4:21])
    assert read.tile(5, 5, 2, 7, 4, 9).shape == (0, 5, 5)


@pytest.mark.parametrize(("height", "halo"), [(5, 0), (5, 3), (1, 2), (4, 9), (50, 1)])
def test_slabs_cover_the_cube_once_with_halos_around(written: Path, height: int, halo: int) -> None:
    read = cube.open_cube(written)
    seen: list[int] = []
    for z0, z1, slab, lo, hi in read.slabs(height, halo):
        seen += range(z0, z1)
        assert (lo, hi) == (max(z0 - halo, 0), min(z1 + halo, 12))
        np.testing.assert_array_equal(slab, DATA[lo:hi])
    assert seen == list(range(12))


def test_digests_are_those_of_the_stored_bytes(tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    found = cube.create(path, FIELD, "core tiny test").write(0, DATA)
    side = 4 * 21 * 16
    stored = path.read_bytes()[2880:]
    assert found == [hashlib.sha256(stored[z * side : (z + 1) * side]).hexdigest() for z in range(12)]
    sharded = cube.create(tmp_path / "cube", FIELD, "core tiny test", shard=5).write(0, DATA)
    assert cube.digest(sharded) == cube.digest(found) != cube.digest(found[::-1])


def test_making_a_cube_again_keeps_what_is_painted(tmp_path: Path) -> None:
    path = tmp_path / "cube"
    cube.create(path, FIELD, "core tiny test", shard=5).write(0, DATA)
    (path / "cube_0001.fits").write_bytes(b"half")
    made = cube.create(path, FIELD, "core tiny test", shard=5)
    np.testing.assert_array_equal(cube.open_cube(path).planes(0, 5), DATA[:5])
    made.write(5, DATA[5:10])
    np.testing.assert_array_equal(cube.open_cube(path).planes(0, 12), DATA)


def test_astropy_reads_the_header_and_the_voxels(tmp_path: Path) -> None:
    from astropy.io import fits

    path = tmp_path / "cube.fits"
    cube.create(path, FIELD, "survey tiny train").write(0, DATA)
    with fits.open(path) as opened:
        opened.verify("exception")
        header = opened[0].header
        np.testing.assert_array_equal(opened[0].data, DATA)
    expected = {
        "BITPIX": -32, "NAXIS": 3, "NAXIS1": 21, "NAXIS2": 16, "NAXIS3": 12, "BUNIT": "JY/BEAM",
        "BMAJ": 7 / 3600, "BMIN": 7 / 3600, "BPA": 0, "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN",
        "CDELT1": -2.8 / 3600, "CDELT2": 2.8 / 3600, "CUNIT1": "deg", "CUNIT2": "deg", "CRVAL1": 180, "CRVAL2": -30,
        "CRPIX1": 11, "CRPIX2": 8, "CTYPE3": "FREQ", "CUNIT3": "Hz", "CDELT3": 30000, "CRPIX3": 1,
        "CRVAL3": 950e6 + 30e3 * 3078, "RESTFRQ": 1420405752, "RADESYS": "FK5", "EQUINOX": 2000,
        "SPECSYS": "BARYCENT", "OBJECT": "blindsky hi survey tiny train",
    }  # fmt: skip
    assert {name: header[name] for name in expected} == expected
    assert set(header) == {*expected, "SIMPLE"}


def test_places_are_those_of_astropys_wcs(tmp_path: Path) -> None:
    from astropy.io import fits
    from astropy.wcs import WCS

    path = tmp_path / "cube.fits"
    cube.create(path, TINY, "core tiny test")
    wcs = WCS(fits.getheader(path))
    x, y, z = np.array([0, 191, 95, 12.25]), np.array([0, 3, 95, 180.5]), np.array([0, 511, 7, 100])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cube has no observer; only the axis matters
        ra, dec, frequency = wcs.wcs_pix2world(x, y, z, 0)
    np.testing.assert_allclose(np.stack([ra, dec]), np.stack(TINY.world(x, y)), rtol=0, atol=1e-9)
    np.testing.assert_allclose(frequency, 950e6 + 30e3 * (3078 + z), rtol=1e-14)


def test_every_shard_says_where_its_own_planes_begin(tmp_path: Path) -> None:
    from astropy.io import fits

    cube.create(tmp_path, FIELD, "core tiny test", shard=5)
    starts = [fits.getheader(tmp_path / f"cube_000{i}.fits")["CRVAL3"] for i in range(3)]
    assert starts == [FIELD.frequencies[0], FIELD.frequencies[5], FIELD.frequencies[10]]


def test_the_continuum_has_21_planes_of_10_mhz(tmp_path: Path) -> None:
    from astropy.io import fits

    path = tmp_path / "cont.fits"
    maps = np.random.default_rng(2).normal(size=(21, 16, 21)).astype(np.float32)
    cube.write_continuum(path, FIELD, iter(maps), "core tiny test")
    with fits.open(path) as opened:
        np.testing.assert_array_equal(opened[0].data, maps)
    read = cube.open_cube(path, step=cube.MAP_STEP)
    np.testing.assert_allclose(read.frequencies, np.arange(950e6, 1151e6, 10e6), rtol=1e-15)
    with pytest.raises(InputFault, match=r"CDELT3 10000000 Hz"):
        cube.open_cube(path)


def test_a_degenerate_stokes_axis_is_dropped(tmp_path: Path) -> None:
    path = _patched(tmp_path, NAXIS=4, NAXIS4=1, CTYPE4="STOKES")
    np.testing.assert_array_equal(cube.open_cube(path).planes(0, 12), DATA)
    between = _patched(
        tmp_path, NAXIS=4, NAXIS3=1, CTYPE3="STOKES", CDELT3=1, NAXIS4=12, CTYPE4="FREQ", CDELT4=30000.0, CRPIX4=2.0,
        CRVAL4=1e9,
    )  # fmt: skip
    read = cube.open_cube(between)
    np.testing.assert_array_equal(read.planes(0, 12), DATA)
    assert read.frequencies[1] == 1e9


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"NAXIS3": 10**9, "NAXIS2": 5851, "NAXIS1": 5851}, r"cut short: .*136,936,804,000,002,880 bytes"),
        ({"NAXIS1": -5}, "NAXIS1 -5"),
        ({"NAXIS1": 2.5}, r"NAXIS1 2\.5"),
        ({"NAXIS": 2}, "2 axes"),
        ({"NAXIS": 999}, "999 axes"),
        ({"BITPIX": -64}, "BITPIX -64"),
        ({"BSCALE": 2.0}, "BSCALE"),
        ({"CTYPE3": "VOPT"}, "VOPT; expected RA---SIN, DEC--SIN, FREQ"),
        ({"CDELT3": 31000.0}, "CDELT3 31000 Hz"),
        ({"CDELT3": "wide"}, "CDELT3 'wide'"),
        ({"CDELT1": -0.001}, "CDELT1"),
        ({"CDELT2": -2.8 / 3600}, "CDELT2"),
        ({"BMAJ": 0.004}, "BMAJ"),
        ({"BUNIT": "K"}, "BUNIT 'K'"),
        ({"CRVAL3": "nan"}, "CRVAL3"),
    ],
)
def test_cubes_of_another_kind_are_refused_before_anything_is_allocated(
    tmp_path: Path, cards: dict[str, object], message: str
) -> None:
    path = _patched(tmp_path, **cards)
    tracemalloc.start()
    with pytest.raises(InputFault, match=message):
        cube.open_cube(path)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_units_that_sdc2_files_use_are_read(tmp_path: Path) -> None:
    for unit in ("JY/BEAM", "Jy/beam", "beam-1 Jy"):
        assert cube.open_cube(_patched(tmp_path, BUNIT=unit)).shape == FIELD.shape


def test_files_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    cube.create(path, FIELD, "core tiny test").write(0, DATA)
    whole = path.read_bytes()
    for content, message in (
        (whole[: 2880 + 4 * 21 * 16 * 12 - 1], "cut short"),
        (whole[:2000], "no END"),
        (b"", "not a FITS file"),
        (b"PNG" * 1000, "not a FITS file"),
        (whole[:80] + b"NAXIS   = \xff\xfe" + whole[92:], "line that cannot be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputFault, match=message):
            cube.open_cube(path)
    with pytest.raises(InputFault, match="cannot be read"):
        cube.open_cube(tmp_path / "nowhere.fits")


def test_shards_that_do_not_adjoin_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="without shards"):
        cube.open_cube(tmp_path)
    cube.create(tmp_path, FIELD, "core tiny test", shard=5)
    (tmp_path / "cube_0001.fits").unlink()
    with pytest.raises(InputFault, match=r"cube_0002\.fits begins at .* A shard is missing"):
        cube.open_cube(tmp_path)


def test_planes_that_are_not_there_are_refused(written: Path) -> None:
    read = cube.open_cube(written)
    for ask in ((-1, 3), (5, 13), (4, 3)):
        with pytest.raises(InputFault, match="the cube has planes 0 to 12"):
            read.planes(*ask)
    with pytest.raises(InputFault, match="the cube has columns 0 to 21"):
        read.tile(0, 1, 0, 1, 0, 22)


def test_a_real_cube_with_a_velocity_axis_is_refused(shared_data: Callable[[str], Path]) -> None:
    with pytest.raises(InputFault, match="VOPT; expected RA---SIN, DEC--SIN, FREQ"):
        cube.open_cube(shared_data("hi/sofia/wsrt_subcube.fits"))
