"""Populations and templates against golden numbers, published curves and slower, independent integrals."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.photoz import dust, filters, igm, populations, stars, templates
from blindsky.challenges.photoz.filters import LSST, NISP
from blindsky.challenges.photoz.prior import Z_NODES

WAVE = populations.WAVELENGTH

# knot: D4000, EW(Halpha) in Angstrom, then u-g g-r r-i i-z z-y at z = 0.3, 1.0, 2.5
GOLDEN = (
    (1.993, 0.4, "1.989 1.395 .573 .301 .183 1.532 1.798 1.401 .972 .429 .374 .516 .895 .898 .831"),
    (1.368, 26.7, ".847 .841 .339 .250 .072 .296 .442 .761 .535 .278 .335 .230 .201 .181 .183"),
    (1.297, 40.3, ".714 .737 .284 .253 .034 .245 .339 .672 .454 .254 .331 .216 .173 .146 .141"),
    (1.197, 74.4, ".533 .568 .178 .269 -.055 .182 .213 .546 .321 .218 .324 .195 .137 .104 .090"),
    (1.096, 144.2, ".363 .364 .017 .309 -.220 .139 .113 .421 .164 .173 .322 .185 .114 .073 .051"),
    (1.047, 259.1, ".216 .214 -.101 .442 -.406 .069 .015 .307 .017 .190 .309 .151 .068 .029 .009"),
)


def test_main_sequence_temperatures() -> None:
    found = stars.main_sequence(np.array([0.5, 1.0, 2.0, 5.0, 20.0]))
    # whole kelvin are published; the last one is off by two in its own rounding
    np.testing.assert_allclose(found.temperature, [3808, 5772, 9451, 16227, 36766], rtol=1e-4)
    assert found.lifetime[1] == pytest.approx(1e10)


def test_stars_have_unit_bolometric_light() -> None:
    f = stars.spectra(WAVE, np.array([3000.0, 9500.0, 40_000.0]))
    np.testing.assert_allclose(np.trapezoid(f, WAVE, axis=1), 1.0)


@pytest.mark.parametrize("knot", range(6))
def test_golden_knots(knot: int) -> None:
    d4000, width, colours = GOLDEN[knot]
    f = populations.knot_spectra(1.0)[knot]
    f_nu = f * WAVE**2
    red, blue = ((a <= WAVE) & (b >= WAVE) for a, b in ((4050, 4250), (3750, 3950)))
    assert f_nu[red].mean() / f_nu[blue].mean() == pytest.approx(d4000, abs=0.02)

    mags = -2.5 * np.log10(templates.band_fluxes(f[None], LSST, np.array([0.3, 1.0, 2.5]))[0])
    found = (mags[:, :-1] - mags[:, 1:]).ravel()
    np.testing.assert_allclose(found, [float(c) for c in colours.split()], atol=0.02)

    # Halpha alone: the continuum and the flux Q stands for, from the stellar light
    star = populations.composite(populations.KNOTS[knot])
    ionising = WAVE < 912
    photons = np.trapezoid((star * WAVE / populations.HC)[ionising], WAVE[ionising])
    halpha = 2.86 * 4.76e-13 * 0.5 * photons
    assert halpha / np.interp(6562.8, WAVE, star) == pytest.approx(width, rel=0.02, abs=0.06)


def test_lines_carry_the_flux_of_their_ratios() -> None:
    star = populations.composite(populations.KNOTS[4])
    lines = populations.with_nebula(star, 3.0) - star
    around = {c: np.abs(WAVE - c) < 60 for c in (3727.4, 4861.3)}
    flux = {c: np.trapezoid(lines[near], WAVE[near]) for c, near in around.items()}
    assert flux[3727.4] / flux[4861.3] == pytest.approx(3.0, rel=1e-3)
    assert np.all(lines[WAVE < 912] < 0)


def test_types_interpolate_the_logarithm() -> None:
    low, high = populations.knot_spectra(1.0)[2:4]
    np.testing.assert_allclose(
        np.log(populations.spectrum(7 / 3, 1.0)), 2 / 3 * np.log(low) + 1 / 3 * np.log(high), rtol=1e-10
    )
    np.testing.assert_allclose(populations.spectrum(5.0, 3.0), populations.knot_spectra(3.0)[5])


def test_calzetti_curve() -> None:
    # k(V) is R_V = 4.05 by construction; k(1500 A) ~ 10.3 (Calzetti et al. 2000)
    found = dust.attenuation_curve(np.array([5500.0, 1500.0, 25_000.0]))
    assert found[0] == pytest.approx(4.05, abs=0.02)
    assert found[1] == pytest.approx(10.33, abs=0.05)
    assert found[2] >= 0
    assert dust.attenuation(np.array([5500.0]), 0.1)[0] == pytest.approx(10 ** (-0.4 * 0.405), rel=1e-3)


def test_madau_transmission() -> None:
    # between Lyman alpha and beta at z = 3: exp(-0.0036 (l_o/1215.67)^3.46)
    observed = np.array([4400.0, 5000.0, 3000.0])
    T = igm.transmission(observed, 3.0)
    assert T[0] == pytest.approx(np.exp(-0.0036 * (4400 / 1215.67) ** 3.46))
    assert T[1] == 1.0
    assert T[2] < 0.2
    # the continuum term grows from nothing at the Lyman limit: no jump but the lines'
    edge = igm.optical_depth(np.array([911.75 * 4 - 0.1, 911.75 * 4 + 0.1]), 3.0)
    assert edge[0] == pytest.approx(edge[1], abs=0.01)


def test_filters() -> None:
    assert filters.transmission("u", np.array([3199.0, 3810.0, 3165.0, 4080.1])).tolist() == [0, 1, 0, 0]
    for band in (*LSST, *NISP):
        wave = np.arange(3000.0, 21_000.0, 0.1)
        brute = np.trapezoid(filters.transmission(band, wave) / wave, wave)
        assert filters.photon_norm(band) == pytest.approx(brute, rel=1e-4)
    table = filters.table((*LSST, *NISP))
    assert set(table["band"]) == {*LSST, *NISP}
    assert len(table["band"]) == len(table["wavelength"]) == len(table["transmission"]) == 66


def test_template_counts_and_weights() -> None:
    known = templates.templates()
    assert np.bincount(known.type_class).tolist() == [2, 30, 64]
    np.testing.assert_allclose(np.bincount(known.type_class, weights=known.weight), 1.0)
    assert np.all(np.diff(known.type_class) >= 0)
    rows = set(zip(*(column.tolist() for column in known[:4]), strict=True))
    assert len(rows) == 96


def test_draw_follows_the_weights() -> None:
    known = templates.templates()
    u = (np.arange(100_000) + 0.5) / 100_000
    for number in range(3):
        drawn = templates.draw(u, np.full(len(u), number, dtype=np.int8))
        share = np.bincount(drawn, minlength=96) / len(u)
        np.testing.assert_allclose(share, np.where(known.type_class == number, known.weight, 0), atol=2e-5)
    ends = templates.draw(np.array([0.0, np.nextafter(1, 0)]), np.array([1, 1], dtype=np.int8))
    assert known.type_class[ends].tolist() == [1, 1]


def test_model_table_against_a_fine_integral() -> None:
    """The rest-frame sum of 5 A (1 + z) against an integral over 0.5 A of the observed frame."""
    bands = (*LSST, *NISP)
    G = templates.model_table(bands)
    assert G.shape == (96, 601, 9)
    assert np.all(G[:, :, 3] == 1.0)
    assert not G.flags.writeable
    for template, node in ((0, 100), (20, 300), (60, 560), (95, 600)):
        z = Z_NODES[node]
        fluxes = []
        for band in bands:
            reach = filters.knots()[band][0]
            wave = np.arange(reach[0], reach[-1], 0.5)
            f = np.interp(wave / (1 + z), WAVE, templates.spectra()[template])
            R = filters.transmission(band, wave)
            top = np.trapezoid(f * igm.transmission(wave, z) * R * wave, wave)
            fluxes.append(top / np.trapezoid(R / wave, wave))
        expected = np.array(fluxes) / fluxes[3]
        np.testing.assert_allclose(G[template, node], expected, rtol=1e-3)


def test_public_templates_are_thirty() -> None:
    table = templates.public_table()
    assert {name: column.shape for name, column in table.items()} == {
        "template_id": (30,),
        "type_t": (30,),
        "ebv": (30,),
        "wavelength": (30, 5080),
        "f_lambda": (30, 5080),
    }
    assert set(np.round(table["ebv"], 3)) == {0.0, 0.2}
    assert table["ebv"][table["type_t"] < 0.5].tolist() == [0.0, 0.0]
    assert table["f_lambda"].dtype == np.float32
