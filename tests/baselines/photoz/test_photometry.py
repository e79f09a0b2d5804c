"""What the features promise of label and test sets."""

from __future__ import annotations

import numpy as np

from blindsky.baselines.photoz.photometry import labels


def test_labels_are_standardised_and_test_rows_by_the_labels_scale(public):
    photometry, features, z = labels(public)
    assert np.allclose(features.mean(axis=0), 0, atol=1e-10)
    assert np.allclose(features.std(axis=0), 1)
    assert z.shape == (1500,)
    row = {name: column[5:6] for name, column in public.table("train").items()}
    assert np.allclose(
        photometry.features(row)[0], features[5]
    )  # the same object has the same features anywhere


def test_a_band_without_any_flux_does_no_harm(public):
    for split in ("train", "test"):
        for band in "gr":
            public.tables[split][f"flux_{band}"][:] = 0.0  # the colour g - r is the same for all
    _, features, _ = labels(public)
    assert np.all(np.isfinite(features))
