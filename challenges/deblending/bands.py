"""What a track means to the sky: stamps, bands, depth, point spread and how truth is measured; numbers, no equations.

``pair`` is the F160W image of CANDELS (Boucaud et al. 2020); ``scene`` is ten years of LSST, as in surveycodex 1.3.0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from blindsky.scoring.measurements import FloatArray


@dataclass(frozen=True)
class Bands:
    """The bands of a track: their ``names`` in order, the ``reference`` one, and the ``pixel`` in arcsec."""

    names: tuple[str, ...]
    reference: str
    pixel: float


SPACE = Bands(("f160w",), "f160w", 0.06)
LSST = Bands(("u", "g", "r", "i", "z", "y"), "r", 0.2)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One sky.

    size : pixels of a side.   unit : of pixels and fluxes.   zero_points : AB magnitude of one unit, by band.
    sigma : rms of the background per pixel, by band.   photons : whether light brings noise of its own.
    kernel : width (pixels) of the Gaussian that correlates the noise, 0 for white noise.   fwhm : of the PSF (arcsec),
    by band, a Moffat profile of index ``beta``.   seeing : scatter of the FWHM from blend to blend, dex.
    mask : rms above which a pixel is an object's.   aperture : radius (arcsec) of ``flux_ap``.
    """

    bands: Bands
    size: int
    unit: str
    zero_points: tuple[float, ...]
    sigma: tuple[float, ...]
    photons: bool
    kernel: float
    fwhm: tuple[float, ...]
    beta: float
    seeing: float
    mask: float
    aperture: float

    @property
    def reference(self) -> int:
        """Place of the reference band among all bands."""
        return self.bands.names.index(self.bands.reference)

    def flux(self, magnitude: FloatArray, band: int) -> FloatArray:
        """Flux (m,) of AB magnitudes in a band."""
        return np.asarray(10 ** (-0.4 * (np.asarray(magnitude) - self.zero_points[band])))


PAIR = Setting(
    bands=SPACE,
    size=128,
    unit="electron/s",
    zero_points=(25.96,),
    sigma=(0.010,),  # with it the published SExtractor recipe returns the published rates
    photons=False,
    kernel=0.6,
    fwhm=(0.18,),
    beta=3.0,
    seeing=0.0,
    mask=1.0,
    aperture=0.5,
)
PAIR_SHIFT = replace(PAIR, sigma=(0.015,), kernel=0.9, fwhm=(0.18 * 1.3,))

_ELECTRONS = (15_896.78, 124_799.04, 247_707.46, 184_475.66, 112_005.99, 52_148.43)  # of m = 24
_SKY = (1_612.02, 24_789.70, 130_616.81, 188_798.73, 257_810.87, 298_745.40)  # electrons per pixel
SCENE = Setting(
    bands=LSST,
    size=120,
    unit="electron",
    zero_points=tuple(24 + 2.5 * float(np.log10(e)) for e in _ELECTRONS),
    sigma=tuple(float(np.sqrt(sky)) for sky in _SKY),
    photons=True,
    kernel=0.0,
    fwhm=(0.90, 0.86, 0.81, 0.79, 0.77, 0.76),
    beta=3.5,
    seeing=0.02,
    mask=3.0,
    aperture=1.0,
)
