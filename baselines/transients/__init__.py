"""First answers to the transients challenge, one file per method; nothing heavy is imported."""

from __future__ import annotations

from blindsky.baselines.baseline import Baseline
from blindsky.challenges.transients.classes import NUMBERS

_HERE = "blindsky.baselines.transients"
_FIELDS = tuple(f"class_{n}" for n in NUMBERS)
_SCORED = (*_FIELDS, "anomaly_score")

BASELINES = (
    Baseline(
        name="constant",
        title="Constant",
        description="Each class in proportion to its weight in the score, for every object: the best without data.",
        train=f"{_HERE}.constant:train",
        fields=_FIELDS,
        reference="Malz et al. 2019, AJ 158, 171",
    ),
    Baseline(
        name="galactic",
        title="Constant, Galactic apart",
        description="The same, with the classes of our Galaxy for what lies in it and the others for what does not.",
        train=f"{_HERE}.constant:train_galactic",
        fields=_FIELDS,
        reference="Malz et al. 2019, AJ 158, 171",
    ),
    Baseline(
        name="bigru",
        title="Recurrent network",
        description=(
            "Reads a light curve as a list of observations in both directions; training objects are moved farther away."
        ),
        train=f"{_HERE}.bigru:train",
        fields=(*_FIELDS, "anomaly_score"),
        reference="Cho et al. 2014, arXiv:1406.1078; Boone 2019, AJ 158, 257",
        extra="torch",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="transformer",
        title="Transformer",
        description="Attention between observations, whenever and in whatever band; the same training objects.",
        train=f"{_HERE}.transformer:train",
        fields=(*_FIELDS, "anomaly_score"),
        reference="Vaswani et al. 2017, arXiv:1706.03762; Boone 2019, AJ 158, 257",
        extra="torch",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="gp",
        title="Gaussian processes",
        description=(
            "A process in time and wavelength for every light curve; trees read its shape, "
            "also that of copies of training objects seen farther away."
        ),
        train=f"{_HERE}.gp:train",
        fields=(*_FIELDS, "anomaly_score"),
        reference="Boone 2019, AJ 158, 257",
        extra="torch",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="metadata_gbm",
        title="Gradient boosting on metadata",
        description="Boosted trees on place, host redshift and dust, without a look at the light curve.",
        train=f"{_HERE}.trees:train_metadata",
        fields=_SCORED,
        reference="Malz et al. 2019, AJ 158, 171",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="features_rf",
        title="Random forest on features",
        description="A random forest of 400 trees on features of the light curve; novelty from classes left out.",
        train=f"{_HERE}.trees:train_forest",
        fields=_SCORED,
        reference="Lochner et al. 2016, ApJS 225, 31; Breiman 2001",
        seeded=True,
    ),
    Baseline(
        name="features_gbm",
        title="Gradient boosting on features",
        description="Boosted trees on features of the light curve, as most entries to PLAsTiCC; novelty from classes "
        "left out.",
        train=f"{_HERE}.trees:train_boosting",
        fields=_SCORED,
        reference="Boone 2019, AJ 158, 257; Hlozek et al. 2023, ApJS 267, 25",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="isolation_forest",
        title="Isolation forest",
        description="How soon random cuts in the features set an object apart, beside constant probabilities.",
        train=f"{_HERE}.isolation:train",
        fields=_SCORED,
        reference="Liu, Ting & Zhou 2008, ICDM, 413; Ishida et al. 2021, A&A 650, A195",
        seeded=True,
    ),
)
