"""w20 against the tabled discs, a closed form, and profiles summed point by point."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.hi.profiles import REACH, SCALE, legendre, profile, rotation
from blindsky.challenges.hi.widths import widths
from blindsky.scoring.measurements import FloatArray, Table

GOLDEN = {"mu": 3.8, "v_flat": 180.0, "sigma_v": 10.0, "i": 60.0, "lop": 0.0, "lop_phase": 0.0}


def discs(*changes: dict[str, float]) -> Table:
    rows = [{**GOLDEN, **change} for change in changes]
    return {name: np.array([row[name] for row in rows]) for name in GOLDEN}


@pytest.mark.parametrize(
    ("change", "width"),
    [
        ({}, 337.03),
        ({"i": 0.0}, 35.88),
        ({"i": 30.0}, 205.56),
        ({"i": 90.0}, 385.18),
        ({"v_flat": 60.0}, 129.62),
        ({"lop": 0.3}, 332.84),
        ({"mu": 2.0}, 337.92),
        ({"mu": 8.0}, 334.06),
    ],
)
def test_tabled_discs(change: dict[str, float], width: float) -> None:
    # the table is rounded and from a grid of its own
    assert widths(discs(change))[0] == pytest.approx(width, abs=0.012)


@pytest.mark.parametrize("sigma", [8.0, 10.0, 12.0])
def test_face_on_width_is_that_of_a_gaussian(sigma: float) -> None:
    found = widths(discs({"i": 0.0, "sigma_v": sigma, "lop": 0.4, "lop_phase": 20.0}))
    assert found[0] == pytest.approx(2 * np.sqrt(2 * np.log(5)) * sigma, rel=3e-5)


def _summed(disc: dict[str, float]) -> float:
    """The width of a line summed over 4,000 azimuths of 128 rings, on steps of a hundredth of the dispersion."""
    points, weights = legendre()
    density = profile(np.array([disc["mu"]]))
    edge, tail = density.edge[0], REACH * SCALE
    x = np.append(edge * points[64], edge + tail * points[64])
    mass = density(x[None])[0] * x * np.append(edge * weights[64], tail * weights[64])
    theta = 2 * np.pi * (np.arange(4000) + 0.5) / 4000
    sigma = disc["sigma_v"]
    speed = disc["v_flat"] * np.sin(np.radians(disc["i"])) * rotation(x)[:, None] * np.cos(theta)
    weight = mass[:, None] * (1 + disc["lop"] * np.cos(theta - np.radians(disc["lop_phase"])))
    step = sigma / 100
    v = step * np.arange(-int(speed.max() / step) - 600, int(speed.max() / step) + 600)
    # points on a grid four times finer than the dispersion's hundredth, so that one convolution does
    histogram = np.histogram(speed, np.append(v, v[-1] + step) - step / 2, weights=weight)[0]
    kernel = np.exp(-(np.arange(-800, 801) ** 2) / 2 / 100**2)
    line: FloatArray = np.convolve(histogram, kernel, mode="same")
    above = np.flatnonzero(line >= 0.2 * line.max())
    return float((above[-1] - above[0] + 1) * step)


@pytest.mark.parametrize(
    "disc",
    [
        {"v_flat": 400.0, "sigma_v": 8.0, "i": 90.0, "lop": 0.4, "lop_phase": 180.0},
        {"v_flat": 20.0, "sigma_v": 12.0, "i": 80.0, "mu": 1.5},
        {"v_flat": 131.0, "sigma_v": 9.3, "i": 66.0, "mu": 11.8, "lop": -0.2, "lop_phase": 300.0},
        {"v_flat": 64.0, "sigma_v": 8.0, "i": 90.0, "mu": 6.0},
    ],
)
def test_width_is_that_of_the_line_summed_point_by_point(disc: dict[str, float]) -> None:
    disc = {**GOLDEN, **disc}
    assert widths(discs(disc))[0] == pytest.approx(_summed(disc), abs=0.02 * disc["sigma_v"])


def test_a_row_has_one_width_in_any_company() -> None:
    rng = np.random.default_rng(1)
    n = 600
    table = {
        "mu": rng.uniform(1.5, 11.8, n),
        "v_flat": rng.uniform(20, 400, n),
        "sigma_v": rng.uniform(8, 12, n),
        "i": rng.uniform(0, 90, n),
        "lop": rng.uniform(-0.4, 0.4, n),
        "lop_phase": rng.uniform(0, 360, n),
    }
    found = widths(table)
    order = rng.permutation(n)
    again = widths({name: column[order] for name, column in table.items()})
    np.testing.assert_array_equal(found[order], again)
    assert (found > 35 * 0.8).all()
    assert (found < 2 * table["v_flat"] + 6 * table["sigma_v"]).all()


def test_no_rows() -> None:
    assert widths({name: np.array([]) for name in GOLDEN}).shape == (0,)
