"""The metrics of the transients challenge: what each number is and its kind of interval.

Replicates are sums over classes in single precision; those of the areas under the curves of ROC and of precision and
recall are of first order in the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from blindsky.challenges.transients.classes import CLASSES, DAYS, HIDDEN, NUMBERS, OTHER, SNIA, WEIGHTS
from blindsky.scoring import classification, contrasts
from blindsky.scoring.contrasts import Area, Contrast
from blindsky.scoring.metric import Direction, Metric, Statistic

_K = len(CLASSES)
_OTHER = NUMBERS.index(OTHER)
_KNOWN = tuple(0.0 if number == OTHER else weight for number, weight in zip(NUMBERS, WEIGHTS, strict=True))
_PLASTICC = "Malz+2019"
_LOSS = ("y", "log_p")
_CALLED = ("y", "called")


def _metric(
    key: str,
    title: str,
    direction: Direction,
    prepare: Callable[..., Statistic],
    needs: tuple[str, ...],
    formula: str,
    reference: str,
    **facts: Any,
) -> Metric:
    """A metric whose replicates have a statistic of their own."""
    return Metric(
        key=key,
        title=title,
        direction=direction,
        prepare=prepare,
        replicate=partial(prepare, use="replicates"),
        needs=needs,
        formula=formula,
        reference=reference,
        **{"low": 0.0, **facts},
    )


def _logloss(
    key: str, title: str, class_weights: tuple[float, ...], formula: str, epoch: int | None = None
) -> Metric:
    return _metric(
        key,
        title,
        "low",
        partial(classification.prepare_logloss, class_weights=class_weights, epoch=epoch),
        _LOSS if epoch is None else (*_LOSS, "epoch"),
        formula,
        _PLASTICC,
        unit="nat",
    )


def _area(key: str, title: str, area: Area, contrast: Contrast, formula: str) -> Metric:
    return _metric(
        key,
        title,
        "high",
        partial(contrasts.prepare_area, contrast=contrast, area=area, classes=_K),
        tuple(dict.fromkeys(("y", contrast.score, contrast.column))),
        formula,
        _AREAS[area],
        high=1.0,
    )


_AREAS: dict[Area, str] = {
    "auroc": "Mann & Whitney 1947; replicates Hampel 1974",
    "average_precision": "area below the steps of precision over recall; replicates Hampel 1974",
}
_ONE_VS_REST = tuple(Contrast(f"p_{number}", "y", k, "y", k) for k, number in enumerate(NUMBERS))

WEIGHTED_LOGLOSS = _logloss(
    "weighted_logloss",
    "Weighted log-loss",
    WEIGHTS,
    "- sum_c W_c <ln p>_c / sum_c W_c: mean over the objects of a class, then over classes with weights W_c "
    f"({', '.join(str(c.number) for c in CLASSES if c.weight == 2)}: 2, others 1); rows divided by their sum, p "
    "clipped to 1e-15 from 0 and 1; classes without objects left out",
)
LOGLOSS_KNOWN = _logloss(
    "logloss_known",
    "Weighted log-loss of known classes",
    _KNOWN,
    "weighted_logloss without the objects of class 99; probabilities as they are",
)
MACRO_LOGLOSS = _logloss(
    "macro_logloss", "Log-loss, classes alike", (1.0,) * _K, "mean over classes of <- ln p>_c"
)
MACRO_BRIER = _metric(
    "macro_brier",
    "Brier score, classes alike",
    "low",
    partial(classification.prepare_macro_brier, classes=_K),
    ("y", "brier"),
    "mean over classes of <sum_j (p_j - y_j)^2>_c",
    f"Brier 1950; {_PLASTICC}",
    high=2.0,
)
BRIER = _metric(
    "brier",
    "Brier score",
    "low",
    partial(classification.prepare_brier, classes=_K),
    ("y", "brier"),
    "mean of sum_j (p_j - y_j)^2",
    "Brier 1950",
    high=2.0,
)
MACRO_AUC = _metric(
    "macro_auc",
    "AUC, mean over classes",
    "high",
    partial(contrasts.prepare_macro_auroc, contrasts=_ONE_VS_REST, classes=_K),
    ("y", *(f"p_{number}" for number in NUMBERS)),
    "mean of auc_c over the classes where it is defined",
    _AREAS["auroc"],
    high=1.0,
)
BALANCED_ACCURACY = _metric(
    "balanced_accuracy",
    "Balanced accuracy",
    "high",
    partial(classification.prepare_balanced_accuracy, classes=_K),
    _CALLED,
    "mean over classes of the share of objects whose most probable class, the first of equals, is theirs",
    "Brodersen+2010",
    high=1.0,
)
MACRO_F1 = _metric(
    "macro_f1",
    "F1, mean over classes",
    "high",
    partial(classification.prepare_macro_f1, classes=_K),
    _CALLED,
    "mean of 2 TP/(2 TP + FP + FN) of the most probable class over the classes of the truth",
    "van Rijsbergen 1979",
    high=1.0,
)
SNIA_FOM = _metric(
    "snia_fom",
    "SN Ia figure of merit",
    "high",
    partial(classification.prepare_figure_of_merit, selected="snia", class_=NUMBERS.index(SNIA), classes=_K),
    ("y", "snia"),
    f"efficiency times TP/(TP + {classification.FALSE_COST:g} FP) of the objects with p_{SNIA} >= "
    f"{classification.THRESHOLD:g}; 0 if there are none",
    "Kessler+2010",
    high=1.0,
)
ECE = Metric(
    key="ece",
    title="Calibration error",
    direction="low",
    prepare=partial(classification.prepare_ece, classes=_K),
    needs=(*_CALLED, "confidence"),
    interval="null",
    null=classification.null_ece,
    low=0.0,
    high=1.0,
    formula=(
        "mean |share called right - mean probability of the class called| over "
        f"{classification.BINS} equal bins of that probability, by weight"
    ),
    reference="Guo+2017",
)
_STRANGE = "by anomaly_score, or by the probability of class 99 where an entry has none"
_SHORT: tuple[tuple[str, str, Area], ...] = (
    ("auroc", "AUROC", "auroc"),
    ("ap", "average precision", "average_precision"),
)
NOVELTY = tuple(
    _area(
        f"novelty_{short}",
        f"Novelty: {name}",
        area,
        Contrast("anomaly", "y", _OTHER, "y", _OTHER),
        f"{name} of class {OTHER} against all others {_STRANGE}",
    )
    for short, name, area in _SHORT
)
NOVELTY_BY_KIND = tuple(
    _area(
        f"novelty_{short}_{kind.number}",
        f"Novelty of {kind.name}: {name}",
        area,
        Contrast("anomaly", "hidden", kind.number, "y", _OTHER),
        f"{name} of {kind.number} against all but class {OTHER} {_STRANGE}",
    )
    for kind in HIDDEN
    for short, name, area in _SHORT
)
AREAS = tuple(
    _area(
        f"{'auc' if short == 'auroc' else short}_{c.number}",
        f"{c.name}: {name}",
        area,
        contrast,
        f"{name} of class {c.number} against all others by its probability",
    )
    for c, contrast in zip(CLASSES, _ONE_VS_REST, strict=True)
    for short, name, area in _SHORT
)
CLASS_LOGLOSS = tuple(
    _metric(
        f"class_logloss_{c.number}",
        f"{c.name}: log-loss",
        "low",
        partial(classification.prepare_class_logloss, class_=k, classes=_K),
        _LOSS,
        f"mean -ln p of the objects of class {c.number}",
        _PLASTICC,
        unit="nat",
    )
    for k, c in enumerate(CLASSES)
)
EARLY_LOGLOSS = _metric(
    "early_logloss",
    "Weighted log-loss, mean over days",
    "low",
    partial(classification.prepare_epoch_mean_logloss, class_weights=WEIGHTS),
    (*_LOSS, "epoch"),
    f"mean of weighted_logloss over objects whose light curves end {', '.join(map(str, DAYS))} days after the trigger",
    _PLASTICC,
    unit="nat",
)
LOGLOSS_BY_DAY = tuple(
    _logloss(
        f"logloss_{day}",
        f"Weighted log-loss, day {day}",
        WEIGHTS,
        f"weighted_logloss of the objects whose light curves end {day} days after the trigger",
        epoch=k,
    )
    for k, day in enumerate(DAYS)
)

METRICS = (
    WEIGHTED_LOGLOSS,
    LOGLOSS_KNOWN,
    MACRO_LOGLOSS,
    MACRO_BRIER,
    BRIER,
    MACRO_AUC,
    BALANCED_ACCURACY,
    MACRO_F1,
    SNIA_FOM,
    ECE,
    *NOVELTY,
    *NOVELTY_BY_KIND,
    *CLASS_LOGLOSS,
    *AREAS,
    EARLY_LOGLOSS,
    *LOGLOSS_BY_DAY,
)
"""Those of the days after the trigger are there in the ``early`` track alone, where measurements hold an epoch."""
