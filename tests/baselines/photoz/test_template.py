"""Template fitting: model fluxes against quadrature, the prior against its formula, known redshifts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import template
from blindsky.challenges.errors import InputFault

NODES = np.arange(301) / 100


def test_band_flux_ratio_equals_quadrature_in_the_observed_frame(toy_spectrum):
    wavelength = np.arange(900.0, 12_000.0, 5.0)
    rest = toy_spectrum(wavelength, 0.5, -1.0)
    filters = {
        "g": (np.array([3900.0, 4000, 5500, 5600]), np.array([0, 1.0, 0.8, 0])),
        "i": (np.array([6800.0, 6900, 8200, 8300]), np.array([0, 0.9, 1.0, 0])),
    }
    z = 0.85  # the step falls inside i and the forest nowhere

    def flux(knots):
        def shape(wave):
            return toy_spectrum(np.array(wave / (1 + z)), 0.5, -1.0) / (1 + z) * np.interp(wave, *knots)

        breaks = [*knots[0], 4000 * (1 + z)]
        inside = [b for b in breaks if knots[0][0] < b < knots[0][-1]]
        top = quad(lambda wave: shape(wave) * wave, knots[0][0], knots[0][-1], points=inside, limit=200)[0]
        return (
            top
            / quad(
                lambda wave: np.interp(wave, *knots) / wave,
                knots[0][0],
                knots[0][-1],
                points=inside,
                limit=200,
            )[0]
        )

    ours = [template.band_fluxes(wavelength, rest[None], filters[b], np.array([z]))[0, 0] for b in "gi"]
    assert ours[0] / ours[1] == pytest.approx(flux(filters["g"]) / flux(filters["i"]), rel=3e-3)


def test_the_forest_dims_the_blue_side():
    wavelength = np.arange(900.0, 12_000.0, 5.0)
    edges = np.array([4150.0, 4200, 4800, 4850])  # between Lyman alpha and beta at z = 3
    knots = (edges, np.array([0, 1.0, 1.0, 0]))
    flat = template.band_fluxes(wavelength, wavelength[None] ** -2.0, knots, np.array([0.1, 3.0]))[0]
    # f_nu is constant, so F scales as 1 + z but for Madau 1995: exp(-0.0036 (l/1216)^3.46) at 4500 A
    assert flat[1] / flat[0] * 1.1 / 4 == pytest.approx(np.exp(-0.0036 * (4500 / 1215.67) ** 3.46), rel=0.01)


def test_prior_is_normalised_over_classes_and_redshift_and_follows_benitez():
    type_class = np.array([0, 0, 1, 2, 2, 2])
    p = np.exp(template.log_prior(type_class, NODES).astype(np.float64))
    assert np.allclose(np.trapezoid(p, NODES, axis=2).sum(axis=1), 1, atol=1e-4)
    at = np.argmin(np.abs(template.MAGNITUDES - 24))
    share = np.trapezoid(p[at], NODES, axis=1)
    assert share[0] * 2 == pytest.approx(0.35 * np.exp(-0.45 * 4), rel=1e-4)
    # the mode of z^a exp(-(z/z_m)^a) is z_m
    for row, z_m in ((0, 0.431 + 0.0913 * 4), (2, 0.390 + 0.0636 * 4), (3, 0.0626 + 0.123 * 4)):
        assert NODES[np.argmax(p[at, row])] == pytest.approx(z_m, abs=0.005001)


def test_noiseless_templates_get_their_redshift_back(public):
    model = template.train(public, Settings())
    picked = np.arange(25, 90, 5)  # z from 0.25 to 0.85: the step lies inside the bands
    kinds = np.arange(5)
    fluxes = model.model.reshape(4, 5, 301)[:, kinds[:, None], picked].reshape(4, -1)  # (bands, kinds * z)
    test = {"object_id": np.arange(fluxes.shape[1])}
    for b, band in enumerate(model.bands):
        test[f"flux_{band}"] = 1000 * fluxes[b]
        test[f"flux_err_{band}"] = np.full(fluxes.shape[1], 0.1)
    found = model.predict(test)
    truth = np.tile(NODES[picked], len(kinds))
    assert np.mean(np.abs(found["z_point"] - truth) < 0.03) > 0.9


def test_density_equals_the_formula_written_out(public):
    model = template.train(public, Settings())
    test = {name: column[:3] for name, column in public.table("test").items()}
    found = model.predict(test)["pdf"]
    type_class = np.array([0, 1, 1, 2, 2])
    prior = np.exp(template.log_prior(type_class, NODES).astype(np.float64))
    G = model.model.reshape(4, 5, 301).astype(np.float64)
    for row in range(3):
        o = np.array([test[f"flux_{b}"][row] for b in model.bands], np.float64)
        V = np.array([test[f"flux_err_{b}"][row] for b in model.bands], np.float64) ** 2 + (0.03 * o) ** 2
        m = 31.4 - 2.5 * np.log10(o[2])
        p = np.zeros(301)
        for t in range(5):
            for k in range(301):
                g = G[:, t, k]
                amplitude = max((o * g / V).sum() / (g * g / V).sum(), 0)
                chi2 = ((o - amplitude * g) ** 2 / V).sum()
                p[k] += prior[np.argmin(np.abs(template.MAGNITUDES - m)), t, k] * np.exp(-chi2 / 2)
        p /= np.trapezoid(p, NODES)
        assert np.allclose(found[row], p, rtol=0.01, atol=1e-3)  # products are float32


def test_templates_come_from_the_release(public):
    plain = template.train(public, Settings())
    public.tables["templates"]["f_lambda"] = public.tables["templates"]["f_lambda"][::-1].copy()
    assert not np.allclose(template.train(public, Settings()).model, plain.model)


def test_without_an_i_band_it_says_so(public):
    public.bands = ("g", "r")
    with pytest.raises(InputFault, match=r"reads the i band, and release stand-in has g, r"):
        template.train(public, Settings())


def test_a_band_without_a_filter_is_left_out(public):
    plain = template.train(public, Settings())
    public.bands = ("extra", *public.bands)
    assert template.train(public, Settings()).bands == plain.bands
