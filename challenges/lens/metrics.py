"""The metrics of the lens challenge: what each number is and its kind of interval.

Every metric of the score stands here twice: over all cases, and ``*_visible``, where sources too faint or too little
magnified to be lenses by the rule of the second challenge are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from blindsky.scoring import operating, ranking, reliability
from blindsky.scoring.measurements import FloatArray, Measurements
from blindsky.scoring.metric import Metric, Statistic
from blindsky.scoring.quantiles import absolute_deviation
from blindsky.scoring.regression import NORMAL_MAD
from blindsky.scoring.subset import count, prepare_within
from blindsky.scoring.sums import mean, mean_of

REIN_OUTLIER = 0.2
ONE_SIGMA = 0.6827
_NEEDS = ("label", "score")
_PAPER = "Metcalf+2019"
_LENSES = partial(count, columns=("label",))
FEW_ALLOWED = 2  # below this many allowed false positives a bootstrap covers far less than it says
_FEW = "depends on the number of non-lenses: never compare across test sizes"

AUROC = Metric(
    key="auroc",
    title="AUROC",
    direction="high",
    prepare=ranking.prepare_auroc,
    needs=_NEEDS,
    low=0.0,
    high=1.0,
    formula="chance that a lens scores above a non-lens, ties counted half",
    reference=f"Mann & Whitney 1947; the official criterion of {_PAPER}",
)
TPR0 = Metric(
    key="tpr0",
    title="TPR without a false positive",
    direction="high",
    prepare=ranking.prepare_tpr0,
    needs=_NEEDS,
    interval="binomial",
    trials=_LENSES,
    low=0.0,
    high=1.0,
    formula=f"share of lenses above every non-lens; interval at the observed threshold; {_FEW}",
    reference=_PAPER,
)
TPR10 = Metric(
    key="tpr10",
    title="TPR with fewer than ten false positives",
    direction="high",
    prepare=ranking.prepare_tpr10,
    needs=_NEEDS,
    interval="binomial",
    trials=_LENSES,
    low=0.0,
    high=1.0,
    formula=f"share of lenses above the tenth non-lens; interval at the observed threshold; {_FEW}",
    reference=_PAPER,
)


def _hangs_on_few(measurements: Measurements, fpr: float, within: str | None = None) -> bool:
    """Whether fewer than two of the non-lenses (of those in ``within``) may score above the threshold."""
    negative = ~measurements["label"].astype(bool)
    inside = negative if within is None else negative & measurements[within].astype(bool)
    return bool(fpr * np.count_nonzero(inside) < FEW_ALLOWED)


def _tpr_fpr(exponent: int) -> Metric:
    """TPR at a false-positive rate of 10^-exponent."""
    fpr = float(f"1e-{exponent}")
    return Metric(
        key=f"tpr_fpr{exponent}",
        title=f"TPR at FPR 1e-{exponent}",
        direction="high",
        prepare=partial(ranking.prepare_tpr_at_fpr, fpr=fpr),
        needs=_NEEDS,
        trials=_LENSES,
        sparse=partial(_hangs_on_few, fpr=fpr),
        low=0.0,
        high=1.0,
        formula=(
            f"largest share of lenses above a threshold with FPR <= 1e-{exponent}, no interpolation; where that "
            "allows fewer than two non-lenses, the interval is binomial at the observed threshold"
        ),
        reference=f"ROC curves of {_PAPER}",
    )


TPR_FPR3, TPR_FPR4, TPR_FPR2 = (_tpr_fpr(exponent) for exponent in (3, 4, 2))
FBETA = Metric(
    key="fbeta",
    title="F-beta",
    direction="high",
    prepare=operating.prepare_fbeta,
    needs=_NEEDS,
    low=0.0,
    high=1.0,
    formula=f"largest (1 + b2) P R/(b2 P + R) over thresholds, b2 = {operating.BETA2:g}",
    reference="van Rijsbergen 1979; Strong Lens Finding Challenge 2.0",
)
PURITY50 = Metric(
    key="purity50",
    title="Purity at 50 % completeness",
    direction="high",
    prepare=operating.prepare_purity,
    needs=_NEEDS,
    low=0.0,
    high=1.0,
    formula=(
        f"pi TPR/(pi TPR + (1 - pi) FPR) at the highest threshold with TPR >= {operating.COMPLETENESS:g}, "
        f"pi = {operating.PREVALENCE:g}"
    ),
    reference="Bayes' theorem with about one lens among a thousand candidates",
)
BRIER = Metric(
    key="brier",
    title="Brier score",
    direction="low",
    prepare=reliability.prepare_brier,
    needs=_NEEDS,
    low=0.0,
    high=1.0,
    formula="mean of (score - label)^2",
    reference="Brier 1950",
)
ECE = Metric(
    key="ece",
    title="Calibration error",
    direction="low",
    prepare=reliability.prepare_ece,
    needs=_NEEDS,
    low=0.0,
    high=1.0,
    formula=f"mean |share of lenses - mean score| over {reliability.BINS} equal bins of score, by weight",
    reference="Guo+2017",
)


def _at_fbeta(field: operating.Field) -> Metric:
    """What the threshold chosen by F-beta also gives: shown, never ranked."""
    return replace(
        FBETA,
        key=f"fbeta_{field}",
        title=f"{field.capitalize()} of F-beta",
        direction="none",
        prepare=partial(operating.prepare_fbeta, field=field),
        interval="none",
        formula=f"{field} at the threshold of fbeta, the highest of equals",
    )


FBETA_POINT = (_at_fbeta("precision"), _at_fbeta("recall"), _at_fbeta("threshold"))
SCORES = (AUROC, TPR0, TPR10, TPR_FPR3, TPR_FPR4, TPR_FPR2, FBETA, PURITY50, BRIER, ECE)


def _sparse_when_visible(metric: Metric) -> Callable[[Measurements], bool] | None:
    if not isinstance(metric.sparse, partial):
        return None
    return partial(metric.sparse, within="visible")


VISIBLE = tuple(
    replace(
        metric,
        key=f"{metric.key}_visible",
        title=f"{metric.title}, visible lenses",
        prepare=partial(prepare_within, prepare=metric.prepare, column="visible"),
        needs=(*metric.needs, "visible"),
        trials=partial(count, columns=("label", "visible")) if metric.trials is _LENSES else len,
        sparse=_sparse_when_visible(metric),
        formula=f"{metric.formula}; sources that are not is_lens left out",
    )
    for metric in SCORES
)


def _nmad(measurements: Measurements) -> Statistic:
    error = measurements.sample("rein_error")
    return lambda weights: NORMAL_MAD * absolute_deviation(error, weights)


def _outliers(measurements: Measurements) -> Statistic:
    def beyond(m: Measurements) -> FloatArray:
        return (np.abs(m.floats("rein_error")) > REIN_OUTLIER).astype(np.float64)

    return mean_of(measurements, "rein_out", beyond)


_RADII = ("label", "rein_error")
REIN = (
    Metric(
        key="rein_nmad",
        title="Einstein radius: scatter (NMAD)",
        direction="low",
        prepare=partial(prepare_within, prepare=_nmad, column="label"),
        needs=_RADII,
        low=0.0,
        formula="1.4826 median |d - median d| of the lenses, d = (theta_e - r_ein)/r_ein",
        reference="Hoaglin, Mosteller & Tukey 1983",
    ),
    Metric(
        key="rein_out",
        title="Einstein radius: outliers",
        direction="low",
        prepare=partial(prepare_within, prepare=_outliers, column="label"),
        needs=_RADII,
        interval="binomial",
        trials=_LENSES,
        low=0.0,
        high=1.0,
        formula=f"share of lenses with |theta_e - r_ein| > {REIN_OUTLIER:g} r_ein",
        reference="blindsky",
    ),
    Metric(
        key="rein_cov68",
        title="Einstein radius: coverage of the error",
        direction="target",
        prepare=partial(prepare_within, prepare=partial(mean, column="rein_covered"), column="label"),
        needs=(*_RADII, "rein_covered"),
        interval="binomial",
        trials=_LENSES,
        low=0.0,
        high=1.0,
        target=ONE_SIGMA,
        formula=f"share of lenses with |theta_e - r_ein| <= theta_e_err; {ONE_SIGMA:g} for honest errors",
        reference="coverage of a 1 sigma interval",
    ),
)

METRICS = (*SCORES, *FBETA_POINT, *VISIBLE, *REIN)
