"""The photometric-redshift challenge: its declaration. Formulas and numbers follow the works cited below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.challenge import Board, Challenge, Option, Product, Reference, Size, Slice, Track
from blindsky.challenges.photoz import culling
from blindsky.challenges.photoz.examples import EXAMPLES
from blindsky.challenges.photoz.features import label_support, magnitude_and_colours
from blindsky.challenges.photoz.figures import FIGURES
from blindsky.challenges.photoz.filters import LSST, NISP
from blindsky.challenges.photoz.measure import measure
from blindsky.challenges.photoz.metrics import METRICS
from blindsky.challenges.photoz.oracle import GRID
from blindsky.challenges.photoz.photometry import magnitude
from blindsky.challenges.photoz.sky import simulate
from blindsky.challenges.prediction import Column, Density, Prediction
from blindsky.scoring.measurements import Table

_BESIDE = (  # columns of filters.parquet, templates.parquet and derived.parquet
    Product("band", "", "suffix of the columns of its fluxes"),
    Product("wavelength", "Angstrom", "of the knots of a band, as observed; of a template, at rest"),
    Product("transmission", "", "relative transmission at the knots, linear between them"),
    Product("template_id", "", "number of the template"),
    Product("type_t", "", "spectral type, from 0 for the oldest stars to 5 for the youngest"),
    Product("ebv", "mag", "E(B-V) of its dust"),
    Product("f_lambda", "", "flux per wavelength; 1 at 5500 Angstrom before dust"),
    Product("i_obs", "AB mag", "magnitude of the observed flux in i; test objects only"),
)
_INSIDE = Product(culling.INSIDE, "", "whether the labels reach so far; test objects only")


def _public(bands: tuple[str, ...]) -> tuple[Product, ...]:
    fluxes = [Product(f"flux_{b}", "nJy", f"observed flux in {b}; may be zero or negative") for b in bands]
    errors = [
        Product(f"flux_err_{b}", "nJy", f"1 sigma error of flux_{b}, photometric noise only") for b in bands
    ]
    return (
        Product("object_id", "", "name of the galaxy; carries no information"),
        *fluxes,
        *errors,
        Product("redshift", "", "catalogue redshift, training split only; may be wrong in the biased track"),
        Product("survey", "", "training split only: which selection labelled the galaxy"),
        *_BESIDE,
    )


def _between(column: str, low: float, high: float) -> Callable[[Table], NDArray[np.bool_]]:
    return lambda table: np.asarray((table[column] >= low) & (table[column] < high))


def _equal(column: str, number: int) -> Callable[[Table], NDArray[np.bool_]]:
    return lambda table: np.asarray(table[column] == number)


def _faint_u(table: Table) -> NDArray[np.bool_]:
    return np.asarray(table["flux_u"] < 3 * table["flux_err_u"])


_MAGNITUDES = ((0, 22), (22, 23), (23, 24), (24, 24.7), (24.7, 25.3))
_REDSHIFTS = ((0, 0.5), (0.5, 1), (1, 1.5), (1.5, 2), (2, 3))

SLICES = (
    *(
        Slice(
            f"i < {b:g}" if a == 0 else f"{a:g} <= i < {b:g}",
            ("i_obs",),
            _between("i_obs", a, b),
            "magnitude",
        )
        for a, b in _MAGNITUDES
    ),
    *(
        Slice(f"{a:g} <= z < {b:g}", ("z_true",), _between("z_true", a, b if b < 3 else np.inf), "redshift")
        for a, b in _REDSHIFTS
    ),
    *(
        Slice(name, ("type_class",), _equal("type_class", number), "type")
        for number, name in enumerate(("elliptical", "spiral", "irregular"))
    ),
    Slice("S/N in u < 3", ("flux_u", "flux_err_u"), _faint_u, "signal to noise"),
)


def derive(
    track: Track, train: Callable[[], Table], extras: Mapping[str, dict[str, Any]]
) -> Callable[[Table], Table]:
    """Public columns that follow from the photometry: i_obs, and on ``biased`` whether the labels reach an object."""
    bands = tuple(extras["bands"]["bands"])
    b = np.array([extras["bands"]["softening_njy"][band] for band in bands])
    spectroscopic = culling.SLICES[0] in track.slices
    inside = label_support(magnitude_and_colours(train(), bands, b)) if spectroscopic else None

    def columns(test: Table) -> Table:
        found: Table = {}
        if "flux_i" in test:
            flux = np.maximum(test["flux_i"].astype(np.float64), np.finfo(np.float32).tiny)
            found["i_obs"] = magnitude(flux).astype(np.float32)
        if inside is not None:
            found[culling.INSIDE] = inside(magnitude_and_colours(test, bands, b))
        return found

    return columns


def _about() -> str:
    return (files("blindsky.challenges.photoz") / "card.md").read_text(encoding="utf-8")


CHALLENGE = Challenge(
    name="photoz",
    title="Photometric redshifts",
    task="regression with a probability density",
    description=(
        "Given broad-band fluxes of a galaxy, return its redshift as a point and as a probability density p(z). "
        "Where the sky is generated its own posterior is known, and an entry is scored by the information that it "
        "loses against this best possible answer."
    ),
    tracks=(
        Track(
            name="representative",
            title="Representative labels",
            description="ugrizy at LSST 10-year depth; labels are a random subset of the test population.",
            public=_public(LSST),
        ),
        Track(
            name="biased",
            title="Spectroscopic labels",
            description=(
                "ugrizy; labels are what spectrographs reach: bright, low redshift, a few of them wrong. "
                "The realistic setting, with covariate shift."
            ),
            public=(*_public(LSST), _INSIDE),
            slices=culling.SLICES,
        ),
        Track(
            name="nir",
            title="With near-infrared bands",
            description="ugrizy and Euclid YJH; representative labels. What the near-infrared adds.",
            public=_public((*LSST, *NISP)),
        ),
    ),
    sizes={
        "tiny": Size(train=2_000, test=2_000),
        "small": Size(train=10_000, test=20_000),
        "full": Size(train=44_404, test=399_356),
    },
    prediction=Prediction(
        (
            Column("z_point", low=GRID.low, high=GRID.high, description="Redshift as one number."),
            Density(
                "pdf", GRID, optional=True, description="p(z) at the nodes, piecewise linear between them."
            ),
        )
    ),
    boards=(
        Board(
            name="density",
            title="Density board",
            primary=("excess_nats", "mean_log_p"),
            requires="pdf",
            metrics=(
                "excess_nats",
                "mean_log_p",
                "cde_loss",
                "crps",
                "pit_ks",
                "pit_outlier",
                "nz_w1",
                "f05",
            ),
            compare=("cde_loss", "pit_ks"),
        ),
        Board(
            name="point",
            title="Point board",
            primary=("sigma_nmad",),
            metrics=("sigma_nmad", "out15", "out3", "mu", "mean_bias", "sigma68", "sigma95", "tomo_bias_max"),
        ),
    ),
    metrics=METRICS,
    slices=SLICES,
    figures=(*FIGURES, *culling.FIGURES),
    sky=simulate,
    measure=measure,
    references=(
        Reference(
            "oracle",
            "Oracle posterior",
            "The generator's own posterior, a sum over its templates, redshifts and prior: the best the noise allows.",
        ),
    ),
    options=(Option("depth", ("y10", "y1"), "y10", "Depth of the survey: ten years of LSST, or one."),),
    unit="galaxies",
    derive=derive,
    about=_about,
    plates="blindsky.challenges.photoz.plates:plates",
    examples=EXAMPLES,
    importers={
        "dc2": "blindsky.challenges.photoz.official:dc2",
        "catalogue": "blindsky.challenges.photoz.official:catalogue",
    },
    citations=(
        "Schmidt et al. 2020, MNRAS 499, 1587 (LSST DESC Data Challenge 1)",
        "Benitez 2000, ApJ 536, 571 (prior)",
        "Ivezic et al. 2019, ApJ 873, 111 (LSST depths and errors)",
        "Scaramella et al. 2022, A&A 662, A112 (Euclid depths)",
        "Calzetti et al. 2000, ApJ 533, 682 (dust); Madau 1995, ApJ 441, 18 (intergalactic medium)",
    ),
)
