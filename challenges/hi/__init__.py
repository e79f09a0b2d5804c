"""The HI challenge: its declaration. Formulas and numbers follow the works cited below."""

from __future__ import annotations

from functools import partial
from importlib.resources import files

from blindsky.challenges.challenge import Challenge, Product, Reference, Track
from blindsky.challenges.hi.boards import BOARDS
from blindsky.challenges.hi.figures import FIGURES
from blindsky.challenges.hi.galleries import GALLERIES, MAP
from blindsky.challenges.hi.measure import measure
from blindsky.challenges.hi.metrics import METRICS
from blindsky.challenges.hi.pictures import PICTURES
from blindsky.challenges.hi.published import PUBLISHED
from blindsky.challenges.hi.remarks import remarks
from blindsky.challenges.hi.sky import SIZES, simulate
from blindsky.challenges.hi.slices import SLICES, SURVEY
from blindsky.challenges.prediction import Catalogue, Column, Prediction

MOST = {"tiny": 2_000, "small": 5_000, "dev": 20_000, "ldev": 60_000, "full": 1_200_000}

_PREDICTION = Prediction(
    (
        Column("ra", "deg", 0, 360, description="Right ascension of the centre, FK5."),
        Column("dec", "deg", -90, 90, description="Declination of the centre, FK5."),
        Column(
            "hi_size", "arcsec", above=0, high=300, description="Diameter, major axis, at 1 Msun/pc2 face-on."
        ),
        Column("line_flux_integral", "Jy Hz", above=0, high=1e6, description="Flux of the line."),
        Column("central_freq", "Hz", above=1e8, high=1.5e9, description="1420.405752 MHz over 1 + z."),
        Column(
            "pa", "deg", 0, 360, description="Of the receding half of the major axis, north through east."
        ),
        Column("i", "deg", 0, 90, description="Inclination; 0 is face-on."),
        Column("w20", "km/s", above=0, high=2000, description="Full width at 20 % of the peak, at rest."),
        Column("conf", "", 0, 1, optional=True, description="How sure the finder is; for diagnostics alone."),
    ),
    key="block",
    catalogue=Catalogue("id", MOST, remarks),
    blanks=True,
)

_PRODUCTS = (
    Product("block", "", "number of the block of sky and band, the unit of resampling"),
    Product("x0", "pixel", "first column of the block; the centre of the first pixel is 0"),
    Product("x1", "pixel", "the column behind its last"),
    Product("y0", "pixel", "first row"),
    Product("y1", "pixel", "the row behind its last"),
    Product("chan0", "", "first global channel; channel k has its centre at 950 MHz + 30 kHz k"),
    Product("chan1", "", "the channel behind its last"),
    Product("freq_hz", "Hz", "centre of the channel"),
    Product("rms_jy_beam", "Jy/beam", "nominal rms of the noise in the channel, interference included"),
    Product("gamma", "", "factor of interference in it"),
    Product("flag", "", "gamma of 2 and more; the data are there"),
    Product("id", "", "number of the source in its field"),
    Product("ra", "deg", "dynamical centre, FK5"),
    Product("dec", "deg", "dynamical centre, FK5"),
    Product("hi_size", "arcsec", "diameter, major axis, where the surface density face-on is 1 Msun/pc2"),
    Product("line_flux_integral", "Jy Hz", "flux over all velocities, even those outside the cube"),
    Product("central_freq", "Hz", "1420.405752 MHz over 1 + z"),
    Product("pa", "deg", "of the receding half of the major axis, north through east"),
    Product("i", "deg", "inclination; 0 is face-on"),
    Product("w20", "km/s", "full width of the line at 20 % of its peak, at rest"),
    Product("z", "", "redshift"),
    Product("log_mhi", "log10 Msun", "mass of atomic hydrogen"),
    Product("v_flat", "km/s", "rotation of the outer disc"),
    Product("sigma_v", "km/s", "dispersion of the gas"),
    Product("mu", "Msun/pc2", "mean surface density within half of hi_size"),
    Product("lop", "", "amplitude of lopsidedness"),
    Product("lop_phase", "deg", "azimuth of it"),
    Product("warp", "deg", "turn of the position angle per unit of radius beyond 0.7"),
    Product("x", "pixel", "centre, column"),
    Product("y", "pixel", "centre, row"),
    Product("chan", "", "centre, global channel with its fraction"),
    Product("snr", "", "flux over noise, in an aperture of its size and width"),
    Product("f_in", "", "share of its light that lies in the cube"),
    Product("flux", "Jy", "of a continuum source, at 1.4 GHz"),
    Product("alpha", "", "its spectral index: flux goes as frequency to this power"),
    Product("major", "arcsec", "its full width at half maximum, before the beam; 0 for a point"),
    Product("minor", "arcsec", "the same across"),
)


