"""The transients challenge: its declaration. Formulas and numbers follow the works cited below."""

from __future__ import annotations

from importlib.resources import files

from blindsky.challenges.challenge import Board, Challenge, Product, Track
from blindsky.challenges.prediction import Column, Prediction, Probabilities
from blindsky.challenges.transients import counts
from blindsky.challenges.transients.classes import DAYS, NUMBERS
from blindsky.challenges.transients.figures import FIGURES
from blindsky.challenges.transients.measure import measure
from blindsky.challenges.transients.metrics import METRICS
from blindsky.challenges.transients.sky import simulate
from blindsky.challenges.transients.slices import SLICES

_PUBLIC = (
    Product("object_id", "", "name of the object; carries no information"),
    Product("ra", "deg", "right ascension"),
    Product("decl", "deg", "declination"),
    Product("gal_l", "deg", "Galactic longitude"),
    Product("gal_b", "deg", "Galactic latitude"),
    Product("ddf", "", "1 in the deep drilling fields, 0 in the wide survey"),
    Product(
        "hostgal_specz", "", "spectroscopic redshift of the host; NaN where none was taken, 0 in our Galaxy"
    ),
    Product("hostgal_photoz", "", "photometric redshift of the host; 0 in our Galaxy"),
    Product("hostgal_photoz_err", "", "its stated error; 0 in our Galaxy"),
    Product("distmod", "mag", "distance modulus at hostgal_photoz; NaN in our Galaxy"),
    Product("mwebv", "mag", "E(B-V) of the Milky Way's dust before the object"),
    Product("target", "", "number of the class; training objects only"),
    Product("mjd", "day", "time of an observation"),
    Product("passband", "", "0 to 5 for u, g, r, i, z, y"),
    Product(
        "flux",
        "FLUXCAL",
        "flux above the template, corrected for dust: m = 27.5 - 2.5 log10 F; may be negative",
    ),
    Product("flux_err", "FLUXCAL", "1 sigma error of flux"),
    Product("detected", "", "1 where the difference image has a detection"),
)
_CUT = Product("epoch_cut", "day", "the light curve ends so long after the trigger; test objects only")

_SCORES = ("logloss_known", "macro_auc", "balanced_accuracy", "macro_f1", "brier", "snia_fom")
_NOVELTY = Board(
    name="novelty",
    title="Finding what was never seen",
    primary=("novelty_auroc",),
    metrics=("novelty_auroc", "novelty_ap", *(f"novelty_auroc_{n}" for n in (991, 992, 993, 994))),
    compare=("weighted_logloss", "novelty_auroc"),
)


def _about() -> str:
    return (files("blindsky.challenges.transients") / "card.md").read_text(encoding="utf-8")


CHALLENGE = Challenge(
    name="transients",
    title="Transients and variables",
    task="classification of light curves",
    description=(
        "Given a sparse and noisy light curve in six bands and a few numbers about its host and place, give the "
        "probability of every class. The training set is bright and unlike the test set, whose class 99 it does not "
        "hold at all. Every class counts by its weight, however many objects it has."
    ),
    tracks=(
        Track(
            name="biased",
            title="Spectroscopic training set",
            description=(
                "Training objects are those bright enough for a spectrum, a quarter of them in the deep fields. Test "
                "light curves are whole. The setting of PLAsTiCC."
            ),
            public=_PUBLIC,
        ),
        Track(
            name="representative",
            title="Representative training set",
            description=(
                "As many training objects of every class as in `biased`, but of any brightness and spread over the "
                "surveys as the test set is."
            ),
            public=_PUBLIC,
        ),
        Track(
            name="early",
            title="Early light curves",
            description=(
                f"Training as in `biased`; every test light curve ends {', '.join(map(str, DAYS))} days after the "
                "trigger, one of them by lot."
            ),
            public=(*_PUBLIC, _CUT),
            boards=(
                Board(
                    name="early",
                    title="Early classification",
                    primary=("early_logloss",),
                    metrics=("early_logloss", *(f"logloss_{day}" for day in DAYS), *_SCORES),
                    compare=("logloss_0", "logloss_128"),
                ),
                _NOVELTY,
            ),
        ),
    ),
    sizes={"tiny": counts.TINY, "small": counts.SMALL, "full": counts.FULL},
    prediction=Prediction(
        (
            Probabilities(
                tuple(f"class_{number}" for number in NUMBERS),
                description="Probability of each class; class_99 is for what the training set does not hold.",
            ),
            Column(
                "anomaly_score", optional=True, description="How strange the object is; larger is stranger."
            ),
        )
    ),
    boards=(
        Board(
            name="classification",
            title="Classification",
            primary=("weighted_logloss",),
            metrics=("weighted_logloss", *_SCORES),
            compare=("macro_auc", "weighted_logloss"),
        ),
        _NOVELTY,
    ),
    metrics=METRICS,
    slices=SLICES,
    figures=FIGURES,
    sky=simulate,
    measure=measure,
    unit="objects",
    about=_about,
    importers={
        "plasticc": "blindsky.challenges.transients.official:plasticc",
        "snana": "blindsky.challenges.transients.snana:snana",
    },
    plates="blindsky.challenges.transients.plates:plates",
    exporters={"csv": "blindsky.challenges.transients.export:csv"},
    citations=(
        "Kessler et al. 2019, PASP 131, 094501 (models and simulations of PLAsTiCC)",
        "Malz et al. 2019, AJ 158, 171 (metric); Hlozek et al. 2023, ApJS 267, 25 (results)",
        "Boone 2019, AJ 158, 257 (avocado: cadence and noise of the test set)",
        "Villar et al. 2019, ApJ 884, 83 (supernova light curves)",
        "Hsiao et al. 2007, ApJ 663, 1187; Guy et al. 2007, A&A 466, 11 (type Ia spectra, stretch and colour)",
        "Nicholl, Guillochon & Berger 2017, ApJ 850, 55 (superluminous supernovae)",
        "MacLeod et al. 2010, ApJ 721, 1014; Suberlak, Ivezic & MacLeod 2021, ApJ 907, 96 (quasar variability)",
        "Davenport et al. 2014, ApJ 797, 122 (flares); Sesar et al. 2010, ApJ 708, 717 (RR Lyrae)",
    ),
)
