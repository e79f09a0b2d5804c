"""SoFiA by its command line: what it is given, what comes back, and what is said where it is not there or fails."""

from __future__ import annotations

import shutil
import stat

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings
from blindsky.baselines.hi import sofia
from blindsky.baselines.hi.fields import cube_of
from blindsky.baselines.hi.regions import regions
from blindsky.challenges.errors import MachineFault
from blindsky.challenges.hi.columns import SDC2
from blindsky.challenges.hi.sofia import convert
from blindsky.scoring.catalogue import match, value

CATALOGUE = """# Creator: SoFiA 2
#       1      2      3      4      5    6    7        8        9      10      11
#    name     ra    dec   freq  f_sum  w20  rel  ell_maj  ell_min  ell_pa  kin_pa
#       -    deg    deg     Hz  Jy*Hz   Hz    -      pix      pix     deg     deg

  SoFiA 1  180.0  -29.0  1.1e9   50.0  1e6  0.3      6.0      4.0   -20.0    30.0
"""  # one row, outside every field of the tests


def install(folder, monkeypatch, script):
    """A program of that name, alone on the path beside what a shell needs."""
    path = folder / "sofia"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_its_absence_is_told_before_anything_is_read(mini, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineFault, match=r"no program sofia is on the path.*wcslib"):
        sofia.train(mini.public, Settings())


def test_a_region_is_a_cube_of_its_own_place(mini, tmp_path):
    from astropy.io import fits
    from astropy.wcs import WCS

    cube = cube_of(mini.public, "test")
    *_, region = regions(cube.shape, 120 * 64 * 60)
    sofia.extract(cube, region, tmp_path / "part.fits")
    with fits.open(tmp_path / "part.fits") as file:
        data, wcs = file[0].data, WCS(file[0].header)
    z, y, x = region.origin
    assert z > 0 and y > 0 and x > 0
    np.testing.assert_array_equal(data, cube.tile(*region.tile))
    ra, dec, frequency = wcs.pixel_to_world_values(3, 4, 5)
    expected = mini.field.world(np.array([x + 3]), np.array([y + 4]))
    assert (ra, dec) == (pytest.approx(expected[0][0]), pytest.approx(expected[1][0]))
    assert frequency == pytest.approx(cube.frequencies[z + 5])


def test_a_failure_is_told_in_its_own_words(mini, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "echo 'ERROR: out of memory' >&2; exit 3")
    with pytest.raises(MachineFault, match=r"status 3.*out of memory"):
        sofia.train(mini.public, Settings())


def test_the_settings_it_is_given(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, f'cp "$1" {tmp_path}/seen.par; echo x > region_cat.txt')
    assert sofia.run(tmp_path / "region.fits", 2) == tmp_path / "region_cat.txt"
    lines = dict(line.split(" = ") for line in (tmp_path / "seen.par").read_text().splitlines())
    assert lines["input.data"] == str(tmp_path / "region.fits")
    assert lines["scfind.kernelsZ"] == "0, 3, 7, 15, 31" and lines["scfind.threshold"] == "3.8"
    assert lines["pipeline.threads"] == "2" and lines["parameter.physical"] == "true"


def test_a_region_without_sources_is_no_failure(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "echo 'No sources found. Terminating pipeline.' >&2; exit 8")
    assert sofia.run(tmp_path / "region.fits", 1) is None


def test_where_it_finds_nothing_a_row_at_the_centre_is_claimed(mini, tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "echo 'No sources found. Terminating pipeline.' >&2; exit 8")
    model = sofia.train(mini.public, Settings())
    found = model.catalogue(mini.public, "test")
    assert tuple(found) == SDC2
    assert {len(column) for column in found.values()} == {1}
    assert all(np.isfinite(column).all() for column in found.values())
    x, y = mini.field.pixel(found["ra"], found["dec"])
    assert mini.field.inside(x, y, mini.field.channel(found["central_freq"])).all()


def test_a_reliability_that_keeps_no_row_is_not_chosen(mini, tmp_path):
    path = tmp_path / "cat.txt"
    path.write_text(CATALOGUE)
    found = [path]
    assert value(match(mini.truths["train"], convert(found))) == -1
    assert sofia.best_reliability(found, mini.truths["train"]) == sofia.RELIABLE
    assert sofia.best_reliability([], mini.truths["train"]) == sofia.RELIABLE


@pytest.mark.skipif(shutil.which("sofia") is None, reason="no program sofia on the path")
def test_it_finds_what_is_there(mini):
    model = sofia.train(mini.public, Settings())
    found = model.catalogue(mini.public, "test")
    assert tuple(found) == SDC2
    seen = match(mini.truths["test"], found)
    assert value(seen) > 0
    assert seen.accuracies["position"] > 90
