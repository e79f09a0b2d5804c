"""The weights of the score as probabilities, for every object, or apart for our Galaxy and what lies beyond.

blindsky baseline transients/constant --release ID
blindsky baseline transients/galactic --release ID
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.challenges.challenge import rows
from blindsky.challenges.release import Public
from blindsky.challenges.transients.classes import CLASSES, HIDDEN, NUMBERS, OTHER
from blindsky.scoring.measurements import FloatArray, Table

# Of what no training set holds, so much lay in our Galaxy in PLAsTiCC's test set
OTHER_GALACTIC = sum(h.test for h in HIDDEN if h.galactic) / sum(h.test for h in HIDDEN)


@dataclass(frozen=True)
class Constant:
    """Probabilities (15,) of objects in our Galaxy and of those beyond."""

    inside: FloatArray
    beyond: FloatArray

    def predict(self, test: Table) -> Table:
        """The same probabilities for every object of a kind."""
        galactic = np.broadcast_to(test["hostgal_photoz"] == 0, rows(test))
        columns = {
            f"class_{n}": np.where(galactic, self.inside[k], self.beyond[k]) for k, n in enumerate(NUMBERS)
        }
        return {"object_id": test["object_id"], **columns}


def _weights(public: Public) -> FloatArray:
    stated = {c["class"]: c["weight"] for c in public.json("classes")["classes"]}
    return np.array([stated[n] for n in NUMBERS], dtype=np.float64)


def train(public: Public, settings: Settings) -> Constant:
    """Weights over their sum."""
    share = _weights(public) / _weights(public).sum()
    return Constant(share, share)


def train_galactic(public: Public, settings: Settings) -> Constant:
    """Weights over their sum among the classes that an object can be of."""
    galactic = np.array([OTHER_GALACTIC if c.number == OTHER else float(c.galactic) for c in CLASSES])
    inside, beyond = _weights(public) * galactic, _weights(public) * (1 - galactic)
    return Constant(inside / inside.sum(), beyond / beyond.sum())
