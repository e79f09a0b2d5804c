"""What is told of objects: public columns as PLAsTiCC's, hidden ones that say what was drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blindsky.challenges.transients import catalogue
from blindsky.challenges.transients.assembly import Objects, candidates, observe
from blindsky.challenges.transients.populations import POPULATIONS


def objects(name: str, n: int = 3000) -> Objects:
    s = np.random.default_rng(4)
    source = POPULATIONS[name].source
    return observe(s, source, candidates(s, source, False, n), None, spectra=False)


def test_galaxies_and_stars_have_hosts_and_none() -> None:
    far, near = objects("Ia"), objects("EB", 400)
    public = catalogue.metadata(np.random.default_rng(5), far, deep=False, always=False)
    assert {name: str(c.dtype) for name, c in public.items()} == {
        name: "int8" if name == "ddf" else "float32"
        for name in (
            *("ra", "decl", "gal_l", "gal_b", "ddf", "hostgal_specz", "hostgal_photoz", "hostgal_photoz_err"),
            *("distmod", "mwebv"),
        )
    }
    assert 0 < np.isfinite(public["hostgal_specz"]).mean() < 0.3
    always = catalogue.metadata(np.random.default_rng(5), far, deep=False, always=True)
    assert np.isfinite(always["hostgal_specz"]).all()
    z = far.parameters["z"]
    assert np.abs(always["hostgal_specz"] - z).max() < 5 * (1 + z.max()) * 300 / 299_792
    # The modulus is that of the photometric redshift; the real file has 45.4063 at 1.6267
    order = np.argsort(public["hostgal_photoz"])
    assert (np.diff(public["distmod"][order]) >= 0).all()
    galactic = catalogue.metadata(np.random.default_rng(5), near, deep=True, always=True)
    for name in ("hostgal_specz", "hostgal_photoz", "hostgal_photoz_err"):
        assert not galactic[name].any()
    assert np.isnan(galactic["distmod"]).all() and (galactic["ddf"] == 1).all()


@pytest.mark.parametrize("name", ["Ia", "II", "KN", "AGN", "Mdwarf", "uLens-binary", "Mira"])
def test_the_truth_is_what_was_drawn(name: str) -> None:
    found = objects(name, 16_384 if name in ("II", "KN") else 600)
    source, n = POPULATIONS[name].source, len(found.trigger)
    truth = catalogue.truth(source, found)
    assert n > 20 and all(len(column) == n for column in truth.values())
    assert (truth["true_target"] == source.target).all()
    parameters = [json.loads(text) for text in truth["parameters"]]
    for key, column in found.parameters.items():
        if key in parameters[0]:
            np.testing.assert_allclose([p[key] for p in parameters], column, rtol=1e-7)
    told = {"z": "true_z", "t0": "true_peakmjd", "a_v": "true_av", "mag_i": "peak_mag_i"}
    for key, column in told.items():
        if key in found.parameters:
            np.testing.assert_array_equal(truth[column], found.parameters[key])
    assert set(found.parameters) - set(parameters[0]) <= {*told, "variant", "photo_z", "photo_z_err"}
    ends = np.cumsum(found.curves.counts)
    flags = np.split(found.curves.columns["detected"], ends[:-1])
    assert truth["n_det"].tolist() == [int(own.sum()) for own in flags]
    assert truth["n_det"].min() >= 2
    assert ((truth["true_rv"] == 3.1) == (truth["true_av"] > 0)).all()
    if name == "II":
        assert set(truth["true_submodel"]) == {"IIP", "IIL"}


def test_numbers_as_text() -> None:
    rows = catalogue.as_json({"a": np.array([1.0, -2.5e-12]), "b c": np.array([1 / 3, 1e22])})
    assert [json.loads(row) for row in rows] == [{"a": 1, "b c": 0.33333333}, {"a": -2.5e-12, "b c": 1e22}]
    assert len(catalogue.as_json({"a": np.zeros(0)})) == 0
