"""Weights of Lima et al. 2008 against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from blindsky.baselines.baseline import Settings, get
from blindsky.challenges.errors import InputFault

pytest.importorskip("torch")


def test_weights_equal_brute_force():
    from blindsky.baselines.photoz.mdn_reweight import weights

    draw = np.random.default_rng(0)
    labelled, test = draw.normal(size=(150, 3)), draw.normal(0.7, 0.8, size=(400, 3))
    own = cdist(labelled, labelled)
    np.fill_diagonal(own, np.inf)
    radius = np.sort(own, axis=1)[:, 19]
    expected = (cdist(labelled, test) <= radius[:, None]).sum(axis=1) / 20
    assert expected.min() < expected.max()
    assert np.array_equal(weights(labelled, test), expected)


def test_weights_undo_a_known_shift():
    from blindsky.baselines.photoz.mdn_reweight import weights

    draw = np.random.default_rng(1)
    labelled, test = draw.normal(size=(4000, 1)), draw.normal(1.0, size=(4000, 1))
    w = weights(labelled, test)
    # 4,000 labels weigh as much as about n / e equal ones: one standard error is 0.03
    assert np.average(labelled[:, 0], weights=w) == pytest.approx(1.0, abs=0.1)


def test_labels_far_from_every_test_galaxy_say_so(public):
    for band in public.bands:
        public.tables["test"][f"flux_{band}"] = np.full(400, 1e9, np.float32)
    with pytest.raises(InputFault, match="no test galaxy of release stand-in lies near any label"):
        get("photoz/mdn_reweight").fit(public, Settings())


def test_only_for_the_biased_track(public):
    public.track.name = "nir"
    with pytest.raises(
        InputFault, match="meant for the track biased, and release stand-in is of the track nir"
    ):
        get("photoz/mdn_reweight").fit(public, Settings())
