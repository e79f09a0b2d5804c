"""First answers to the deblending challenge, one file per method; nothing heavy is imported."""

from __future__ import annotations

from blindsky.baselines.baseline import Baseline

_HERE = "blindsky.baselines.deblending"
_FLUXES = ("flux", *(f"flux_{band}" for band in "ugrizy"))  # of pairs, of scenes
_PLACED = ("x", "y", *_FLUXES)

BASELINES = (
    Baseline(
        name="constant",
        title="Constant",
        description=(
            "0.55 times the median training flux for each galaxy of a pair, the median of each band for those listed "
            "of a scene; where none is listed, one at the centre of the image with the median of the brightest."
        ),
        train=f"{_HERE}.constant:train",
        fields=_PLACED,
        reference="blindsky",
    ),
    Baseline(
        name="half",
        title="Equal shares",
        description="The light of the whole image in equal shares: half of it for each galaxy of a pair.",
        train=f"{_HERE}.half:train",
        fields=_FLUXES,
        reference="blindsky",
        tracks=("pair", "pair_shift", "scene_known"),
    ),
    Baseline(
        name="sep_coin",
        title="SExtractor, pairs",
        description=(
            "The recipe of the COIN study: cold, and hot where that saw one galaxy. Isophotal fluxes, one zero-point."
        ),
        train=f"{_HERE}.sep_coin:train",
        fields=("flux", "mask"),
        reference="Boucaud et al. 2020, MNRAS 491, 2481; Bertin & Arnouts 1996; Barbary 2016 (sep)",
        tracks=("pair", "pair_shift"),
        extra="sep",
    ),
    Baseline(
        name="sep_scene",
        title="SExtractor, scenes",
        description="Found in r at 1.5 sigma; isophotal fluxes in the same pixels of all bands, a zero-point each.",
        train=f"{_HERE}.sep_scene:train",
        fields=(*_PLACED, "mask"),
        reference="Bertin & Arnouts 1996, A&AS 117, 393; Barbary 2016 (sep)",
        tracks=("scene",),
        extra="sep",
    ),
    Baseline(
        name="symmetric",
        title="Symmetry",
        description=(
            "The deblender of SDSS: a galaxy is what looks the same from behind; pixels are shared in proportion."
        ),
        train=f"{_HERE}.symmetric:train",
        fields=(*_PLACED, "mask", "image"),
        reference="Lupton et al. 2001, ASP Conf. 238, 269",
    ),
    Baseline(
        name="linfit",
        title="Sersic templates",
        description="Sums of Sersic profiles n = 1 and 4 of five sizes at each peak, by non-negative least squares.",
        train=f"{_HERE}.linfit:train",
        fields=(*_PLACED, "mask", "image"),
        reference="Lang, Hogg & Mykytyn 2016, ascl:1604.008 (forced photometry with profiles)",
    ),
    Baseline(
        name="cnn_flux",
        title="Convolutional network",
        description="Two fluxes straight from the image, the mean over its eight views: blend2flux, made small.",
        train=f"{_HERE}.cnn_flux:train",
        fields=("flux",),
        reference="Boucaud et al. 2020, MNRAS 491, 2481",
        tracks=("pair", "pair_shift"),
        extra="torch",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="unet",
        title="U-Net",
        description=(
            "Says whose the light of every pixel is, and sums it up: blend2mask2flux, the mean over eight views."
        ),
        train=f"{_HERE}.unet:train",
        fields=("flux", "mask"),
        reference="Boucaud et al. 2020, MNRAS 491, 2481; Ronneberger et al. 2015",
        tracks=("pair", "pair_shift"),
        extra="torch",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="unet_scene",
        title="U-Net, scenes",
        description="A heat map of centres, and the pixels of all bands divided among its peaks or the given places.",
        train=f"{_HERE}.unet_scene:train",
        fields=(*_PLACED, "mask", "image"),
        reference="Zhou et al. 2019, arXiv:1904.07850; Ronneberger et al. 2015",
        tracks=("scene", "scene_known"),
        extra="torch",
        seeded=True,
        heavy=True,
    ),
)
