"""Candidates become objects: what is kept follows from what is told of it, and cuts and lots are the declared ones."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.skies import Ragged
from blindsky.challenges.transients import cadence, noise, selection
from blindsky.challenges.transients.assembly import Objects, candidates, observe, until
from blindsky.challenges.transients.populations import POPULATIONS
from blindsky.challenges.transients.sources import Source


def stream(k: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[20_261_121, k]))


def seen(name: str, n: int, deep: bool = False, spectra: bool = False, seed: int = 0) -> Objects:
    source, s = POPULATIONS[name].source, stream(seed)
    shared = cadence.calendars(stream(99)) if deep else None
    return observe(s, source, candidates(s, source, deep, n), shared, spectra)


@pytest.mark.parametrize(
    ("name", "deep"), [("Ia", False), ("TDE", True), ("RRL", False), ("AGN", True), ("Mdwarf", False)]
)
def test_objects_are_what_their_light_curves_say(name: str, deep: bool) -> None:
    found = seen(name, 2000, deep)
    curves = found.curves
    assert len(found.trigger) > 100 and (curves.counts > 0).all()
    ends = np.cumsum(curves.counts)
    for k, (begin, end) in enumerate(zip(ends - curves.counts, ends, strict=True)):
        own = {column: values[begin:end] for column, values in curves.columns.items()}
        assert (np.diff(own["mjd"]) >= 0).all()
        flagged = own["mjd"][own["detected"] > 0]
        assert found.trigger[k] == flagged[flagged > flagged[0] + 0.021][0]
        assert np.isin(own["passband"], (2, 3, 4)).sum() >= 30
        nights = np.floor(own["mjd"]).astype(int) * 8 + own["passband"]
        assert len(np.unique(nights)) == len(nights)
    assert set(np.unique(curves.columns["passband"])) <= set(range(6))
    assert (curves.columns["flux_err"] > 0).all() and np.isfinite(curves.columns["flux"]).all()
    assert (np.abs(curves.columns["flux"]) < 1.1 * noise.BRIGHTEST).all()
    assert ((found.where.field >= 0) == deep).all()


def test_objects_of_a_deep_field_share_their_visits() -> None:
    found = seen("SLSN-I", 600, deep=True)
    times = np.split(found.curves.columns["mjd"], np.cumsum(found.curves.counts)[:-1])
    for field in range(5):
        first, *others = (times[k] for k in np.flatnonzero(found.where.field == field))
        assert others and all(np.array_equal(first, other) for other in others)


def test_hosts_are_within_reach() -> None:
    s = stream(3)
    found = candidates(s, POPULATIONS["AGN"].source, False, 20_000)
    assert found["photo_z"].min() > 0 and found["photo_z"].max() < 3
    assert len(found["z"]) > 15_000
    assert "photo_z" not in candidates(s, POPULATIONS["Mira"].source, False, 10)


def test_nothing_that_is_dropped_early_would_have_been_reported() -> None:
    """The pre-screen drops most kilonovae; what remains triggers as often as among all."""
    source = POPULATIONS["KN"].source
    s, n = stream(5), 16_384
    screened = len(seen("KN", n, seed=6).trigger)
    everything = source.draw(s, n)
    whole = observe(s, source, everything, None, spectra=False)
    share = len(whole.trigger) / n
    assert len(candidates(stream(6), source, False, n)["z"]) < 0.6 * n
    # Catastrophic redshifts are cut in the first alone: under 5 %
    assert abs(screened - len(whole.trigger)) < 4 * np.sqrt(2 * n * share) + 0.05 * n * share


def test_spectra_are_taken_of_the_bright() -> None:
    everyone, chosen = seen("EB", 8000), seen("EB", 8000, spectra=True, seed=1)
    expected = selection.efficiency(everyone.peak_i).sum()
    assert abs(len(chosen.peak_i) - expected) < 5 * np.sqrt(expected)
    assert chosen.peak_i.max() < everyone.peak_i.max() - 0.5
    np.testing.assert_array_equal(everyone.peak_i, everyone.parameters["mag_i"])


def test_no_candidates_make_no_objects() -> None:
    for name in ("Ia", "RRL", "AGN", "Mdwarf"):
        source: Source = POPULATIONS[name].source
        none = {k: column[:0] for k, column in candidates(stream(0), source, False, 100).items()}
        found = observe(stream(1), source, none, None, spectra=True)
        assert len(found.trigger) == 0 == len(found.curves.columns["mjd"])


def test_light_curves_end_when_told() -> None:
    curves = Ragged(np.array([3, 0, 2]), {"mjd": np.array([1.0, 2.0, 3.0, 5.0, 6.0]), "k": np.arange(5)})
    cut = until(curves, np.array([2.0, 9.0, 4.0]))
    assert cut.counts.tolist() == [2, 0, 0]
    assert cut.columns["k"].tolist() == [0, 1]
