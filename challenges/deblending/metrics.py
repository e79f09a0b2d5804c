"""The metrics of the deblending challenge: what each number is and its kind of interval, by family of tracks.

``PAIR`` serves the tracks of two galaxies with given slots, ``SCENE`` catalogues that are matched to the truth, and
``SCENE_KNOWN`` scenes whose objects are given.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from blindsky.challenges.deblending import statistics
from blindsky.challenges.deblending.bands import LSST
from blindsky.challenges.deblending.measure import GATE
from blindsky.challenges.deblending.statistics import Share, Term
from blindsky.scoring import detection
from blindsky.scoring.detection import Rate
from blindsky.scoring.metric import Direction, Metric, Prepare

COLOURS = ("ug", "gr", "ri", "iz")
_COIN = "Boucaud+2020"
_NMAD = "Hoaglin, Mosteller & Tukey 1983"
_DM = "dm = -2.5 log10(f/f_true) of fluxes above 0"
_IOU = "mean of |P and T|/|P or T|, 1 where both are empty, 0 where one is"
_RATE = "with neither object nor detection 1, else 0 where nothing divides"
_WHOSE = {None: "objects", 0: "central galaxies", 1: "companions"}
_SHARE: dict[str, Any] = {"low": 0.0, "high": 1.0}


def _error(key: str, title: str, prepare: Prepare, needs: tuple[str, ...], formula: str) -> Metric:
    """A relative error of fluxes, per cent."""
    return Metric(
        key=key,
        title=title,
        direction="low",
        prepare=prepare,
        needs=needs,
        unit="%",
        low=0.0,
        formula=formula,
        reference=_COIN,
    )


def _scatter(
    key: str, title: str, prepare: Prepare, needs: tuple[str, ...], formula: str, unit: str = "mag"
) -> Metric:
    """A width of offsets."""
    return Metric(
        key=key,
        title=title,
        direction="low",
        prepare=prepare,
        needs=needs,
        unit=unit,
        low=0.0,
        formula=formula,
        reference=_NMAD,
    )


def _offset(
    key: str,
    title: str,
    prepare: Prepare,
    needs: tuple[str, ...],
    formula: str,
    reference: str = "blindsky",
    **facts: Any,
) -> Metric:
    """A signed number that should be 0, or its target."""
    return Metric(
        key=key,
        title=title,
        direction="target",
        prepare=prepare,
        needs=needs,
        interval="signed",
        formula=formula,
        reference=reference,
        **facts,
    )


def _mean(key: str, title: str, direction: Direction, formula: str, reference: str = "blindsky") -> Metric:
    """A mean between 0 and 1 of the column of that name."""
    return Metric(
        key=key,
        title=title,
        direction=direction,
        prepare=partial(statistics.prepare_column, kind="mean", column=key),
        needs=(key,),
        formula=formula,
        reference=reference,
        **_SHARE,
    )


def _share(key: str, title: str, share: Share, slot: int | None, formula: str, reference: str) -> Metric:
    """A share of fluxes; Wilson's interval where it hangs on few of them."""
    return Metric(
        key=key,
        title=title,
        direction="low",
        prepare=partial(statistics.prepare_share, share=share, slot=slot),
        needs=("ratio", "obj"),
        trials=partial(statistics.trials, share=share, slot=slot),
        sparse=partial(statistics.hangs_on_few, share=share, slot=slot),
        formula=formula,
        reference=reference,
        **_SHARE,
    )


def _centroid(what: str, **facts: Any) -> Metric:
    """The distance of places from the true ones."""
    return Metric(
        key="centroid_px",
        title="Median distance of positions",
        direction="low",
        prepare=partial(statistics.prepare_column, kind="median", column="distance"),
        needs=("distance",),
        unit="px",
        low=0.0,
        formula=f"median distance of {what}",
        reference="blindsky",
        **facts,
    )


