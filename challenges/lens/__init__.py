"""The strong-lens challenge: its declaration. Formulas and numbers follow the works cited below."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec

from blindsky.challenges.challenge import Board, Challenge, Product, Reference, Size, Track
from blindsky.challenges.errors import MissingExtra
from blindsky.challenges.lens.figures import FIGURES
from blindsky.challenges.lens.measure import measure
from blindsky.challenges.lens.metrics import METRICS
from blindsky.challenges.lens.options import OPTIONS
from blindsky.challenges.lens.published import PUBLISHED
from blindsky.challenges.lens.slices import MASKED, SLICES
from blindsky.challenges.lens.stamps import PICTURES
from blindsky.challenges.prediction import Column, Prediction
from blindsky.challenges.skies import Sky

_LABELS = (
    Product("has_source", "", "whether a source was put behind the galaxy"),
    Product(
        "is_lens", "", "has_source, magnified more than 1.6 times, and more than 20 pixels above the noise"
    ),
    Product("label", "", "the class that this track scores"),
    Product("r_ein", "arcsec", "Einstein radius, from the area inside the critical curve; of every galaxy"),
    Product("npix", "", "pixels of the lensed source above the noise, without noise, in the reference band"),
    Product("flux_sigma", "noise rms", "light in those pixels"),
    Product("snr_arc", "", "signal to noise of a matched filter that knows everything else"),
    Product("contrast", "", "light of the lensed source over that of all else in the stamp"),
    Product("mu_eff", "", "magnification: lensed flux in the stamp over the unlensed flux"),
    Product(
        "n_images",
        "",
        "images of the source's centre; of a perturbed mass those magnified by at least 0.01",
    ),
    Product("z_lens", "", "redshift of the galaxy"),
    Product("z_source", "", "redshift of the source"),
    Product("mag_lens", "AB mag", "magnitude of the galaxy in the reference band"),
    Product("mag_source", "AB mag", "magnitude of the unlensed source in the reference band"),
    Product("impostor", "", "what imitates a lens: ring, spiral, merger, edgeon or chance; empty for none"),
    Product("q_mass", "", "axis ratio of the mass"),
    Product("gamma1", "", "external shear along the axes"),
    Product("gamma2", "", "external shear along the diagonals"),
)


def _public(bands: str, *, masks: bool = False, two_cameras: bool = False) -> tuple[Product, ...]:
    stamps = (
        (
            Product("image_vis", "maggies per pixel", "stamp in VIS [1, 200, 200], background subtracted"),
            Product(
                "image_nisp", "maggies per pixel", "stamps in Y, J, H [3, 66, 66], background subtracted"
            ),
        )
        if two_cameras
        else (
            Product("image", "maggies per pixel", f"stamps in {bands} [bands, row, column], sky subtracted"),
        )
    )
    bad = (Product("mask", "", "1 where a pixel is bad; the image is 0 there"),) if masks else ()
    return (
        Product("id", "", "name of the stamp; carries no information"),
        *stamps,
        *bad,
        Product("sigma", "maggies per pixel", f"noise rms in {bands}"),
        Product("psf_fwhm", "arcsec", f"width of the point spread in {bands}"),
        *_LABELS,
    )


def _prediction(stamp: float) -> Prediction:
    """What to send for stamps of a side of ``stamp`` arcsec; a few critical curves are wider than half of it."""
    return Prediction(
        (
            Column(
                "score",
                low=0,
                high=1,
                description="Confidence that the stamp shows a lens; ties are allowed.",
            ),
            Column(
                "theta_e",
                unit="arcsec",
                above=0,
                high=round(stamp / math.sqrt(2), 2),
                optional=True,
                description="Einstein radius, whatever the score.",
            ),
            Column("theta_e_err", unit="arcsec", above=0, optional=True, description="Its 1 sigma error."),
        ),
        key="id",
        together=(("theta_e", "theta_e_err"),),
        headerless=True,
    )


_SIZES = {
    "tiny": Size(train=400, test=300),
    "small": Size(train=6_000, test=6_000),
    "full": Size(train=20_000, test=100_000),
}
_SPACE, _GROUND = _prediction(10.1), _prediction(20.2)
_VIS, _UGRI = _public("VIS"), _public("u, g, r, i", masks=True)


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> Sky:
    """The sky of a track, see sky.py; MissingExtra without torch, which renders the stamps."""
    from blindsky.challenges.lens import sky

    if find_spec("torch") is None:
        raise MissingExtra("torch", "torch", "drawing strong lenses")
    return sky.simulate(track, size, options)


def _about() -> str:
    return (files("blindsky.challenges.lens") / "card.md").read_text(encoding="utf-8")


CHALLENGE = Challenge(
    name="lens",
    title="Strong gravitational lenses",
    task="classification of images",
    description=(
        "Given a postage stamp centred on a galaxy, say how confident you are that a background galaxy is strongly "
        "lensed by it. About one candidate in a thousand is a lens, so what counts is the share of lenses found "
        "at very few false positives."
    ),
    tracks=(
        Track(
            name="space",
            title="Space",
            description="One band at 0.1 arcsec per pixel, as the space branch of the first challenge.",
            public=_VIS,
            published=PUBLISHED["space"],
        ),
        Track(
            name="ground",
            title="Ground",
            description="u, g, r, i at 0.2 arcsec per pixel, bad pixels, as the ground branch of the first challenge.",
            public=_UGRI,
            published=PUBLISHED["ground"],
            prediction=_GROUND,
            slices=MASKED,
        ),
        Track(
            name="space_shift",
            title="Space, another sky",
            description="Training as in `space`; the test has other galaxies, more impostors, varying point spread.",
            public=_VIS,
        ),
        Track(
            name="ground_shift",
            title="Ground, another sky",
            description="Training as in `ground`; the test has other galaxies, more impostors, varying conditions.",
            public=_UGRI,
            prediction=_GROUND,
            slices=MASKED,
        ),
        Track(
            name="euclid",
            title="Euclid",
            description=(
                "VIS with Y, J, H in the style of the second challenge: the natural population of lenses, impostors in "
                "a quarter of the stamps without a source. A source too faint to see does not count as a lens."
            ),
            public=_public("VIS, Y, J, H", two_cameras=True),
            prediction=_prediction(20.0),
            sizes={**_SIZES, "full": Size(train=100_000, test=100_000)},
        ),
    ),
    sizes=_SIZES,
    prediction=_SPACE,
    boards=(
        Board(
            name="finding",
            title="Finding lenses",
            primary=("tpr_fpr3",),
            metrics=(
                "tpr_fpr3",
                "auroc",
                "tpr0",
                "tpr10",
                "tpr_fpr2",
                "tpr_fpr4",
                "purity50",
                "fbeta",
                "brier",
                "ece",
            ),
            compare=("auroc", "tpr_fpr3"),
        ),
        Board(
            name="visible",
            title="Finding visible lenses",
            primary=("tpr_fpr3_visible",),
            metrics=(
                "tpr_fpr3_visible",
                "auroc_visible",
                "tpr0_visible",
                "tpr10_visible",
                "purity50_visible",
            ),
        ),
        Board(
            name="radius",
            title="Einstein radii",
            primary=("rein_nmad",),
            requires="theta_e",
            metrics=("rein_nmad", "rein_out", "rein_cov68"),
        ),
    ),
    metrics=METRICS,
    slices=SLICES,
    figures=FIGURES,
    pictures=PICTURES,
    sky=simulate,
    measure=measure,
    unit="images",
    references=(
        Reference(
            "oracle",
            "Matched filter",
            "Knows galaxy and arc to the last pixel and has only the noise against it: the best that is possible.",
        ),
    ),
    first_id={"train": 100_000, "test": 200_000},
    options=OPTIONS,
    about=_about,
    importers={"bologna": "blindsky.challenges.lens.official:bologna"},
    exporters={"fits": "blindsky.challenges.lens.export:fits"},
    citations=(
        "Metcalf et al. 2019, A&A 625, A119, arXiv:1802.03609 (strong gravitational lens finding challenge)",
        "Kormann, Schneider & Bartelmann 1994, A&A 284, 285; Keeton 2001, astro-ph/0102341 (isothermal ellipsoid)",
        "Tessore & Metcalf 2015, A&A 580, A79 (elliptical power law)",
        "Choi, Park & Vogeley 2007, ApJ 658, 884; Collett 2015, ApJ 811, 20 (natural population)",
        "Bernardi et al. 2003, AJ 125, 1849; Shen et al. 2003, MNRAS 343, 978 (galaxies)",
        "Coleman, Wu & Weedman 1980, ApJS 43, 393 (spectra)",
    ),
)
