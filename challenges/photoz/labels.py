"""Which galaxies get a spectroscopic redshift, and which of those are wrong: the ``biased`` track.

A bright survey fills most of the labels, then a deep one the rest. Redshifts succeed where lines fall in the
spectrograph, and a few take one line for another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.skies import Block
from blindsky.scoring.measurements import FloatArray, Table

CANDIDATES = "spectroscopy"  # private table of a drawn block that the selection reads and drops
BRIGHT_SHARE = 0.85
BRIGHT = (22.0, 0.40)  # magnitude of half completeness in observed i, and its width
DEEP = (24.0, 0.25)
WRONG_BRIGHT, WRONG_DEEP = 0.005, 0.03

# Success like that of VVDS (Le Fevre et al. 2013); the redshift desert begins where [OII] leaves the optical
SUCCESS_Z = (0, 0.2, 1.0, 1.15, 1.25, 1.35, 1.45, 1.55, 1.65, 1.8, 2.2, 2.6, 3.0)
SUCCESS = (0.95, 0.97, 0.97, 0.94, 0.86, 0.80, 0.68, 0.57, 0.50, 0.25, 0.20, 0.30, 0.35)

# (true line, line it was taken for) in Angstrom: [OII], Halpha, [OIII], Lyman alpha
CONFUSIONS = np.array(
    [(3727.4, 6562.8), (6562.8, 3727.4), (3727.4, 5006.8), (5006.8, 6562.8), (3727.4, 1215.67)]
)


def success(z: NDArray[np.float64]) -> FloatArray:
    """S(z): the share of observed galaxies that yield a redshift, same shape."""
    return np.interp(z, SUCCESS_Z, SUCCESS)


def completeness(i: NDArray[np.float64], survey: tuple[float, float]) -> FloatArray:
    """B(i): the share of galaxies of observed magnitude i that a survey targets, same shape."""
    half, width = survey
    return np.asarray(1 / (1 + np.exp((i - half) / width)))


def mistaken(z: NDArray[np.float64], confusion: NDArray[np.intp]) -> FloatArray:
    """The redshift read off when one line is taken for another; the true one where it leaves (0.01, 3)."""
    true, assumed = CONFUSIONS[confusion].T
    wrong = (1 + z) * true / assumed - 1
    return np.where((wrong > 0.01) & (wrong < 3), wrong, z)


def candidates(z: NDArray[np.float64], i: NDArray[np.float64], stream: np.random.Generator) -> Table:
    """What each galaxy would get from either survey.

    z, i : (n,), true redshift and observed magnitude. Returns bool columns ``bright`` and ``deep`` (gets a
    redshift), and the catalogue redshifts ``bright_z`` and ``deep_z``. One uniform number serves both
    surveys, because a galaxy meets only one of them.
    """
    chance, blunder = stream.random((2, len(z)))
    confused = mistaken(z, stream.integers(len(CONFUSIONS), size=len(z)))
    reached = success(z)
    return {
        "bright": chance < reached * completeness(i, BRIGHT),
        "deep": chance < reached * completeness(i, DEEP),
        "bright_z": np.where(blunder < WRONG_BRIGHT, confused, z),
        "deep_z": np.where(blunder < WRONG_DEEP, confused, z),
    }


class SpectroscopicSelection:
    """Walks the train split once: bright targets until 85 % of the labels are filled, then deep ones."""

    def __init__(self, labels: int) -> None:
        self.labels = labels
        self.bright_missing = round(BRIGHT_SHARE * labels)
        self.deep_missing = labels - self.bright_missing

    def complete(self) -> bool:
        """Whether every label is filled."""
        return self.bright_missing + self.deep_missing == 0

    def take(self, block: Block) -> Block:
        """The labelled galaxies of the next block, with survey, redshift and whether that is wrong."""
        found = block.private[CANDIDATES]
        bright = np.flatnonzero(found["bright"])[: self.bright_missing]
        self.bright_missing -= len(bright)
        deep = np.flatnonzero(found["deep"])
        if self.bright_missing:
            deep = deep[:0]
        elif len(bright):
            deep = deep[deep > bright[-1]]
        deep = deep[: self.deep_missing]
        self.deep_missing -= len(deep)

        chosen = np.concatenate([bright, deep])
        redshift = np.concatenate([found["bright_z"][bright], found["deep_z"][deep]])
        survey = np.repeat(["bright", "deep"], [len(bright), len(deep)])
        truth = {name: column[chosen] for name, column in block.private["train_truth"].items()}
        public = {name: column[chosen] for name, column in block.public.items()}
        return Block(
            public | {"redshift": redshift.astype(np.float32), "survey": survey},
            {"train_truth": truth | {"redshift_is_wrong": redshift != truth["z_true"]}},
        )
