"""Features on one scale."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import StandardScaler

from blindsky.baselines.lens.standard import Standard


def test_agrees_with_scikit_learn_also_where_features_are_missing():
    features = (np.random.default_rng(0).standard_normal((200, 6)) * [1, 10, 0.1, 5, 1, 1] + 3).astype(
        np.float32
    )
    features[:, 4] = 7
    features[::3, 1] = np.nan
    expected = StandardScaler().fit(features).transform(features)
    scaled = Standard.of(features)(features)
    assert scaled.dtype == np.float32
    assert np.allclose(scaled, np.nan_to_num(expected), atol=1e-5)
    assert (scaled[::3, 1] == 0).all()


def test_a_feature_that_no_stamp_has_says_nothing():
    features = np.array([[np.nan, 1], [np.nan, 2]], np.float32)
    standard = Standard.of(features)
    assert np.allclose(standard(np.array([[5, 1.5], [np.nan, np.nan]], np.float32))[:, 1], 0)
    assert np.isfinite(standard(features)).all()