def _of_slot(slot: int | None, suffix: str, of: str) -> tuple[Metric, ...]:
    """Errors of the fluxes and masks of one slot, or of both."""
    needs = ("ratio", "obj")
    error = partial(statistics.prepare_flux_error, slot=slot)
    dm = partial(statistics.prepare_dm, slot=slot)
    return (
        _error(
            f"mape{suffix}",
            f"Mean flux error{of}",
            partial(error, kind="mean"),
            needs,
            "100 mean |f/f_true - 1|; a galaxy that was not found has flux 0 and counts 100 %",
        ),
        _error(
            f"mape_clip{suffix}",
            f"Mean flux error, each at most 100 %{of}",
            partial(error, kind="mean", most=1.0),
            needs,
            "100 mean min(|f/f_true - 1|, 1)",
        ),
        _error(
            f"mede{suffix}",
            f"Median flux error{of}",
            partial(error, kind="median"),
            needs,
            "100 median |f/f_true - 1|",
        ),
        *(
            _offset(
                f"dm_{kind}{suffix}",
                f"{kind.capitalize()} magnitude offset{of}",
                partial(dm, kind=kind),
                needs,
                f"{kind} of {_DM}",
                _COIN,
                unit="mag",
            )
            for kind in ("mean", "median")
        ),
        _scatter(
            f"dm_std{suffix}",
            f"Magnitude scatter (rms){of}",
            partial(dm, kind="std"),
            needs,
            f"sqrt(mean (dm - mean dm)^2), {_DM}",
        ),
        _scatter(
            f"dm_nmad{suffix}",
            f"Magnitude scatter (NMAD){of}",
            partial(dm, kind="nmad"),
            needs,
            f"1.4826 median |dm - median dm|, {_DM}",
        ),
        _share(
            f"outlier{suffix}",
            f"Outliers{of}",
            "outlier",
            slot,
            f"share of |dm| > {statistics.OUTLIER:g} or f = 0",
            _COIN,
        ),
        _share(f"missing{suffix}", f"Missing{of}", "missing", slot, "share of f = 0", "blindsky"),
        Metric(
            key=f"iou{suffix}",
            title=f"Mask IoU{of}",
            direction="high",
            prepare=partial(statistics.prepare_column, kind="mean", column="iou", slot=slot),
            needs=("iou", "obj"),
            formula=f"{_IOU}; {_WHOSE[slot]} with snr >= 5",
            reference="Jaccard 1912",
            **_SHARE,
        ),
    )


PAIR = (
    *_of_slot(None, "", ""),
    *_of_slot(0, "_central", ", central"),
    *_of_slot(1, "_companion", ", companion"),
    _mean(
        "iou_overlap",
        "Mask IoU of the overlap",
        "high",
        f"{_IOU}, with P0 and P1 for P, T0 and T1 for T; pairs with snr >= 5 of both",
        "Jaccard 1912",
    ),
    _scatter(
        "pair_ratio_nmad",
        "Flux ratio of the pair: scatter (NMAD)",
        partial(statistics.prepare_column, kind="nmad", column="pair_ratio"),
        ("pair_ratio",),
        "NMAD of log10[(f0/f1)/(t0/t1)] of pairs with both fluxes above 0",
        "dex",
    ),
    _offset(
        "flux_sum_bias",
        "Flux of the pair: mean offset",
        partial(statistics.prepare_column, kind="mean", column="flux_sum"),
        ("flux_sum",),
        "mean of (f0 + f1)/(t0 + t1) - 1",
    ),
    _centroid("galaxies with snr >= 5 and a flux above 0 from the places sent"),
)


def _of_band(band: str) -> tuple[Metric, ...]:
    """Errors of the fluxes in one band."""
    ratio = f"ratio_{band}"
    of = f"in {band}, matched objects with snr >= 5"
    dm = partial(statistics.prepare_dm, ratio=ratio)
    return (
        _error(
            f"flux_mede_{band}",
            f"Median flux error in {band}",
            partial(statistics.prepare_flux_error, kind="median", ratio=ratio),
            (ratio,),
            f"100 median |f/f_true - 1| {of}",
        ),
        _offset(
            f"dm_median_{band}",
            f"Median magnitude offset in {band}",
            partial(dm, kind="median"),
            (ratio,),
            f"median of {_DM} {of}",
            _COIN,
            unit="mag",
        ),
        _scatter(
            f"dm_nmad_{band}",
            f"Magnitude scatter (NMAD) in {band}",
            partial(dm, kind="nmad"),
            (ratio,),
            f"1.4826 median |dm - median dm| {of}, {_DM}",
        ),
    )


