"""Positions against astropy and a dense grid of the sky, dust against its closed forms."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.transients import positions
from blindsky.scoring.measurements import FloatArray

N = 40_000


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[7, seed]))


def test_galactic_coordinates_against_astropy() -> None:
    coordinates = pytest.importorskip("astropy.coordinates")
    rng = stream()
    ra = np.concatenate([rng.uniform(0, 360, 500), [0, 192.859, 12.859, 266.405, 180]])
    dec = np.concatenate(
        [np.rad2deg(np.arcsin(rng.uniform(-1, 1, 500))), [90, 27.128, -27.128, -28.936, -90]]
    )
    reference = coordinates.SkyCoord(ra, dec, unit="deg", frame="icrs").galactic
    l, b = positions.galactic(ra, dec)  # noqa: E741
    ours = coordinates.SkyCoord(l, b, unit="deg", frame="galactic")
    assert ours.separation(reference).arcsec.max() < 0.05
    assert ((l >= 0) & (l < 360)).all()


def test_galactic_coordinates_of_the_real_sample(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("transients/plasticc_training_sample_metadata.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    ra, dec, l, b = (np.array([float(r[k]) for r in rows]) for k in ("ra", "decl", "gal_l", "gal_b"))  # noqa: E741
    found = positions.galactic(ra, dec)
    np.testing.assert_allclose(found, (l, b), atol=1e-4)


def test_densities() -> None:
    np.testing.assert_allclose(
        positions.stars(np.array([5.0, 20.0, 45.0])), [13084.66, 3390.62, 1389.32], atol=0.01
    )
    assert positions.stars(np.array([89.5]))[0] == 0
    np.testing.assert_allclose(positions.dwarfs(np.array([0.0, 60.0, 90.0])), [3.1, 0.975, 0.1], rtol=1e-12)


@pytest.fixture(scope="module")
def grid() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Right ascension, declination and |b| in deg of points of equal area over the whole sky."""
    ra, z = np.meshgrid((np.arange(720) + 0.5) * 0.5, np.linspace(-1, 1, 2001)[:-1] + 0.0005)
    dec = np.rad2deg(np.arcsin(z)).ravel()
    return ra.ravel(), dec, np.abs(positions.galactic(ra.ravel(), dec)[1])


@pytest.mark.parametrize("density", [positions.isotropic, positions.stars, positions.dwarfs])
def test_the_wide_survey_is_filled_as_the_density_says(
    density: positions.Density, grid: tuple[FloatArray, FloatArray, FloatArray]
) -> None:
    """Counts in latitude and declination against an equal-area grid of the footprint, 5 sigma a cell."""
    p = positions.wide(stream(2), N, density)
    assert (np.abs(p.b) > 7).all()
    assert ((p.dec > -65) & (p.dec < 5)).all()
    assert (p.field == -1).all()
    assert len(p.ra) == N
    ra, dec, height = grid
    inside = (height > 7) & (dec > -65) & (dec < 5)
    if density is positions.isotropic:
        assert inside.mean() * 4 * np.pi == pytest.approx(5.458, abs=0.004)
    weight = density(height) * inside
    for edges, ours, theirs in (
        ([7, 10, 15, 20, 30, 45, 60, 80, 90], np.abs(p.b), height),
        ([-65, -50, -30, -10, 5], p.dec, dec),
        ([0, 60, 120, 180, 240, 300, 360], p.ra, ra),
    ):
        expected = np.histogram(theirs, edges, weights=weight)[0] / weight.sum() * N
        counted = np.histogram(ours, edges)[0]
        assert (np.abs(counted - expected) < 5 * np.sqrt(expected) + 0.002 * expected + 3).all()


def separation(ra: FloatArray, dec: FloatArray, ra_0: FloatArray, dec_0: FloatArray) -> FloatArray:
    """Haversine formula, deg."""
    a, d, a_0, d_0 = np.deg2rad([ra, dec, ra_0, dec_0])
    h = np.sin((d - d_0) / 2) ** 2 + np.cos(d) * np.cos(d_0) * np.sin((a - a_0) / 2) ** 2
    return np.rad2deg(2 * np.arcsin(np.sqrt(h)))


def test_deep_fields() -> None:
    p = positions.deep(stream(3), N)
    ra_0, dec_0 = positions.FIELDS[p.field].T
    away = separation(p.ra, p.dec, ra_0, dec_0)
    assert away.max() <= 1.75 + 1e-9
    share = np.mean(
        (away / 1.75)[:, None] < np.sqrt([0.1, 0.3, 0.5, 0.9]), axis=0
    )  # flat to 1e-4 at this size
    np.testing.assert_allclose(share, [0.1, 0.3, 0.5, 0.9], atol=5 * 0.5 / np.sqrt(N))
    np.testing.assert_allclose(np.bincount(p.field) / N, 0.2, atol=0.01)
    assert ((p.ra >= 0) & (p.ra < 360)).all()
    assert np.mean(p.dec > dec_0) == pytest.approx(0.5, abs=0.0125)
    east = np.sin(np.deg2rad(p.ra - ra_0)) > 0
    assert np.mean(east) == pytest.approx(0.5, abs=0.0125)
    np.testing.assert_allclose(positions.galactic(p.ra, p.dec), (p.l, p.b))


def test_dust() -> None:
    wide, deep = positions.wide(stream(4), N), positions.deep(stream(5), N)
    scatter = np.log(wide.ebv * np.sin(np.deg2rad(np.abs(wide.b))) / 0.02)
    rest = np.log(deep.ebv / 0.015)
    for x in (scatter, rest):
        assert x.mean() == pytest.approx(0, abs=5 * 0.5 / np.sqrt(N))
        assert x.std() == pytest.approx(0.5, rel=0.02)
    assert wide.ebv.max() <= 3


def test_extinction() -> None:
    a = positions.extinction(np.array([0.0, 0.1, 1.0]))
    assert (a[0] == 1).all()
    np.testing.assert_allclose(2.5 * np.log10(a[1]), [0.4145, 0.3237, 0.2273, 0.1684, 0.1323, 0.1088])
    np.testing.assert_allclose(a[2], a[1] ** 10)


def test_positions_follow_from_the_stream() -> None:
    for draw in (positions.wide, positions.deep):
        once, again = draw(stream(6), 50), draw(stream(6), 50)
        for x, y in zip(once, again, strict=True):
            np.testing.assert_array_equal(x, y)
        assert all(len(column) == 0 for column in draw(stream(6), 0))
