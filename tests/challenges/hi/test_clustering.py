"""The lognormal field: its mean, its two-point function, and galaxies that fill the field and the band."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blindsky.challenges.hi.clustering import CELL, clustered, correlation, overdensity
from blindsky.challenges.hi.field import BAND, DEV, TINY
from blindsky.challenges.hi.population import abundance, draw, expected
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import FloatArray


def test_correlation_is_a_power_law_with_a_floor() -> None:
    np.testing.assert_allclose(correlation(np.array([4.0, 8.0, 0.0, 1.0])), [1, 2**-1.8, 4**1.8, 4**1.8])


def test_overdensity_has_mean_one_and_the_two_point_function() -> None:
    sums: list[list[float]] = []
    for seed in range(12):
        field = overdensity((64, 60, 60), np.random.default_rng(seed))
        assert field.min() > 0
        deviation: FloatArray = field - 1
        sums.append(
            [
                field.mean(),
                *(
                    (deviation * np.roll(deviation, lag, axis)).mean()
                    for lag in (1, 2, 4)
                    for axis in (0, 1, 2)
                ),
            ]
        )
    mean, error = np.mean(sums, axis=0), np.std(sums, axis=0) / np.sqrt(len(sums))
    assert abs(mean[0] - 1) < 4 * error[0]
    wanted = correlation(CELL * np.repeat([1.0, 2.0, 4.0], 3))
    assert (np.abs(mean[1:] - wanted) < 4 * error[1:] + 0.05 * wanted).all()


def test_galaxies_keep_the_mean_number_and_the_trend_with_redshift() -> None:
    field = replace(DEV, nx=1286, ny=900, density=0.3, flux_min=5)
    known = abundance(BAND, 5.0)
    found = [clustered(field, known, np.random.default_rng(seed)) for seed in range(8)]
    numbers = np.array([len(z) for _, _, z in found])
    assert abs(numbers.mean() / expected(field) - 1) < 4 * numbers.std() / numbers.mean() / np.sqrt(
        len(found)
    )
    columns, rows, z = (np.concatenate(part) for part in zip(*found, strict=True))
    assert (np.abs(columns - 642.5) < 643).all()
    assert (np.abs(rows - 449.5) < 450).all()
    assert (z > known.z[0]).all()
    assert (z < known.z[-1]).all()
    # the field is filled to its edges
    shares = [np.histogram(axis, bins=4)[0] / len(axis) for axis in (columns, rows)]
    np.testing.assert_allclose(shares, 0.25, atol=0.05)
    halves = np.interp([0.25, 0.5, 0.75], known.below / known.below[-1], known.z)
    np.testing.assert_allclose(np.quantile(z, [0.25, 0.5, 0.75]), halves, atol=0.012)


def test_survey_clusters_and_core_does_not() -> None:
    scatter = {}
    for track in ("core", "survey"):
        slices = []
        for k in range(4):
            table = draw(DEV, track, Streams(bytes(32), f"clustering/{k}"))
            slices.append(np.histogram(table["central_freq"], bins=100, range=BAND)[0])
        scatter[track] = np.mean([n.var() / n.mean() for n in slices])
    # Poisson numbers that fall with redshift, against galaxies in walls
    assert scatter["core"] < 3.5
    assert scatter["survey"] > 5


def test_a_shallow_field_is_drawn() -> None:
    numbers = [len(draw(TINY, "survey", Streams(bytes(32), f"{k}"))["z"]) for k in range(40)]
    assert abs(np.mean(numbers) - 214) < 4 * np.std(numbers) / np.sqrt(len(numbers))
    assert np.std(numbers) < 1.5 * np.sqrt(214)  # no field is empty by chance
