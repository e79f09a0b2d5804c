"""The editions of the original challenge as they were published: names of files and folders.

First edition (1.0): Metcalf et al. 2019, A&A 625, A119, a ground and a space branch. Second edition (2.0): 2019-2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from blindsky.challenges.lens.settings import SETTINGS, Setting

MASKED = 100.0  # the value of a bad pixel, maggies
FOLDER = "Public"  # of the bands


@dataclass(frozen=True)
class Edition:
    """One edition, or branch of it.

    track : ours that it belongs to.   planes : ``<folder>/<beginning of the file name>`` of each band.
    parts : folder of a tenth of the test split, by its number; empty where the test was one piece.
    catalogue : file of the labels, by split.   second : whether labels follow the rule of the second edition.
    """

    track: str
    planes: Mapping[str, str]
    parts: str
    catalogue: str
    second: bool = False

    @property
    def setting(self) -> Setting:
        """Cameras and point spread of the track."""
        return SETTINGS[self.track]


EDITIONS = {
    "1.0-ground": Edition(
        track="ground",
        planes={
            "u": "Band4/imageSDSS_U",
            "g": "Band3/imageSDSS_G",
            "r": "Band1/imageSDSS_R",
            "i": "Band2/imageSDSS_I",
        },
        parts="Data_KiDS_Big.{}",
        catalogue="classifications.csv",
    ),
    "1.0-space": Edition(
        track="space",
        planes={"VIS": "Band1/imageEUC_VIS"},
        parts="Data_EuclidBig.{}",
        catalogue="classifications.csv",
    ),
    "2.0": Edition(
        track="euclid",
        planes={band: f"EUC_{band}/imageEUC_{band}" for band in ("VIS", "Y", "J", "H")},
        parts="",
        catalogue="image_catalog2.0{}.csv",
        second=True,
    ),
}