def _about() -> str:
    return (files("blindsky.challenges.hi") / "card.md").read_text(encoding="utf-8")


_track = partial(Track, public=_PRODUCTS, published=PUBLISHED)

CHALLENGE = Challenge(
    name="hi",
    title="HI source finding",
    task="a catalogue of galaxies in a radio cube",
    description=(
        "Given a cube of positions and frequencies with far more noise than signal, find the galaxies that shine in "
        "the 21 cm line and measure each of them. A false detection costs as much as a perfect one earns."
    ),
    tracks=(
        _track(
            name="core",
            title="Discs and noise",
            description="Rotating discs at random places in noise with the beam's correlation.",
        ),
        _track(
            name="survey",
            title="As a survey finds it",
            description=(
                "As `core`, clustered and with warps, interference in some channels, and what is left where bright "
                "continuum sources were subtracted."
            ),
            slices=SURVEY,
        ),
    ),
    sizes=SIZES,
    prediction=_PREDICTION,
    boards=BOARDS,
    metrics=METRICS,
    slices=SLICES,
    figures=(*FIGURES, MAP, *GALLERIES),
    sky=simulate,
    measure=measure,
    unit="blocks of sky",
    beside=("test", "test_channels"),
    references=(
        Reference(
            "oracle",
            "Perturbed truth",
            "Every source with S/N 5 and more, with errors of 5/(S/N).",
            "yardstick",
        ),
        Reference("null", "Empty catalogue", "No row at all.", "yardstick"),
        Reference("ladder_perfect", "All of the truth", "Every source as it is.", "yardstick"),
        Reference("ladder_angles", "Truth, angles constant", "pa 0, i 60 deg.", "yardstick"),
        Reference("ladder_size", "Truth, sizes constant", "Also hi_size 8.5 arcsec.", "yardstick"),
        Reference("ladder_width", "Truth, widths constant", "Also w20 220 km/s.", "yardstick"),
        Reference(
            "ladder_flux",
            "Truth, fluxes constant",
            "Also 5.6 Jy Hz: places and frequencies alone.",
            "yardstick",
        ),
    ),
    first_id={"train": 0, "test": 0},
    about=_about,
    pictures=PICTURES,
    plates="blindsky.challenges.hi.plates:plates",
    importers={"sdc2": "blindsky.challenges.hi.official:sdc2"},
    converters={"sofia": "blindsky.challenges.hi.sofia:convert"},
    citations=(
        "Hartley et al. 2023, MNRAS 523, 1967 (SKA Science Data Challenge 2)",
        "Jones et al. 2018, MNRAS 477, 2 (mass function of ALFALFA)",
        "Wang et al. 2016, MNRAS 460, 2143 (size and mass)",
        "Duffy et al. 2012, MNRAS 426, 3385 (mass and flux)",
        "Hopkins et al. 2003, AJ 125, 465 (counts of continuum sources)",
        "Serra et al. 2015, MNRAS 448, 1922; Westmeier et al. 2021, MNRAS 506, 3962 (SoFiA)",
    ),
)