def _colour(colour: str) -> Metric:
    blue, red = (f"ratio_{band}" for band in colour)
    return _scatter(
        f"colour_nmad_{colour}",
        f"Colour scatter (NMAD) in {'-'.join(colour)}",
        partial(statistics.prepare_colour, kind="nmad", blue=blue, red=red),
        (blue, red),
        f"NMAD of measured minus true {'-'.join(colour)} of matched objects with both fluxes above 0",
    )


def _shape(term: Term, title: str, what: str) -> Metric:
    return _offset(
        f"e_{term}",
        title,
        partial(statistics.prepare_shape, term=term),
        ("e1", "e2", "e1_true", "e2_true"),
        f"{what} of measured on true e1, e2, both components together, matched objects with snr >= 5; "
        "images without light are round",
        "Heymans+2006",
    )


OBJECTS = (
    *(metric for band in LSST.names for metric in _of_band(band)),
    *map(_colour, COLOURS),
    _mean("iou", "Mask IoU", "high", f"{_IOU}; missed objects 0", "Jaccard 1912"),
    _mean(
        "recon",
        "Image residual",
        "low",
        "mean of min(||P - S||/||S||, 1) in the reference band; missed objects 1",
    ),
    _mean(
        "cosine",
        "Image likeness",
        "high",
        "mean of <P, S>/(|P| |S|) in the reference band; missed objects and images without light 0",
    ),
    _offset(
        "residual_chi2",
        "Residual of the blend, chi2 a pixel",
        partial(statistics.prepare_column, kind="mean", column="residual_chi2"),
        ("residual_chi2",),
        "mean over blends of sum (image - sum P)^2/(sigma^2 N^2) in the reference band; noise alone leaves 1",
        low=0.0,
        target=1.0,
    ),
    _offset(
        "conservation",
        "Light of the blend: median offset",
        partial(statistics.prepare_column, kind="median", column="conservation"),
        ("conservation",),
        "median over blends of sum P/sum S - 1 in the reference band",
    ),
    _shape("m", "Shapes: slope minus 1", "slope minus 1"),
    _shape("c", "Shapes: intercept", "intercept"),
)
"""Metrics of objects that were matched, or given."""


def _rate(rate: Rate, title: str, formula: str, **facts: Any) -> Metric:
    return Metric(
        key=rate,
        title=title,
        direction="high",
        prepare=partial(detection.prepare_rate, rate=rate),
        needs=("hit", "false"),
        formula=f"{formula}; {_RATE}",
        reference="van Rijsbergen 1979",
        **_SHARE,
        **facts,
    )


def _few(share: Share) -> dict[str, Any]:
    """What makes the interval of a share Wilson's where it hangs on few rows."""
    return {
        "trials": partial(statistics.trials, share=share),
        "sparse": partial(statistics.hangs_on_few, share=share),
    }


_E = "min(|f/f_true - 1|, 1) in the reference band over objects with snr >= 5"
SCENE = (
    _mean(
        "deblend_error",
        "Deblending error",
        "low",
        f"[sum of {_E}, missed ones 1, + false detections]/(objects + false detections)",
    ),
    _rate("recall", "Recall", f"matched/objects with snr >= 5, within {GATE:g} pixels", **_few("recall")),
    _rate(
        "precision",
        "Precision",
        "matched/detections, those of objects with snr < 5 left out",
        **_few("precision"),
    ),
    _rate("f1", "F1", "2 matched/(objects with snr >= 5 + detections)"),
    _centroid("matched objects with snr >= 5 from their detections", high=GATE),
    *OBJECTS,
)
SCENE_KNOWN = (_mean("deblend_error", "Deblending error", "low", f"mean of {_E}"), *OBJECTS)
