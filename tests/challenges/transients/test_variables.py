"""Every source of this kind keeps the same promises; stars agree with a slow telling, star by star."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.transients import cadence, variables
from blindsky.challenges.transients.cadence import Visits
from blindsky.challenges.transients.flares import M_DWARF
from blindsky.challenges.transients.microlensing import BINARY_SOURCE, MICROLENSING
from blindsky.challenges.transients.quasars import AGN
from blindsky.challenges.transients.sources import Source
from blindsky.challenges.transients.stars import ECLIPSING_BINARY, MIRA, RR_LYRAE

SOURCES: tuple[Source, ...] = (RR_LYRAE, ECLIPSING_BINARY, MIRA, M_DWARF, MICROLENSING, BINARY_SOURCE, AGN)
WITH_TEMPLATE = {88, 92, 16, 53}


def stream(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[23, seed]))


def visits(n: int) -> Visits:
    return cadence.wide(stream(2), stream(3).uniform(0, 360, n))


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
def test_promises(source: Source) -> None:
    v = visits(60)
    parameters = source.draw(stream(4), 60)
    for column in parameters.values():
        assert column.shape == (60,)
        assert column.dtype == np.float64
        assert np.isfinite(column).all()
    once, again = (source.flux(parameters, v.index, v.mjd, v.band, stream(5)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert once.shape == v.mjd.shape
    assert np.isfinite(once).all()
    assert (source.target in WITH_TEMPLATE) == ("template_u" in parameters)
    assert "mag_i" in parameters
    empty = source.flux(parameters, v.index[:0], v.mjd[:0], v.band[:0], stream(5))
    assert empty.shape == (0,)
    assert all(len(column) == 0 for column in source.draw(stream(4), 0).values())


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.name)
def test_objects_without_visits(source: Source) -> None:
    """An object that is not observed changes no other's flux where nothing is drawn, and breaks none where it is."""
    v = visits(12)
    some = (v.index != 0) & (v.index != 5) & (v.index != 11)
    parameters = source.draw(stream(6), 12)
    found = source.flux(parameters, v.index[some], v.mjd[some], v.band[some], stream(7))
    assert np.isfinite(found).all()
    if source.target in (16, 53, 92, 6, 991):
        whole = source.flux(parameters, v.index, v.mjd, v.band, stream(8))
        np.testing.assert_array_equal(found, whole[some])


def test_colours() -> None:
    found = variables.fluxes(np.array([20.0]), 2, (1.0, 0.5, 0.25, 0.125, 0.0625))
    magnitude = 27.5 - 2.5 * np.log10(found[0])
    np.testing.assert_allclose(magnitude, [21.5, 20.5, 20.0, 19.75, 19.625, 19.5625])
    by_i = variables.fluxes(np.array([19.75]), 3, (1.0, 0.5, 0.25, 0.125, 0.0625))
    np.testing.assert_allclose(by_i, found)


def test_template_epochs() -> None:
    t = variables.template_epochs(stream(9), 500)
    assert t.shape == (500, 10)
    assert (np.diff(t, axis=1) >= 0).all()
    assert t.min() > 59215
    assert t.max() < 59580
    assert t.mean() == pytest.approx(59397.5, abs=8)


RATIOS = {
    92: (0.93, 1, 0.71, 0.56, 0.52, 0.50),
    16: (1.1, 1.03, 1, 0.98, 0.96, 0.95),
    53: (1.1, 1, 0.85, 0.5, 0.4, 0.35),
}
COLOURS = {92: (1.15, 0.20, 0.06, 0.02, 0), 16: (1.6, 0.65, 0.25, 0.12, 0.05), 53: (2.5, 1.8, 2.0, 1.0, 0.5)}


def slow_offset(target: int, p: dict[str, float], t: float, band: int) -> float:
    """Magnitude offset of one star, written out from the recipe."""
    ph = (t / p["period"] + p["phase"]) % 1
    ratio = RATIOS[target][band]
    if target == 92:
        if not p["type_ab"]:
            s = 0.5 * (1 - np.cos(2 * np.pi * ph))
        elif ph < 0.15:
            s = 0.5 * (1 + np.cos(np.pi * ph / 0.15))
        else:
            s = (1 - np.exp(-2.5 * (ph - 0.15) / 0.85)) / (1 - np.exp(-2.5))
        return float(p["amplitude"] * ratio * (s - 0.6))
    if target == 16:
        to_first, to_second = min(ph, 1 - ph), abs(ph - 0.5)
        near = to_first < to_second
        depth = p["depth_1"] * ratio if near else p["depth_2"] / ratio
        if p["contact"]:
            return float(depth * 0.5 * (1 + np.cos(4 * np.pi * ph)))
        return float(depth * np.clip(1.5 * (1 - min(to_first, to_second) / p["width"]), 0, 1))
    w = 2 * np.pi * ph
    pulse = p["amplitude"] * ratio / 2 * (np.cos(w) + p["harmonic"] * np.cos(2 * w))
    return float(pulse + p["trend"] * np.sin(2 * np.pi * t / 1500))


def slow_magnitude(target: int, p: dict[str, float], band: int) -> float:
    ug, gr, ri, iz, zy = COLOURS[target]
    return p["r"] + (ug + gr, gr, 0.0, -ri, -ri - iz, -ri - iz - zy)[band]


@pytest.mark.parametrize("source", [RR_LYRAE, ECLIPSING_BINARY, MIRA], ids=lambda s: s.name)
def test_stars_against_a_slow_telling(source: variables.VariableStar) -> None:
    """Flux and template of 40 stars; float32 phases of 1e-7 and a survey of thousands of periods leave 2e-4."""
    n = 40
    v = visits(n)
    parameters = source.draw(stream(10), n)
    found = source.flux(parameters, v.index, v.mjd, v.band, stream(11))
    total = found + variables.template_of(parameters)[v.index, v.band]
    rows = stream(12).choice(len(v.mjd), 600, replace=False)
    for k in rows:
        p = {name: float(column[v.index[k]]) for name, column in parameters.items()}
        band = int(v.band[k])
        magnitude = slow_magnitude(source.target, p, band) + slow_offset(source.target, p, v.mjd[k], band)
        assert total[k] == pytest.approx(10 ** (-0.4 * (magnitude - 27.5)), rel=3e-4)

    again = stream(10)
    source.population(again, n)
    epochs = variables.template_epochs(again, n)
    for who in range(n):
        p = {name: float(column[who]) for name, column in parameters.items()}
        for band in range(6):
            mean = slow_magnitude(source.target, p, band)
            offsets = np.array([slow_offset(source.target, p, t, band) for t in epochs[who]])
            expected = np.mean(10 ** (-0.4 * (mean + offsets - 27.5)))
            assert variables.template_of(parameters)[who, band] == pytest.approx(expected, rel=3e-4)
