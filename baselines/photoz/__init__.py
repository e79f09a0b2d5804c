"""First answers to the photometric-redshift challenge, one file per method; nothing heavy is imported."""

from __future__ import annotations

from blindsky.baselines.baseline import Baseline

_HERE = "blindsky.baselines.photoz"
_BOTH = ("z_point", "pdf")

BASELINES = (
    Baseline(
        name="trainz",
        title="trainZ",
        description=("The labels' N(z) as the density of every galaxy: perfectly calibrated, and ignorant."),
        train=f"{_HERE}.trainz:train",
        fields=_BOTH,
        reference="Schmidt et al. 2020, MNRAS 499, 1587",
    ),
    Baseline(
        name="constant",
        title="Constant",
        description="The median label for every galaxy: what any method has to beat.",
        train=f"{_HERE}.constant:train",
        fields=("z_point",),
        reference="Schmidt et al. 2020, MNRAS 499, 1587",
    ),
    Baseline(
        name="knn",
        title="Nearest neighbours",
        description=(
            "A kernel density of the redshifts of the 20 labelled galaxies nearest in magnitude and colours."
        ),
        train=f"{_HERE}.knn:train",
        fields=_BOTH,
        reference="Graham et al. 2018, AJ 155, 1 (colour-matched nearest neighbours)",
    ),
    Baseline(
        name="histgb",
        title="Gradient boosting",
        description=(
            "Gradient boosting of histogram trees on magnitude and colours, absolute error of ln(1 + z)."
        ),
        train=f"{_HERE}.histgb:train",
        fields=("z_point",),
        reference="Ke et al. 2017, NeurIPS 30 (LightGBM); scikit-learn",
    ),
    Baseline(
        name="adaboost",
        title="AdaBoost",
        description="100 boosted trees of depth 12 on magnitude and colours, the classic choice.",
        train=f"{_HERE}.adaboost:train",
        fields=("z_point",),
        reference="Hoyle et al. 2015, MNRAS 452, 4183; Drucker 1997 (AdaBoost.R2)",
        seeded=True,
    ),
    Baseline(
        name="template",
        title="Template fitting",
        description=(
            "Chi-square of the public templates with a 3 % flux floor, times a prior of magnitude and type."
        ),
        train=f"{_HERE}.template:train",
        fields=_BOTH,
        reference="Benitez 2000, ApJ 536, 571 (BPZ)",
    ),
    Baseline(
        name="mdn",
        title="Mixture density network",
        description="A small neural network that gives a mixture of five Gaussians in ln(1 + z).",
        train=f"{_HERE}.mdn:train",
        fields=_BOTH,
        reference="Bishop 1994, NCRG/94/004; D'Isanto & Polsterer 2018, A&A 609, A111",
        extra="torch",
        seeded=True,
    ),
    Baseline(
        name="mdn_reweight",
        title="Mixture density network, reweighted",
        description=(
            "The same network on labels resampled to be spread in the features as the test galaxies are."
        ),
        train=f"{_HERE}.mdn_reweight:train",
        fields=_BOTH,
        reference="Lima et al. 2008, MNRAS 390, 118",
        tracks=("biased",),
        extra="torch",
        seeded=True,
    ),
)
