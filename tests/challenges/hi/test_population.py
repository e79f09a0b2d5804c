"""Numbers, masses and discs against published counts and percentiles, and what a truth row says of itself."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from blindsky.challenges.hi import cosmology
from blindsky.challenges.hi.columns import EXTRAS, SDC2
from blindsky.challenges.hi.field import (
    BAND,
    BEAM_SIGMA,
    C_KMS,
    CHANNEL,
    DEV,
    F0,
    FIELDS,
    FIRST,
    FULL,
    SMALL,
    TINY,
    Field,
)
from blindsky.challenges.hi.interference import channels
from blindsky.challenges.hi.population import abundance, band, complete, draw, expected, inside, snr
from blindsky.challenges.hi.profiles import nodes, pixels, steps
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import Table

KEY = bytes(range(32))
WIDE = replace(DEV, nx=1600, ny=1600)  # 1.55 square degrees


def streams(path: str = "test/hi/core/tiny/test") -> Streams:
    return Streams(KEY, path)


@cache
def galaxies(field: Field, track: str = "core") -> Table:
    return complete(field, draw(field, track, streams()), channels(field, track))


def test_cosmology_has_the_tabled_distances_and_fluxes() -> None:
    frequency = np.array([950e6, 1000e6, 1050e6, 1100e6, 1150e6])
    z = cosmology.redshift(frequency)
    np.testing.assert_allclose(z, [0.495164, 0.420406, 0.352767, 0.291278, 0.235135], atol=6e-7)
    comoving, luminosity, angular = cosmology.distances(z)
    np.testing.assert_allclose(comoving, [1943.364, 1684.603, 1440.162, 1209.217, 990.978], atol=6e-4)
    np.testing.assert_allclose(luminosity, [2905.647, 2392.819, 1948.204, 1561.435, 1223.993], atol=6e-4)
    np.testing.assert_allclose(angular, [1299.766, 1186.001, 1064.604, 936.450, 802.324], atol=6e-4)
    flux = cosmology.flux(1e9, luminosity)
    np.testing.assert_allclose(flux, [2.3784, 3.5071, 5.2906, 8.2361, 13.4033], atol=6e-5)
    np.testing.assert_allclose(cosmology.mass(flux, luminosity), 1e9)


def test_distances_agree_with_astropy() -> None:
    from astropy.cosmology import FlatLambdaCDM

    z = np.linspace(0.001, 1, 50)
    known = FlatLambdaCDM(67, 0.32)
    np.testing.assert_allclose(cosmology.distances(z).comoving, known.comoving_distance(z).value, rtol=1e-10)
    np.testing.assert_allclose(cosmology.volume(z), known.differential_comoving_volume(z).value, rtol=1e-10)


@pytest.mark.parametrize(
    ("flux", "number"),
    [
        (1.8, 11284.7),
        (2, 10664.4),
        (3, 8457.8),
        (5, 6072.3),
        (10, 3516.1),
        (20, 1728.0),
        (50, 454.8),
        (100, 106.4),
    ],
)
def test_integral_counts_are_those_tabled(flux: float, number: float) -> None:
    assert abundance(BAND, flux).per_square_degree == pytest.approx(number, abs=0.06)


def test_a_field_expects_its_number() -> None:
    assert abundance(band(TINY), 5).per_square_degree == pytest.approx(480.0, abs=0.06)
    assert abundance(band(SMALL), 5).per_square_degree == pytest.approx(1915.3, abs=0.06)
    means = {size: expected(fields["test"]) for size, fields in FIELDS.items()}
    tabled = {"tiny": 214, "small": 607, "dev": 2822, "ldev": 11290, "full": 233700}
    assert means == pytest.approx(tabled, rel=1e-3)


def test_the_band_is_cut_to_what_is_scored() -> None:
    assert band(FULL) == BAND
    assert band(TINY) == (FIRST + CHANNEL * 3077.5, FIRST + CHANNEL * 3589.5)


def test_counts_of_a_draw_follow_the_mass_function() -> None:
    flux = galaxies(WIDE)["line_flux_integral"]
    assert flux.min() >= 1.8 * (1 - 1e-6)
    for limit in (1.8, 3, 10, 30):
        mean = abundance(BAND, limit).per_square_degree * WIDE.area
        assert abs((flux > limit).sum() - mean) < 4 * math.sqrt(mean)


def test_percentiles_are_those_of_the_recipe() -> None:
    table = galaxies(WIDE)
    published = {  # 5, 25, 50, 75, 95 % of a prototype of the same recipe
        "line_flux_integral": (1.98, 2.98, 5.50, 12.54, 44.0),
        "hi_size": (2.02, 2.75, 3.77, 5.69, 10.6),
        "v_flat": (63, 96, 131, 178, 278),
        "mu": (2.42, 3.16, 3.81, 4.59, 6.01),
        "w20": (91, 161, 229, 314, 505),
    }
    for name, values in published.items():
        found = np.percentile(table[name], (5, 25, 50, 75, 95))
        np.testing.assert_allclose(found, values, rtol=0.05, err_msg=name)
    np.testing.assert_allclose(
        np.percentile(table["log_mhi"], (5, 25, 50, 75, 95)), (8.46, 8.81, 9.08, 9.43, 9.94), atol=0.02
    )
    per_degree = (table["snr"] > 5).sum() / WIDE.area
    assert abs(per_degree - 601) < 4 * math.sqrt(601 / WIDE.area)
    assert (
        np.bincount(np.digitize(np.cos(np.radians(table["i"])), (0.25, 0.5, 0.75))) / len(table["i"])
    ).std() < 0.01


@pytest.mark.parametrize("track", ["core", "survey"])
def test_a_row_agrees_with_itself(track: str) -> None:
    table = galaxies(SMALL, track)
    assert set(table) == {*SDC2, *EXTRAS} - {"id"}
    for name, column in table.items():
        assert column.dtype == np.float64, name
        assert np.isfinite(column).all(), name
    assert (np.diff(table["central_freq"]) >= 0).all()
    assert SMALL.inside(table["x"], table["y"], table["chan"]).all()
    np.testing.assert_allclose(table["central_freq"], F0 / (1 + table["z"]))
    np.testing.assert_allclose(SMALL.channel(table["central_freq"]), table["chan"])
    x, y = SMALL.pixel(table["ra"], table["dec"])
    np.testing.assert_allclose([x, y], [table["x"], table["y"]], atol=1e-6)
    away = cosmology.distances(table["z"])
    np.testing.assert_allclose(
        cosmology.mass(table["line_flux_integral"], away.luminosity), 10 ** table["log_mhi"]
    )
    radius = table["hi_size"] / 2 / 206_265 * away.angular * 1e6
    np.testing.assert_allclose(10 ** table["log_mhi"] / (np.pi * radius**2), table["mu"])
    assert ((table["i"] >= 0) & (table["i"] <= 90) & (table["pa"] >= 0) & (table["pa"] < 360)).all()
    assert (np.abs(table["lop"]) <= 0.4).all()
    assert (table["warp"] != 0).any() == (track == "survey")
    assert (np.abs(table["warp"]) <= 30).all()


def test_a_draw_is_that_of_its_streams() -> None:
    first, again, other = (
        draw(TINY, "core", streams()),
        draw(TINY, "core", streams()),
        draw(TINY, "core", streams("b")),
    )
    for name, column in first.items():
        np.testing.assert_array_equal(column, again[name])
    assert not np.isin(first["central_freq"], other["central_freq"]).any()


def test_completing_in_parts_gives_the_same_rows() -> None:
    table = draw(TINY, "core", streams())
    whole = complete(TINY, table, channels(TINY, "core"))
    for part in (slice(0, 0), slice(0, 7), slice(7, None)):
        rows = complete(TINY, {name: column[part] for name, column in table.items()}, channels(TINY, "core"))
        for name in ("w20", "snr", "f_in"):
            np.testing.assert_array_equal(rows[name], whole[name][part])


def test_signal_to_noise_of_a_row_worked_by_hand() -> None:
    table = {"line_flux_integral": 50.0, "w20": 200.0, "hi_size": 7.0, "central_freq": 1050e6}
    rows = {name: np.array([value]) for name, value in table.items()}
    width = 200 * 1050e6 / C_KMS  # Hz
    by_hand = 50 / (28.340e-6 * math.sqrt(width * 30e3) * math.sqrt(2))
    assert snr(DEV, rows, channels(DEV, "core"))[0] == pytest.approx(by_hand, rel=3e-5)
    rows["w20"] = np.array([-3.0])
    assert np.isnan(snr(DEV, rows, channels(DEV, "core"))[0])


def _disc(**changes: float) -> Table:
    row = {
        "hi_size": 12.0, "mu": 3.8, "v_flat": 180.0, "sigma_v": 10.0, "i": 60.0, "pa": 40.0, "lop": 0.2,
        "lop_phase": 50.0, "warp": 0.0, "x": 95.0, "y": 95.0, "chan": 3334.0,
    }  # fmt: skip
    row |= changes
    row |= {"central_freq": FIRST + CHANNEL * row["chan"], "z": F0 / (FIRST + CHANNEL * row["chan"]) - 1}
    return {name: np.array([value]) for name, value in row.items()}


def _rendered_inside(field: Field, disc: Table) -> float:
    """Share of a source's voxels in a much larger cube that lie in the field's."""
    from scipy.special import ndtr

    found = nodes(disc)
    dx, dy = pixels(found, steps(field, disc["x"], disc["y"]))
    edges = [np.arange(-60, n + 60) for n in (field.nx, field.ny)]
    beam = [
        np.exp(-((pixel[:, None] - at) ** 2) / (2 * BEAM_SIGMA**2))
        for pixel, at in zip(edges, (disc["x"] + dx, disc["y"] + dy), strict=True)
    ]
    z = np.arange(-120, field.nchan + 120)
    centre = disc["chan"] - field.k0 - found.velocity / C_KMS * disc["central_freq"] / CHANNEL
    spread = disc["sigma_v"] * disc["central_freq"] / C_KMS / CHANNEL
    line = ndtr((z[:, None] + 0.5 - centre) / spread) - ndtr((z[:, None] - 0.5 - centre) / spread)
    own = [
        (axis >= 0) & (axis < n)
        for axis, n in zip((*edges, z), (field.nx, field.ny, field.nchan), strict=True)
    ]
    kept = np.prod([part[mask].sum(axis=0) for part, mask in zip((*beam, line), own, strict=True)], axis=0)
    every = np.prod([part.sum(axis=0) for part in (*beam, line)], axis=0)
    return float((found.weight * kept).sum() / (found.weight * every).sum())


@pytest.mark.parametrize(
    "place",
    [
        {}, {"x": -0.5}, {"x": 190.3, "y": 0.2}, {"chan": 3078.0}, {"chan": 3585.0, "y": 191.4},
        {"x": 3.1, "hi_size": 40.0},
    ],
)  # fmt: skip
def test_share_inside_is_that_of_the_voxels(place: dict[str, float]) -> None:
    disc = _disc(**place)
    assert inside(TINY, disc)[0] == pytest.approx(_rendered_inside(TINY, disc), abs=3e-5)
    assert (inside(TINY, disc)[0] == 1) == (not place)


def test_only_sources_at_an_edge_lose_flux() -> None:
    table = galaxies(SMALL)
    far = (np.minimum(table["x"], 255 - table["x"]) > 25) & (np.minimum(table["y"], 255 - table["y"]) > 25)
    far &= np.abs(table["chan"] - SMALL.k0 - 1024) < 900
    assert (table["f_in"][far] > 1 - 1e-6).all()
    assert 0 < (table["f_in"] < 0.95).mean() < 0.1
    assert table["f_in"].min() > 0.2  # the centre of each lies in the cube
