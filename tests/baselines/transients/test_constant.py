"""The constants: the best score without data, in closed form, and the golden numbers of the full counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings, get
from blindsky.challenges.transients.classes import CLASSES, HIDDEN, NUMBERS, OTHER
from blindsky.scoring import classification


class Weights:
    """A public part that says what the weights are."""

    release_id, track = "r", SimpleNamespace(name="biased")

    def json(self, name: str) -> dict[str, Any]:
        assert name == "classes"
        return {"classes": [{"class": c.number, "name": c.name, "weight": c.weight} for c in CLASSES]}


def score_of_full_counts(name: str) -> float:
    """The log-loss on one object of each kind, weighted by how many of it the original test set holds."""
    kinds = [(c.number, c.galactic, c.test) for c in CLASSES if c.number != OTHER]
    kinds += [(OTHER, h.galactic, h.test) for h in HIDDEN]
    number, galactic, n = map(np.array, zip(*kinds, strict=True))
    test = {"object_id": np.arange(len(n)), "hostgal_photoz": np.where(galactic, 0.0, 0.5)}
    answer = get(f"transients/{name}").fit(Weights(), Settings()).predict(test)  # type: ignore[arg-type]
    np.testing.assert_array_equal(answer["object_id"], test["object_id"])
    probability = np.stack([answer[f"class_{k}"] for k in NUMBERS], axis=1)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    truth = np.searchsorted(NUMBERS, number)
    weights = [c.weight for c in CLASSES]
    return classification.weighted_logloss(truth, probability, class_weights=weights, weights=n)


@pytest.mark.parametrize(("name", "golden"), [("constant", 2.6593226977), ("galactic", 2.0831239430)])
def test_the_golden_constants(name: str, golden: float) -> None:
    assert score_of_full_counts(name) == pytest.approx(golden, abs=1e-9)
