"""What the data of a release look like: light curves of each class, and how training and test objects differ.

Everything comes from the public tables, of which no more is read than a page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from blindsky.challenges.challenge import Plate
from blindsky.challenges.curves import plain
from blindsky.challenges.release import Public
from blindsky.challenges.transients.bands import BANDS, NODES, to_magnitude
from blindsky.challenges.transients.figures import NAMES, ORDER
from blindsky.challenges.transients.smoothing import TIME_SCALES, Smooth
from blindsky.scoring.measurements import Array, FloatArray, Table

MOST = 20_000  # objects of a split; their order carries no information
CLEAR = 5.0  # signal to noise of a visit that is counted as the brightest
RANKS = (0.9, 0.5)  # in peak signal to noise, of the objects shown of a class
BEFORE, AFTER = 30.0, 60.0  # days about the detections
FITTED = 300  # visits that a smooth curve is drawn through, at most
NODES_OF_LINE = 48
STYLES = (3, 0, 2, 4, 1, 10)  # of the lines of u, g, r, i, z, y: from violet to red
WAVELENGTHS = NODES.mean(axis=0)  # Angstrom, of the bands

PHOTOZ_EDGES = np.round(np.arange(0, 3.01, 0.1), 1)
MAGNITUDE_EDGES = np.arange(14.0, 26.1, 0.5)

_SPLITS = {"train": "training set", "test": "test set"}
_HISTOGRAMS = "The training set against the test set, as far as both are public."
_CURVES = (
    "Light curves of the training set: of each class one that is brighter than nine tenths of the others, above, and "
    "one in their middle. Flux in units of 27.5 mag; bars are 1 sigma, visits of larger errors than the peak left out. "
    "Lines are a Gaussian process in time and wavelength (Boone 2019), left out where the object varies too fast."
)


def plates(public: Public) -> tuple[Plate, ...]:
    """The plates that the tables of a release have the data for."""
    peaks = {split: _peaks(public, split) for split in _SPLITS if public.has(f"{split}_lightcurves")}
    return (*_comparison(public, peaks), *_examples(public))


def observations(public: Public, split: str, columns: tuple[str, ...]) -> Iterator[Table]:
    """The visits of the first ``MOST`` objects of a split with their ids, a row group at a time."""
    groups = public.groups(f"{split}_lightcurves")
    seen, last = 0, -1
    for k in range(len(groups.places)):
        table = groups.read(k, ("object_id", *columns))
        new = np.diff(table["object_id"], prepend=last) != 0
        number = seen + np.cumsum(new)
        inside = np.count_nonzero(number <= MOST)
        if inside:
            yield {name: column[:inside] for name, column in table.items()}
        if inside < len(number):
            return
        seen, last = int(number[-1]), int(table["object_id"][-1])


def _largest(public: Public, split: str, of: Callable[[Table], FloatArray]) -> tuple[Array, FloatArray]:
    """The ids of the first objects, and the largest number that ``of`` makes of their visits."""
    ids: list[Array] = []
    values: list[FloatArray] = []
    for table in observations(public, split, ("flux", "flux_err")):
        starts = np.flatnonzero(np.diff(table["object_id"], prepend=-1))
        ids.append(table["object_id"][starts])
        values.append(np.maximum.reduceat(of(table), starts))
    every, number = np.unique(np.concatenate(ids), return_inverse=True)
    found = np.full(len(every), -np.inf)
    np.maximum.at(found, number, np.concatenate(values))  # an object may lie in two row groups
    return every, found


def _signal(table: Table) -> FloatArray:
    return np.asarray(table["flux"] / table["flux_err"], dtype=np.float64)


def _peaks(public: Public, split: str) -> FloatArray:
    """Brightest magnitudes of the objects that have one."""
    _, flux = _largest(public, split, lambda t: np.where(_signal(t) > CLEAR, t["flux"], -np.inf))
    return to_magnitude(flux[np.isfinite(flux)])


def _comparison(public: Public, peaks: dict[str, FloatArray]) -> list[Plate]:
    """Training against test: photometric redshift, brightest magnitude; nothing where one of both lacks."""
    if not all(public.has(split) and split in peaks for split in _SPLITS):
        return []
    photoz = {
        split: next(public.batches(split, MOST, ["hostgal_photoz"]))["hostgal_photoz"] for split in _SPLITS
    }
    return [
        _pair(
            "Redshift",
            "hostgal_photoz",
            PHOTOZ_EDGES,
            {split: z[z > 0] for split, z in photoz.items()},
            "Objects beyond our Galaxy.",
        ),
        _pair(
            "Brightest visit",
            f"magnitude of the brightest visit, S/N > {CLEAR:g}",
            MAGNITUDE_EDGES,
            peaks,
            "In whichever band; what is brighter or fainter is counted in the outermost bins.",
        ),
    ]


def _pair(title: str, x_label: str, edges: FloatArray, values: dict[str, FloatArray], caption: str) -> Plate:
    series = []
    for split, name in _SPLITS.items():
        inside = np.clip(values[split], edges[0], edges[-1])
        counts, _ = np.histogram(inside, bins=edges)
        series.append({"label": name, "values": plain(counts / max(len(inside), 1))})
    data = {"x_label": x_label, "y_label": "share of objects", "edges": plain(edges), "series": series}
    return Plate(title, "line_pair", data, caption, _HISTOGRAMS)


def _examples(public: Public) -> list[Plate]:
    """Two light curves of each class."""
    if not (public.has("train") and public.has("train_lightcurves")):
        return []
    ids, signal = _largest(public, "train", _signal)
    train = public.table("train", ["object_id", "target", "ddf"])
    known = np.isin(train["object_id"], ids)
    train = {name: column[known] for name, column in train.items()}
    signal = signal[np.searchsorted(ids, train["object_id"])]
    chosen = {number: _chosen(train, signal, number) for number in ORDER}
    wanted = np.array([train["object_id"][k] for some in chosen.values() for k in some])
    curves = _curves(public, wanted)
    drawn = []
    for number, some in chosen.items():
        if some:
            panels = [_panel(curves[train["object_id"][k]], first=j == 0) for j, k in enumerate(some)]
            named = [f"object {train['object_id'][k]} with a peak S/N of {signal[k]:.0f}" for k in some]
            caption = f"O{' and '.join(named)[1:]}."
            data = {
                "x_label": "days after the first detection",
                "x_range": panels[-1]["x_range"],
                "panels": panels,
            }
            drawn.append(Plate(NAMES[number], "curves", data, caption, _CURVES))
    return drawn


def _chosen(train: Table, signal: FloatArray, number: int) -> list[int]:
    """Rows of the objects shown of a class, none twice; of the wide survey, where the class has any there."""
    own = train["target"] == number
    wide = own & (train["ddf"] == 0)
    some = np.flatnonzero(wide if wide.any() else own)
    order = some[np.argsort(signal[some], kind="stable")]
    return (
        list(dict.fromkeys(int(order[int(rank * (len(order) - 1))]) for rank in RANKS)) if len(order) else []
    )


def _curves(public: Public, ids: Array) -> dict[int, Table]:
    """The visits of some training objects."""
    columns = ("mjd", "passband", "flux", "flux_err", "detected")
    found: dict[int, list[Table]] = {int(i): [] for i in ids}
    for table in observations(public, "train", columns):
        for i in np.intersect1d(table["object_id"], ids):
            own = table["object_id"] == i
            found[int(i)].append({name: column[own] for name, column in table.items()})
    return {
        i: {name: np.concatenate([p[name] for p in pieces]) for name in columns}
        for i, pieces in found.items()
    }


def _panel(curve: Table, *, first: bool) -> dict[str, Any]:
    """The visits about the detections, a series a band, and a line through each; the first panel names the bands."""
    detected = curve["mjd"][curve["detected"] > 0]
    seen = detected if len(detected) else curve["mjd"]
    start = seen.min()
    t, band = curve["mjd"] - start, curve["passband"]
    flux, error = (curve[name].astype(np.float64) for name in ("flux", "flux_err"))
    peak = abs(flux[np.argmax(np.abs(flux) / error)])
    shown = (t >= -BEFORE) & (t <= seen.max() - start + AFTER) & (error <= peak)
    t, band, flux, error = (column[shown] for column in (t, band, flux, error))
    series: list[dict[str, Any]] = []
    for b, name in enumerate(BANDS):
        own = band == b
        points = {"x": t[own], "y": flux[own], "low": (flux - error)[own], "high": (flux + error)[own]}
        one = {key: [float(f"{v:.6g}") for v in column] for key, column in points.items()}
        series.append(one | {"dots": True, "style": STYLES[b]} | ({"label": name} if first else {}))
    return {
        "key": "flux",
        "y_label": "flux",
        "x_range": _reach(t),
        "y_range": _reach(np.append(flux, 0.0)),
        "series": [*series, *_lines(t, band, flux, error)],
    }


def _reach(values: FloatArray) -> list[float]:
    """Ends of an axis that holds some values."""
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low or 1.0)
    return [low - margin, high + margin]


def _lines(t: FloatArray, band: Array, flux: FloatArray, error: FloatArray) -> list[dict[str, Any]]:
    """The Gaussian process in each band that was observed; none where it varies faster than a line can show."""
    some = slice(None, None, -(-len(t) // FITTED))
    smooth = Smooth.of(t[some], WAVELENGTHS[band[some]], flux[some], error[some])
    at = np.linspace(t.min(), t.max(), NODES_OF_LINE)
    if smooth.scale <= max(TIME_SCALES[0], at[1] - at[0]):
        return []
    return [
        {
            "x": plain(at),
            "y": [float(f"{v:.5g}") for v in smooth.flux(at, WAVELENGTHS[b])],
            "style": STYLES[b],
        }
        for b in np.unique(band)
    ]
