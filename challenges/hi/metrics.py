"""The metrics of the HI challenge.

One matching serves all of them: a source is found if at least one claim of it was accepted. Intervals are percentiles
of replicates of the blocks of the field.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from blindsky.challenges.hi import statistics
from blindsky.scoring.catalogue import SCORES
from blindsky.scoring.metric import Metric, Prepare

_SDC2 = "Hartley+2023"
_SHARE: dict[str, Any] = {"low": 0.0, "high": 1.0}
_NAMES = {
    "position": "positions",
    "central_freq": "frequencies",
    "flux": "fluxes",
    "hi_size": "sizes",
    "pa": "position angles",
    "w20": "widths",
    "i": "inclinations",
}
_ERRORS = {
    "position": "separation/sqrt(4 beam^2 + size^2), 0.3",
    "central_freq": "|nu - nu_true|/(w20 nu^2/(c f0)), 0.3",
    "flux": "|F/F_true - 1|, 0.1",
    "hi_size": "|size/size_true - 1|, 0.3",
    "pa": "difference on the circle, 10 deg",
    "w20": "|w20/w20_true - 1|, 0.3",
    "i": "|i - i_true|, 10 deg",
}


def _ratio(above: str, below: str, **more: Any) -> Prepare:
    return partial(statistics.prepare_ratio, above=above, below=below, **more)


def _count(key: str, title: str, column: str, formula: str) -> Metric:
    return Metric(
        key=key,
        title=title,
        direction="none",
        prepare=partial(statistics.prepare_sum, column=column),
        needs=("gain",),
        low=0.0,
        formula=formula,
        reference=_SDC2,
    )


VALUE = Metric(
    key="sdc2_value",
    title="SDC2 score",
    direction="high",
    prepare=partial(statistics.prepare_sum, column="gain"),
    needs=("gain",),
    formula="sum over matches of (mean of the seven scores)/(claims of that source) - false detections; equal to "
    "ska-sdc 2.0.0",
    reference=_SDC2,
)
STRICT = Metric(
    key="sdc2_strict_value",
    title="SDC2 score, one claim a source",
    direction="high",
    prepare=partial(statistics.prepare_sum, column="strict_gain"),
    needs=("strict_gain",),
    formula="as the score, pairs one to one by D < 5 whatever size a claim has, frequencies in units of w20 nu/c",
    reference="blindsky",
)
QUALITY = (
    Metric(
        key="value_norm",
        title="Score over detectable sources",
        direction="high",
        prepare=_ratio("gain", "sources5"),
        needs=("gain", "found5"),
        formula="SDC2 score/number of sources with S/N >= 5",
        reference="blindsky",
    ),
    Metric(
        key="completeness5",
        title="Completeness, S/N >= 5",
        direction="high",
        prepare=_ratio("found5", "sources5"),
        needs=("found5",),
        formula="sources with S/N >= 5 that were found/all of them",
        reference=_SDC2,
        **_SHARE,
    ),
    Metric(
        key="completeness",
        title="Completeness",
        direction="high",
        prepare=_ratio("found", "sources"),
        needs=("found",),
        formula="sources that were found/all of them",
        reference=_SDC2,
        **_SHARE,
    ),
    Metric(
        key="purity",
        title="Purity",
        direction="high",
        prepare=_ratio("hit", "claims", empty=0.0),
        needs=("hit",),
        formula="matches/detections; 0 without detections",
        reference=_SDC2,
        **_SHARE,
    ),
    Metric(
        key="f1",
        title="F1, S/N >= 5",
        direction="high",
        prepare=statistics.prepare_f1,
        needs=("hit", "found5"),
        formula="2 P C/(P + C) of purity and completeness of sources with S/N >= 5",
        reference="van Rijsbergen 1979",
        **_SHARE,
    ),
    Metric(
        key="snr50",
        title="S/N of half completeness",
        direction="low",
        prepare=statistics.prepare_snr50,
        needs=("snr", "found"),
        low=0.0,
        formula="S/N from which completeness in bins of 0.1 dex stays at 0.5 or above, by a straight line in log S/N",
        reference="blindsky",
    ),
)
COUNTS = (
    _count("n_det", "Detections", "claims", "number of rows"),
    _count("n_match", "Matches", "hit", "rows whose pair has D < 5"),
    _count("n_false", "False detections", "false", "rows that are no match, bad ones with them"),
    _count("n_bad", "Bad matches", "bad", "rows near a source with D >= 5"),
)
ACCURACY = Metric(
    key="accuracy",
    title="Accuracy",
    direction="high",
    prepare=_ratio("score", "hit", scale=100.0),
    needs=("gain", "hit"),
    unit="%",
    low=0.0,
    high=100.0,
    formula="100 (score + false detections)/matches",
    reference=_SDC2,
)


def _accuracy(name: str) -> Metric:
    return Metric(
        key=f"acc_{name}",
        title=f"Accuracy of {_NAMES[name]}",
        direction="high",
        prepare=_ratio(f"score_{name}", "hit", scale=100.0),
        needs=(f"score_{name}",),
        unit="%",
        low=0.0,
        high=100.0,
        formula=f"100 mean over matches of min(1, tolerance/error); error, tolerance: {_ERRORS[name]}",
        reference=_SDC2,
    )


def _bias(key: str, title: str, column: str) -> Metric:
    return Metric(
        key=f"{key}_bias",
        title=f"{title}: median offset",
        direction="target",
        prepare=partial(statistics.prepare_error, kind="median", column=column),
        needs=(column,),
        interval="signed",
        formula="lower median over matches of claimed/true - 1",
        reference="blindsky",
    )


def _scatter(key: str, title: str, column: str, what: str, unit: str = "") -> Metric:
    return Metric(
        key=f"{key}_scatter",
        title=f"{title}: scatter (NMAD)",
        direction="low",
        prepare=partial(statistics.prepare_error, kind="nmad", column=column),
        needs=(column,),
        unit=unit,
        low=0.0,
        formula=f"1.4826 median over matches of |x - median x|, x = {what}; undefined for fewer than three matches",
        reference="Hoaglin, Mosteller & Tukey 1983",
    )


_RATIOS = (("flux", "Flux", "line_flux_integral"), ("size", "Size", "hi_size"), ("w20", "Width", "w20"))
_ANGLES = (("pa", "Position angle"), ("i", "Inclination"))
ACCURACIES = tuple(map(_accuracy, SCORES))
BIASES = tuple(_bias(key, title, f"off_{column}") for key, title, column in _RATIOS)
SCATTERS = (
    *(_scatter(key, title, f"off_{column}", "claimed/true - 1") for key, title, column in _RATIOS),
    *(_scatter(key, title, f"off_{key}", "claimed - true", "deg") for key, title in _ANGLES),
)

METRICS = (VALUE, *QUALITY, *COUNTS, STRICT, ACCURACY, *ACCURACIES, *BIASES, *SCATTERS)
