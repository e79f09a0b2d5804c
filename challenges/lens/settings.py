"""What a track means to the sky: detectors, depth, point spread, populations; numbers apart from equations.

Noise and PSF were measured on stamps of the original challenge; the populations are described where they are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from blindsky.challenges.lens.painting import Camera
from blindsky.scoring.measurements import FloatArray

SIGMA = {  # noise rms per pixel, maggies
    "VIS": 0.782e-12,
    "u": 2.02e-12,
    "g": 1.28e-12,
    "r": 1.53e-12,
    "i": 3.15e-12,
    "Y": 5.4e-12,
    "J": 4.8e-12,
    "H": 4.7e-12,
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One track.

    cameras : detectors; the first holds the ``reference`` band.   fwhm : of the PSF, arcsec, over all bands.
    beta : Moffat index, None for a Gaussian.   lens_share : share of stamps with a source.
    label : the class that is scored, ``has_source`` or ``is_lens``.
    einstein_radii : which population of deflectors (population.py).   source_magnitude, source_radius : mean
    reference magnitude, and half-light radius (arcsec) at magnitude 25.   dimming : magnitudes added to lens
    galaxies.   companions : reference magnitudes between which companions lie.   bright_share : share of stamps
    with a bright galaxy under the noise of a real survey.   masks : whether stamps have bad regions.
    axis_ratio : mean q of the mass of near-round deflectors.
    generous : elongated deflectors with perturbers (the test split of shifted tracks, and ``euclid``).
    shifted : whether the test split is drawn from another sky than the train split.   impostors : share of the
    stamps without a source.
    """

    cameras: tuple[Camera, ...]
    reference: str
    fwhm: tuple[float, ...]
    beta: float | None
    lens_share: float
    einstein_radii: str
    source_magnitude: float
    source_radius: float
    dimming: float
    companions: tuple[float, float]
    label: str = "has_source"
    bright_share: float = 0.0
    masks: bool = False
    axis_ratio: float = 0.90
    generous: bool = False
    shifted: bool = False
    impostors: float = 0.03

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of all cameras, in order."""
        return tuple(band for camera in self.cameras for band in camera.bands)

    @property
    def sigma(self) -> FloatArray:
        """Noise rms per pixel (bands,), maggies."""
        return np.array([SIGMA[band] for band in self.bands])

    @property
    def half(self) -> float:
        """Half the stamp of the first camera, arcsec."""
        return 0.5 * self.cameras[0].size * self.cameras[0].pixel


_SPACE = Setting(
    cameras=(Camera(101, 0.1, ("VIS",)),),
    reference="VIS",
    fwhm=(0.18,),
    beta=None,
    lens_share=0.40,
    einstein_radii="space",
    source_magnitude=24.9,
    source_radius=0.28,
    dimming=0.70,
    companions=(21.5, 26.5),
)
_GROUND = Setting(
    cameras=(Camera(101, 0.2, ("u", "g", "r", "i")),),
    reference="r",
    fwhm=(1.00, 0.88, 0.70, 0.80),
    beta=3.5,
    lens_share=0.50,
    einstein_radii="ground",
    source_magnitude=25.3,
    source_radius=0.30,
    dimming=0.15,
    companions=(20.5, 26.0),
    bright_share=0.15,
    masks=True,
    axis_ratio=0.95,  # rounder than on space, so more complete rings: tuned once, see card.md
)
SETTINGS = {
    "space": _SPACE,
    "ground": _GROUND,
    "ground_shift": replace(_GROUND, shifted=True),
    "space_shift": replace(_SPACE, shifted=True),
    "euclid": replace(
        _SPACE,
        cameras=(Camera(200, 0.1, ("VIS",)), Camera(66, 0.3, ("Y", "J", "H"))),
        fwhm=(0.17, 0.477, 0.486, 0.492),
        lens_share=0.45,
        label="is_lens",
        einstein_radii="natural",
        generous=True,
        impostors=0.25,
    ),
}
