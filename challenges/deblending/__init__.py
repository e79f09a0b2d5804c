"""The deblending challenge: its declaration. Formulas and numbers follow the works cited below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Any

import numpy as np

from blindsky.challenges.challenge import Board, Challenge, Option, Product, Reference, Size, Track
from blindsky.challenges.deblending import measure as judging
from blindsky.challenges.deblending import metrics, slices
from blindsky.challenges.deblending.bands import LSST, SPACE
from blindsky.challenges.deblending.figures import FIGURES
from blindsky.challenges.deblending.pairs import CENTRE
from blindsky.challenges.deblending.pictures import PICTURES
from blindsky.challenges.deblending.published import PUBLISHED
from blindsky.challenges.deblending.sky import simulate
from blindsky.challenges.prediction import Column, Item, Pixels, Prediction, Spread
from blindsky.challenges.skies import Ragged
from blindsky.scoring.measurements import Measured, Table

BANDS = LSST.names
SIDE, SCENE_SIDE = 128, 120
BRIGHTEST = 1e12  # no flux is larger, in either unit
MOST = 50  # detections of a scene


def swapped(found: Table, read: Callable[[str], dict[str, Any]]) -> tuple[str, ...]:
    """What to say of pairs whose central galaxy is the one farther from the centre, as a rule."""
    if "x" not in found:
        return ()
    order = np.lexsort((found["obj"], found["blend_id"]))
    far = np.hypot(found["x"] - CENTRE, found["y"] - CENTRE)[order].reshape(-1, 2)
    odd, n = int(np.count_nonzero(far[:, 0] > far[:, 1])), len(far)
    if 2 * odd <= n:
        return ()
    return (
        f"obj 0, the galaxy at the centre, lies farther from it than obj 1 in {odd:,} of {n:,} blends: perhaps the two "
        "are swapped",
    )


_PAIR = Prediction(
    (
        Column(
            "flux", "electron/s", 0, BRIGHTEST, description="Total flux; 0 for a galaxy that was not found."
        ),
        Column(
            "x",
            "pixel",
            -0.5,
            SIDE - 0.5,
            optional=True,
            description="Centre, column; scored, not ranked by.",
        ),
        Column(
            "y", "pixel", -0.5, SIDE - 0.5, optional=True, description="Centre, row; scored, not ranked by."
        ),
        Pixels("mask", (SIDE, SIDE), mask=True, description="Pixels in which it stands above the noise."),
    ),
    key="blend_id",
    together=(("x", "y"),),
    item=Item(
        "obj", description="0 is the galaxy at the centre of the image, 1 its companion.", remarks=swapped
    ),
    spread=Spread("id", ("g1_flux", "g2_flux"), "flux"),
)
_FLUXES = tuple(
    Column(
        f"flux_{band}", "electron", 0, BRIGHTEST, description=f"Total flux in {band}; 0 where it isn't seen."
    )
    for band in BANDS
)
_REFERENCE = Column(
    "flux_r",
    "electron",
    high=BRIGHTEST,
    above=0,
    description="Total flux in r; leave out a detection that has none.",
)
_PICTURES = (
    Pixels("mask", (SCENE_SIDE,) * 2, mask=True, description="Pixels in which it stands above 3 sigma in r."),
    Pixels(
        "image",
        (SCENE_SIDE,) * 2,
        planes=(len(BANDS), BANDS.index("r")),
        unit="electron",
        description="Its light alone in r; of all bands that one is kept.",
    ),
)
_AT = (
    Column("x", "pixel", -0.5, SCENE_SIDE - 0.5, description="Centre, column."),
    Column("y", "pixel", -0.5, SCENE_SIDE - 0.5, description="Centre, row."),
)
_SCENE = Prediction(
    (*_AT, *(_REFERENCE if f.name == "flux_r" else f for f in _FLUXES), *_PICTURES),
    key="blend_id",
    item=Item("det", MOST, "Number of the detection in its image."),
)
_KNOWN = Prediction((*_FLUXES, *_PICTURES), key="blend_id", item=Item("obj", description="As in the table."))

_IMAGE = (
    Product("blend_id", "", "number of the blend; carries no information"),
    Product("image", "", "the blend, background subtracted, (bands, rows, columns); unit in cameras.json"),
    Product("sigma", "", "rms of the background in a pixel, per band, in the unit of the image"),
    Product("psf_fwhm", "arcsec", "full width at half maximum of the PSF, per band"),
    Product("obj", "", "number of the galaxy in its blend"),
    Product("x", "pixel", "centre, column; the centre of the first pixel is 0"),
    Product("y", "pixel", "centre, row"),
    Product("type", "", "kind of galaxy"),
    Product(
        "r_half", "arcsec", "half-light radius it was drawn with, a disc's along its major axis; without PSF"
    ),
    Product("bulge_frac", "", "share of the bulge in the light"),
    Product("z", "", "redshift; of mock pairs there is none"),
    Product("blendedness", "", "1 - sum S_i^2 / sum S_i S of its noiseless image; 0 where it is alone"),
    Product("snr", "", "root of sum S_i^2 over sigma"),
    Product("scored", "", "whether it counts: snr of 5 and more"),
    Product("mask", "", "pixels in which its noiseless image stands above 1 (pairs) or 3 (scenes) sigma"),
    Product("e1", "", "shape of its noiseless image, (Qxx - Qyy)/(Qxx + Qyy) of weighted moments"),
    Product("e2", "", "the same, 2 Qxy/(Qxx + Qyy)"),
    Product("isolated", "", "its noiseless image alone, with PSF; option isolated"),
)


def _bands(names: tuple[str, ...], reference: str, unit: str, aperture: float) -> tuple[Product, ...]:
    of_band = [
        (
            Product(f"flux_{name}", unit, "total flux to infinity"),
            Product(f"flux_ap_{name}", unit, f'flux of its noiseless image within {aperture:g}"'),
        )
        for name in names
    ]
    return (
        *_IMAGE,
        *(product for pair in of_band for product in pair),
        Product(f"mag_{reference}", "AB mag", "its magnitude in the reference band"),
    )


_PAIR_PRODUCTS = _bands(("f160w",), "f160w", "electron/s", 0.5)
_SCENE_PRODUCTS = _bands(BANDS, "r", "electron", 1.0)

_PAIR_BOARDS = (
    Board(
        "fluxes",
        "Fluxes",
        ("mape",),
        ("mape", "mape_clip", "dm_std", "dm_nmad", "outlier", "missing", "flux_sum_bias", "centroid_px"),
        compare=("outlier", "mape"),
    ),
    Board(
        "masks", "Pixels", ("iou",), ("iou", "iou_central", "iou_companion", "iou_overlap"), requires="mask"
    ),
)
_IMAGES = Board(
    "images",
    "Images",
    ("recon",),
    ("recon", "cosine", "residual_chi2", "conservation", "e_m", "e_c"),
    requires="image",
)
_MASKS = Board("masks", "Pixels", ("iou",), ("iou", "deblend_error"), requires="mask")
_OF_SCENES = ("flux_mede_r", "dm_nmad_r", "colour_nmad_gr", "colour_nmad_ri")
_SCENE_BOARDS = (
    Board(
        "deblending",
        "Finding and measuring",
        ("deblend_error",),
        ("deblend_error", "recall", "precision", "f1", "centroid_px", *_OF_SCENES),
        compare=("recall", "deblend_error"),
    ),
    _MASKS,
    _IMAGES,
)
_KNOWN_BOARDS = (
    Board(
        "deblending",
        "Fluxes",
        ("deblend_error",),
        ("deblend_error", *_OF_SCENES),
        compare=("flux_mede_r", "deblend_error"),
    ),
    _MASKS,
    _IMAGES,
)
_SCENE_SIZES = {"tiny": Size(60, 60), "small": Size(1_500, 800), "full": Size(20_000, 5_000)}


def of_track(cases: Table, hidden: Mapping[str, Ragged], found: Ragged) -> Measured:
    """A chunk of blends by the function of its track; which that is, the prediction's columns say."""
    truth = hidden["truth_objects"]
    alone = {
        name: lists.columns[name]
        for lists in hidden.values()
        for name in ("isolated",)
        if name in lists.columns
    }
    objects = Ragged(truth.counts, truth.columns | alone)
    if "flux" in found.columns:
        return judging.measure_pair(cases, objects, found, bands=SPACE)
    of_scene = judging.measure_scene if "det" in found.columns else judging.measure_known
    return of_scene(cases, objects, found, bands=LSST)


