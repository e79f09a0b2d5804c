"""Noise, flags and triggers: closed forms, a slow trigger, and the ten real objects of PLAsTiCC."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.transients import noise

N = 60_000


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[13, seed]))


def test_error() -> None:
    """sqrt(sigma^2 + .005 |F| sigma + (.005 F)^2)."""
    e = noise.error(np.array([0.0, 1000.0, -1000.0]), np.array([3.0, 2.0, 2.0]))
    np.testing.assert_allclose(e, [3, np.sqrt(4 + 10 + 25), np.sqrt(4 + 10 + 25)])


@pytest.mark.parametrize("deep", [False, True])
def test_background(deep: bool) -> None:
    band = np.arange(N) % 6
    ln_sigma = np.log(noise.background(stream(2), band, deep))
    mean, sd = np.array(noise.DEEP if deep else noise.WIDE).T
    for k in range(6):
        x = ln_sigma[band == k]
        assert x.mean() == pytest.approx(mean[k], abs=5 * sd[k] / np.sqrt(N / 6))
        assert x.std() == pytest.approx(sd[k], rel=0.04)


def test_flags() -> None:
    """Probability (1 + erf((S - 5.5)/2))/2, and none at S <= 1."""
    from scipy.special import erf

    for snr in (1.01, 3.0, 4.5, 5.5, 6.5, 8.0, 12.0):
        expected = (1 + erf((snr - 5.5) / 2)) / 2
        share = noise.detected(stream(3), np.full(N, snr)).mean()
        assert share == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / N) + 1e-4)
    assert not noise.detected(stream(3), np.full(N, 1.0)).any()
    assert not noise.detected(stream(3), np.zeros(N)).any()


def test_noise_alone_never_triggers() -> None:
    o = noise.observe(stream(4), np.zeros(N), np.ones(N), np.arange(N) % 6, False)
    assert not o.detected.any()
    assert (np.abs(o.flux / o.error) > 3).sum() > 50  # although it looks like something


def test_observed_fluxes_scatter_by_their_errors() -> None:
    band = np.arange(N) % 6
    true = 10 ** stream(5).uniform(-1, 5, N) * np.where(band % 2, 1, -1)
    dust = 10 ** stream(6).uniform(0, 1, N)
    o = noise.observe(stream(7), true, dust, band, True)
    pull = (o.flux - true) / o.error
    assert pull.mean() == pytest.approx(0, abs=5 / np.sqrt(N))
    assert pull.std() == pytest.approx(1, abs=5 / np.sqrt(2 * N))
    # what is seen through the dust has the background's noise: e^2 = sigma^2 + x sigma + x^2 with x = .005 |F|
    x = 0.005 * np.abs(true) / dust
    e = o.error / dust
    sigma = (-x + np.sqrt(4 * e**2 - 3 * x**2)) / 2
    mean, sd = np.array(noise.DEEP).T
    clear = sigma > 0.2 * x  # elsewhere the source's noise hides it
    deviation = ((np.log(np.where(clear, sigma, 1)) - mean[band]) / sd[band])[clear & (x < 0.1)]
    assert deviation.mean() == pytest.approx(0, abs=0.05)
    assert deviation.std() == pytest.approx(1, abs=0.03)
    assert o.flux.dtype == o.error.dtype == np.float32
    assert o.detected[np.abs(true) / o.error > 12].all()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from([0.0, 0.01, 0.02, 0.022, 0.04, 1.0, 1.03]), st.booleans()
        ),
        max_size=20,
    )
)
def test_trigger_against_a_loop(rows: list[tuple[int, float, bool]]) -> None:
    rows = sorted(rows, key=lambda r: r[:2])
    index, mjd = np.array([r[0] for r in rows], dtype=int), np.array([r[1] for r in rows])
    found = noise.trigger(index, mjd, np.array([r[2] for r in rows], dtype=bool), 5)
    for k in range(5):
        seen = [t for who, t, flag in rows if who == k and flag]
        later = [t for t in seen if t > seen[0] + 0.021]
        assert found[k] == (later[0] if later else np.inf)


def test_cuts() -> None:
    index = np.repeat(np.arange(4), 40)
    band = np.tile(np.repeat([2, 3, 4, 5], 10), 4)
    band[120:122] = 0  # the last object has 28 in r, i and z
    true = np.ones(160)
    true[45] = -260_000
    assert noise.observable(index, band, true, 5).tolist() == [True, False, True, False, False]
    template = np.full((5, 6), 1000.0)
    template[2, 5] = 252_000
    assert noise.observable(index, band, true, 5, template).tolist() == [True, False, False, False, False]
    z = np.array([-0.01, 0.0, 1e-3, 2.99, 3.0])
    assert noise.near_enough(z).tolist() == [False, False, True, True, False]


@pytest.fixture(scope="module")
def sample(shared_data: Callable[[str], Path]) -> dict[str, np.ndarray]:
    path = shared_data("transients/plasticc_training_sample_lightcurves.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    return {
        k: np.array([float(r[k]) for r in rows])
        for k in ("object_id", "passband", "flux", "flux_err", "detected")
    }


def test_noise_of_the_real_sample(sample: dict[str, np.ndarray]) -> None:
    """Mean ln of the errors of faint points, per band, within .15 of ours."""
    faint = np.abs(sample["flux"] / sample["flux_err"]) < 5
    band = np.arange(N) % 6
    ours = np.log(noise.background(stream(8), band, True))
    for k in range(6):
        theirs = np.log(sample["flux_err"][faint & (sample["passband"] == k)])
        assert ours[band == k].mean() == pytest.approx(theirs.mean(), abs=0.15)


def test_flags_of_the_real_sample(sample: dict[str, np.ndarray]) -> None:
    """Share of flagged points against measured |S/N|, within .10 and two binomial errors a bin."""
    snr = np.abs(sample["flux"] / sample["flux_err"])
    ours = noise.detected(stream(9), np.tile(snr, 20)).reshape(20, -1).mean(axis=0)
    checked = 0
    for low, high in ((2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (8, 10), (10, 15), (15, 1e9)):
        inside = (snr >= low) & (snr < high)
        theirs = sample["detected"][inside].mean()
        error = np.sqrt(max(theirs * (1 - theirs), 0.01) / inside.sum())
        assert ours[inside].mean() == pytest.approx(theirs, abs=0.10 + 2 * error)
        checked += 1
    assert checked == 9
