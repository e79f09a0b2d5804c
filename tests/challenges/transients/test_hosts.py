"""Redshifts of hosts: the specification's own table, shares, scatter, and the real sample's distances."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.transients import hosts
from blindsky.challenges.transients.cosmology import distance_modulus

N = 60_000
WIDE = {
    0.02: 1,
    0.06: 0.4,
    0.10: 0.0719,
    0.15: 0.0730,
    0.30: 0.0580,
    0.50: 0.0244,
    0.75: 0.0011,
    0.90: 0,
    2.0: 0,
}
DEEP = {0.02: 1, 0.10: 0.812, 0.40: 0.734, 0.60: 0.389, 0.80: 0.181, 1.0: 0.026, 1.15: 0.0009, 1.3: 0, 3.0: 0}


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[17, seed]))


def test_distances_of_the_real_sample() -> None:
    found = distance_modulus(np.array([1.6267, 0.2262]))
    np.testing.assert_allclose(found, [45.4062, 40.2562], atol=6e-5)


@pytest.mark.parametrize(("deep", "table"), [(False, WIDE), (True, DEEP)])
def test_spectroscopic_efficiency(deep: bool, table: dict[float, float]) -> None:
    z, share = np.array(list(table.items())).T
    np.testing.assert_allclose(hosts.efficiency(z, deep), share, atol=6e-4)
    middle = hosts.efficiency(np.array([0.125]), deep)[0]
    assert middle == pytest.approx(np.mean(hosts.efficiency(np.array([0.10, 0.15]), deep)))


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("z", [0.05, 0.3, 0.55])
def test_share_with_a_spectrum(deep: bool, z: float) -> None:
    found = hosts.spectroscopic(stream(2), np.full(N, z), deep, always=False)
    p = hosts.efficiency(np.array([z]), deep)[0]
    assert np.isfinite(found).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / N))


def test_spectroscopic_redshifts_scatter_by_peculiar_velocities() -> None:
    found = hosts.spectroscopic(stream(3), np.full(N, 1.0), False, always=True)
    velocity = (found - 1) / 2 * 299_792.458
    assert np.isfinite(found).all()
    assert velocity.std() == pytest.approx(300, rel=0.02)
    assert velocity.mean() == pytest.approx(0, abs=5)


def test_the_same_stream_serves_training_and_test() -> None:
    z = stream(4).uniform(0, 1, 500)
    train, test = (hosts.spectroscopic(stream(5), z, True, always) for always in (True, False))
    has = np.isfinite(test)
    np.testing.assert_array_equal(train[has], test[has])


def test_photometric_redshifts() -> None:
    z = np.full(N, 0.8)
    found, e = hosts.photometric(stream(6), z)
    # Errors of the many are lognormal about .036 (never .3: four sigma), those of the bimodal uniform
    bimodal = e > 0.3
    assert bimodal.mean() == pytest.approx(0.15, abs=0.006)
    assert e[bimodal].mean() == pytest.approx(0.9, abs=0.02)
    assert (e[bimodal].min(), e[bimodal].max()) == pytest.approx((0.3, 1.5), abs=0.01)
    assert np.log(e[~bimodal] / 0.036).std() == pytest.approx(0.5, rel=0.02)
    near = np.abs(found - z)
    # Catastrophic ones fall uniformly on (.01, 3): those beyond 1.2 can be nothing else
    beyond = near > 0.4
    lost = (1 - 0.8 / 2.99) * np.array([0.01, 0.25])
    assert beyond[~bimodal].mean() == pytest.approx(lost[0], abs=0.002)
    assert beyond[bimodal].mean() == pytest.approx(lost[1], abs=0.02)
    pull = ((found - z) / np.where(bimodal, 0.03 * 1.8, e))[~beyond]
    assert 1.4826 * np.median(np.abs(pull)) == pytest.approx(1, abs=0.03)
    assert np.median(pull) == pytest.approx(0, abs=0.02)


def test_the_shipped_table_is_the_one_we_were_given(shared_data: Callable[[str], Path]) -> None:
    ours = files("blindsky.challenges.transients") / "data" / "host_specz_efficiency.csv"
    assert ours.read_bytes() == shared_data("transients/host_specz_efficiency.csv").read_bytes()