def _about() -> str:
    return (files("blindsky.challenges.deblending") / "card.md").read_text(encoding="utf-8")


_scene = partial(Track, public=_SCENE_PRODUCTS, sizes=_SCENE_SIZES, slices=slices.OF_SCENES)
_pair = partial(Track, public=_PAIR_PRODUCTS, slices=slices.OF_PAIRS)

CHALLENGE = Challenge(
    name="deblending",
    title="Galaxy deblending",
    task="fluxes, places and pixels of galaxies that overlap",
    description=(
        "Given an image on which galaxies overlap, return the flux, the place and the pixels of each of them. A galaxy "
        "that is missed counts as a miss and never drops out."
    ),
    tracks=(
        _pair(
            name="pair",
            title="Pairs from space",
            description="Two galaxies in one band at the resolution of Hubble, one of them at the centre of the image.",
            published=PUBLISHED,
        ),
        _pair(
            name="pair_shift",
            title="Pairs, another test set",
            description=(
                "Training as in `pair`; the test set has a broader PSF, more noise, more irregular galaxies, third "
                "galaxies that are not asked for, and a few stars."
            ),
        ),
        _scene(
            name="scene",
            title="Scenes from the ground",
            description="Two to six galaxies in six bands, as Rubin will have them after ten years. None is listed.",
            prediction=_SCENE,
            metrics=metrics.SCENE,
            boards=_SCENE_BOARDS,
        ),
        _scene(
            name="scene_known",
            title="Scenes, galaxies known",
            description="As `scene`, other galaxies; where they are is given.",
            prediction=_KNOWN,
            metrics=metrics.SCENE_KNOWN,
            boards=_KNOWN_BOARDS,
        ),
    ),
    sizes={"tiny": Size(200, 120), "small": Size(4_000, 1_500), "full": Size(20_000, 6_000)},
    prediction=_PAIR,
    boards=_PAIR_BOARDS,
    metrics=metrics.PAIR,
    slices=(),
    figures=FIGURES,
    sky=simulate,
    measure=of_track,
    unit="blends",
    beside=("image", "sigma"),
    references=(
        Reference(
            "oracle",
            "Oracle",
            "Non-negative least squares with the true noiseless image of every galaxy: nobody can know more.",
        ),
    ),
    options=(
        Option("isolated", ("no", "yes"), "no", "Whether the training galaxies' images alone are published."),
    ),
    first_id={"train": 1, "test": 1_000_001},
    about=_about,
    pictures=PICTURES,
    importers={
        "coin": "blindsky.challenges.deblending.coin:coin",
        "coin-results": "blindsky.challenges.deblending.coin_results:coin_results",
        "btk": "blindsky.challenges.deblending.btk:btk",
    },
    citations=(
        "Boucaud et al. 2020, MNRAS 491, 2481, arXiv:1905.01324 (pairs, published results)",
        "Bosch et al. 2018, PASJ 70, S5 (blendedness)",
        "Mendoza et al. 2025, Open J. Astrophysics 8 (BlendingToolKit: scenes)",
        "Melchior et al. 2018, Astronomy and Computing 24, 129 (scarlet)",
        "Sersic 1968, Atlas de Galaxias Australes; Moffat 1969, A&A 3, 455 (profiles)",
    ),
)
