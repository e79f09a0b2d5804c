"""The only place where the truth of blends and their predictions meet.

Each function takes a chunk of blends: ``cases``, a row per blend; ``objects``, the truth, several rows a blend;
``found``, the prediction, several rows a blend, none where nothing was detected. What comes out are rows of objects,
those of the first blend first, and of false detections behind the objects of their blend; ``case`` is the row of
``cases`` that a row belongs to. What is not defined on a row is NaN there and counts nowhere; what belongs to a blend
stands on its first row. A missed object is never left out of what it has to pay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.deblending.bands import Bands
from blindsky.challenges.skies import Ragged
from blindsky.scoring import matching, segmentation
from blindsky.scoring.matching import Points
from blindsky.scoring.measurements import Array, FloatArray, Measured, Table

GATE = 4.0  # pixels: largest distance between an object and its detection
OBJECT, UNSCORED, FALSE = 0, 1, 2  # kinds of rows: objects that count, objects that don't, false detections
NOBODY = -1  # ``obj`` of a false detection, and ``det`` of the row of a blend in which nothing was found
TOLD = ("mag", "snr", "blendedness")  # of the truth, for slices and figures; mag in the reference band
WEIGHT_WIDTH = 1.5  # half-light radii: width of the Gaussian weight of moments
SMALLEST = 1.0  # pixels: half-light radius of the smallest weight
Indices = NDArray[np.intp]


def weight_width(radius: Array) -> FloatArray:
    """Width (n,) of the weight of moments, of truth and answer alike, by half-light ``radius`` (n,); pixels."""
    return np.asarray(WEIGHT_WIDTH * np.maximum(np.asarray(radius, dtype=np.float64), SMALLEST))


def _fluxes(table: Table, column: str) -> FloatArray:
    """A flux column as float64; ValueError for what the check of a prediction lets nobody send."""
    flux = np.asarray(table[column], dtype=np.float64)
    if not np.all((flux >= 0) & np.isfinite(flux)):
        message = f"expected {column} finite and >= 0, got NaN, infinity or less"
        raise ValueError(message)
    return flux


def _identified(objects: Ragged, found: Ragged) -> tuple[Indices, Indices]:
    """Rows of truth and prediction side by side, by blend and ``obj``; ValueError where the two differ."""
    keys = []
    for rows in (objects, found):
        obj, case = rows.columns["obj"], matching.cases(rows.counts)
        order = np.lexsort((obj, case))
        keys.append((order, np.stack([case, np.asarray(obj, dtype=np.int64)])[:, order]))
    (of_truth, truth), (of_found, given) = keys
    if not np.array_equal(truth, given) or np.any(np.all(truth[:, 1:] == truth[:, :-1], axis=0)):
        message = "expected one row of the prediction for each object of the truth, got other blend_id or obj"
        raise ValueError(message)
    return of_truth, of_found


def _told(objects: Ragged, bands: Bands) -> dict[str, FloatArray]:
    """Those of ``TOLD`` that the truth has, (m,)."""
    names = {name: f"mag_{bands.reference}" if name == "mag" else name for name in TOLD}
    known = {name: column for name, column in names.items() if column in objects.columns}
    return {name: np.asarray(objects.columns[column], np.float64) for name, column in known.items()}


def measure_pair(cases: Table, objects: Ragged, found: Ragged, *, bands: Bands) -> Measured:
    """A chunk of pairs, fluxes given by slot: 0 the central galaxy, 1 its companion.

    objects : obj, scored, flux_<band>, and of ``TOLD`` what is known; x, y and mask (m, N, N) where they are known.
    found : obj, flux; x, y and mask (m, N, N) where the entry has them.

    Rows: obj; what of ``TOLD`` is known; ratio = flux over true flux. On the first of a pair pair_ratio, log10 of the
    ratio of the two ratios, NaN where a flux is 0, and flux_sum = (f0 + f1)/(t0 + t1) - 1. With places distance, pixels
    from the true one, NaN where the flux is 0 and for objects that don't count. With masks iou, NaN for objects that
    don't count, and on the first of a pair iou_overlap, NaN unless both count.
    ValueError for blends that are not pairs, other slots, and fluxes that are below 0 or not finite.
    """
    if not np.all(objects.counts == 2):
        message = "expected two objects in each blend of a pair track"
        raise ValueError(message)
    rows, given = _identified(objects, found)
    true = _fluxes(objects.columns, f"flux_{bands.reference}")[rows].reshape(-1, 2)
    flux = _fluxes(found.columns, "flux")[given].reshape(-1, 2)
    ratio = flux / true
    both = np.all(flux > 0, axis=1)
    between: FloatArray = np.full(len(ratio), np.nan)
    between[both] = np.subtract(*np.log10(ratio[both]).T)
    out: Table = {
        "obj": np.asarray(objects.columns["obj"], dtype=np.int16)[rows],
        **{name: numbers[rows] for name, numbers in _told(objects, bands).items()},
        "ratio": ratio.ravel(),
        "pair_ratio": _on_first(between),
        "flux_sum": _on_first(flux.sum(axis=1) / true.sum(axis=1) - 1),
    }
    scored = np.asarray(objects.columns["scored"], dtype=bool)[rows].reshape(-1, 2)
    if "x" in objects.columns and "x" in found.columns:
        apart = _distance(objects.columns, rows, found.columns, given)
        out["distance"] = np.where(scored.ravel() & (flux.ravel() > 0), apart, np.nan)
    if "mask" in objects.columns and "mask" in found.columns:
        t = segmentation.pack(objects.columns["mask"])[rows].reshape(len(ratio), 2, -1)
        p = segmentation.pack(found.columns["mask"])[given].reshape(len(ratio), 2, -1)
        alone = [segmentation.iou_of_words(t[:, slot], p[:, slot]) for slot in (0, 1)]
        shared = segmentation.iou_of_words(t[:, 0] & t[:, 1], p[:, 0] & p[:, 1])
        out["iou"] = np.where(scored, np.stack(alone, axis=1), np.nan).ravel()
        out["iou_overlap"] = _on_first(np.where(scored.all(axis=1), shared, np.nan))
    return Measured(out, case=matching.cases(objects.counts))


def _distance(truth: Table, rows: Indices, found: Table, given: Indices) -> FloatArray:
    """Pixels (n,) between rows of the truth and rows of the prediction."""
    dx, dy = (np.asarray(truth[a], np.float64)[rows] - np.asarray(found[a], np.float64)[given] for a in "xy")
    return np.asarray(np.hypot(dx, dy))


def _on_first(per_pair: FloatArray) -> FloatArray:
    """Numbers (n,) of pairs on the first of their two rows, (2 n,)."""
    return np.stack([per_pair, np.full(len(per_pair), np.nan)], axis=1).ravel()


def _detections(found: Ragged) -> Ragged:
    """The rows that are detections, not the word that there are none."""
    real = np.asarray(found.columns["det"]) != NOBODY
    if real.all():
        return found
    counts = np.bincount(matching.cases(found.counts)[real], minlength=len(found.counts))
    return Ragged(counts, {name: column[real] for name, column in found.columns.items()})


def measure_scene(cases: Table, objects: Ragged, found: Ragged, *, bands: Bands) -> Measured:
    """A chunk of scenes, a catalogue to be matched within ``GATE``; ties by place, then by det.

    cases : sigma (n, bands), image (n, bands, N, N) where images are scored.
    objects : obj, x, y, scored, flux_<band>, and of ``TOLD`` what is known; mask (m, N, N); with images isolated
        (m, N, N), e1, e2, r_half (arcsec).
    found : det, x, y, flux_<band>; mask (k, N, N), image (k, N, N) where the entry has them. Rows whose det
        is ``NOBODY`` say that nothing was found.

    Rows: kind; obj, ``NOBODY`` for false detections; hit, 1 or 0 for objects that count; false, 1 for false detections
    and 0 elsewhere; deblend_error = min(|f/f_true - 1|, 1) in the reference band, 1 for missed objects and for false
    detections; what of ``TOLD`` is known, and where masks are, overlap, the share of its mask in others of its blend.
    Of matched objects that count ratio_<band> = f/f_true, and distance in pixels. On the first row of a blend n_true
    and n_found, numbers of objects and detections. With masks iou, 0 for missed objects. With images recon, 1 for
    missed objects, cosine, 0 for them, of matched ones e1, e2 and the true e1_true, e2_true; on the first row of a
    blend residual_chi2 and conservation = sum of all P over that of S, minus 1.
    ValueError for fluxes that are below 0 or not finite, and for places that are not finite.
    """
    found = _detections(found)
    truth, detected = objects.columns, found.columns
    given = matching.match(
        Points(objects.counts, truth["x"], truth["y"]),
        Points(found.counts, detected["x"], detected["y"]),
        gate=GATE,
        ties=(detected["det"],),
    )
    matched = given >= 0
    distance: FloatArray = np.full(len(given), np.nan)
    distance[matched] = _distance(truth, np.flatnonzero(matched), detected, given[matched])
    return _measured(cases, objects, found, given, bands, {"distance": distance})


def measure_known(cases: Table, objects: Ragged, found: Ragged, *, bands: Bands) -> Measured:
    """A chunk of scenes whose objects are known: as ``measure_scene`` with the given identity, a row per object.

    found : obj, flux_<band>; mask, image where the entry has them.   Rows: those of ``measure_scene`` but distance.
    ValueError where the prediction is of other objects.
    """
    rows, order = _identified(objects, found)
    given = np.empty(len(rows), dtype=np.intp)
    given[rows] = order
    return _measured(cases, objects, found, given, bands, {})


def _measured(
    cases: Table, objects: Ragged, found: Ragged, given: Indices, bands: Bands, more: dict[str, FloatArray]
) -> Measured:
    """Rows of objects, matched to the rows ``given`` (m,) of the prediction or to none (-1), and of what is left over.

    more : further numbers of matched objects (m,).
    """
    truth, m = objects.columns, len(given)
    scored = np.asarray(truth["scored"], dtype=bool)
    hit = scored & (given >= 0)
    partner = given[hit]
    spurious = np.setdiff1d(np.arange(int(found.counts.sum())), given)
    case = np.concatenate([matching.cases(objects.counts), matching.cases(found.counts)[spurious]])
    kind = np.concatenate([np.where(scored, OBJECT, UNSCORED), np.full(len(spurious), FALSE)]).astype(np.int8)

    def of_hits(numbers: Array, missed: float = np.nan, false: float = np.nan) -> FloatArray:
        """A column: numbers of matched objects that count, and what missed objects and false detections have."""
        column: FloatArray = np.full(len(kind), np.nan)
        column[:m][scored] = missed
        column[:m][hit] = numbers
        column[m:] = false
        return column

    out: Table = {
        "kind": kind,
        "obj": np.concatenate([truth["obj"], np.full(len(spurious), NOBODY)]).astype(np.int16),
        "hit": of_hits(np.ones(len(partner)), missed=0.0),
        "false": (kind == FALSE).astype(np.float64),
    }
    told = _told(objects, bands)
    if "mask" in truth:
        told["overlap"] = segmentation.shared(truth["mask"], objects.counts)
    for name, numbers in told.items():
        out[name] = np.concatenate([numbers, np.full(len(spurious), np.nan)])
    for band in bands.names:
        flux, true = _fluxes(found.columns, f"flux_{band}"), _fluxes(truth, f"flux_{band}")
        out[f"ratio_{band}"] = of_hits(flux[partner] / true[hit])
    error = np.minimum(np.abs(out[f"ratio_{bands.reference}"][:m][hit] - 1), 1.0)
    out["deblend_error"] = of_hits(error, missed=1.0, false=1.0)
    out |= {name: of_hits(numbers[hit]) for name, numbers in more.items()}
    if "mask" in truth and "mask" in found.columns:
        agreement = segmentation.iou(truth["mask"][hit], found.columns["mask"][partner])
        out["iou"] = of_hits(agreement, missed=0.0)
    per_blend: dict[str, Array] = {"n_true": objects.counts, "n_found": found.counts}
    if "isolated" in truth and "image" in found.columns:
        images = _reference(found.columns["image"], bands)
        light, model = truth["isolated"][hit], images[partner]
        out["recon"] = of_hits(segmentation.residual(light, model), missed=1.0)
        out["cosine"] = of_hits(segmentation.cosine(light, model), missed=0.0)
        shapes = _shapes({name: truth[name][hit] for name in ("x", "y", "r_half")}, model, bands)
        for name, e in zip(("e1", "e2"), shapes, strict=True):
            out[name], out[f"{name}_true"] = of_hits(e), of_hits(truth[name][hit])
        per_blend |= _of_blends(cases, objects, segmentation.sums_by_case(images, found.counts), bands)
    order = np.argsort(case, kind="stable")
    out, case = {name: column[order] for name, column in out.items()}, case[order]
    some, first = np.unique(case, return_index=True)
    for name, numbers in per_blend.items():
        out[name] = np.full(len(case), np.nan)
        out[name][first] = np.asarray(numbers, dtype=np.float64)[some]
    return Measured(out, case=case)


def _reference(images: Array, bands: Bands) -> Array:
    """The reference band of images (n, bands, N, N), or of (n, 1, N, N) and (n, N, N) that hold it alone."""
    if images.ndim == 3:
        return images
    reference: Array = images[:, 0 if images.shape[1] == 1 else bands.names.index(bands.reference)]
    return reference


def _shapes(objects: Table, images: Array, bands: Bands) -> FloatArray:
    """e1, e2 (2, n) of images, each under the weight of its object.

    An image without light is round, so that leaving it empty drops nothing from the slope, and no shape is longer than
    1, which no image without negative light can be.
    """
    sigma = weight_width(np.asarray(objects["r_half"], dtype=np.float64) / bands.pixel)
    e = np.nan_to_num(np.stack(segmentation.ellipticity(images, objects["x"], objects["y"], sigma)))
    return np.asarray(e / np.maximum(np.hypot(*e), 1.0))


def _of_blends(cases: Table, objects: Ragged, model: FloatArray, bands: Bands) -> dict[str, Array]:
    """What the sum of all predicted images of each blend, (n, N, N), leaves of the image and of the light."""
    isolated = objects.columns["isolated"].sum(axis=(1, 2), dtype=np.float64)
    light = np.bincount(matching.cases(objects.counts), isolated, len(objects.counts))
    kept: FloatArray = np.full(len(light), np.nan)
    found: dict[str, Array] = {
        "conservation": np.divide(model.sum(axis=(1, 2)), light, out=kept, where=light > 0) - 1
    }
    if "image" in cases:
        sigma = np.asarray(cases["sigma"])[:, bands.names.index(bands.reference)]
        found["residual_chi2"] = segmentation.residual_chi2(_reference(cases["image"], bands), model, sigma)
    return found
