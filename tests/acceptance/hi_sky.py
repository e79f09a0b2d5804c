"""The HI sky as measured numbers beside the published ones and those of a prototype of the same recipe.

``rows`` returns the table. A row whose tolerance is ``report`` is shown and never fails. The real truth of the SDC2
large development cube, in shared/data, is optional.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from blindsky.challenges.hi import continuum, cosmology, population
from blindsky.challenges.hi.field import BAND, C_KMS, CHANNEL, DEV, FIELDS, FULL, LDEV, PIXEL
from blindsky.challenges.hi.interference import channels
from blindsky.challenges.hi.profiles import nodes
from blindsky.challenges.progress import Progress
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import FloatArray, Table
from tests.acceptance.line import Row, row

KEY = bytes(range(32))
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "hi" / "sky_ldev_truthcat_v2.txt"
REAL_AREA = 0.985  # square degrees
WIDE = replace(DEV, nx=3250, ny=3250)  # 6.4 square degrees
REALISATIONS = 8
BELOW = (5, 25, 50, 75, 95)  # %

_COUNTS = {
    2: 10354,
    3: 8303,
    5: 5978,
    10: 3511,
    20: 1736,
    50: 476,
    100: 98,
}  # of the real LDEV field above Jy Hz
_PERCENTILES = {  # of a prototype
    "line_flux_integral": (1.98, 2.98, 5.50, 12.54, 44.0),
    "log_mhi": (8.46, 8.81, 9.08, 9.43, 9.94),
    "hi_size": (2.02, 2.75, 3.77, 5.69, 10.6),
    "w20": (91, 161, 229, 314, 505),
    "v_flat": (63, 96, 131, 178, 278),
    "mu": (2.42, 3.16, 3.81, 4.59, 6.01),
}
_UNITS = {
    "line_flux_integral": "Jy Hz",
    "log_mhi": "dex",
    "hi_size": "arcsec",
    "w20": "km/s",
    "v_flat": "km/s",
}
_REAL_PERCENTILES = {
    "line_flux_integral": (1.92, 2.99, 5.58, 12.9, 45.2),
    "hi_size": (2.11, 3.56, 5.12, 7.55, 13.5),
    "w20": (73, 170, 222, 330, 488),
}
_DETECTABLE = {
    3: 1741,
    4: 1006,
    5: 601,
    8: 145,
    10: 63,
}  # per square degree above a signal to noise: prototype
_REAL_DETECTABLE = {3: 1357, 4: 731, 5: 422, 8: 93, 10: 36}
_SCATTER = {  # variance over mean of numbers: cells, low and high of a prototype (survey, core), the real field
    "0.1 deg x 0.1 deg": ((3.0, 6.5), (0.8, 1.2), 4.5),
    "2 MHz": ((24.0, 38.0), (4.3, 5.3), 17.6),
    "0.1 deg x 0.1 deg x 10 MHz": ((3.7, 5.8), (1.1, 1.2), 3.2),
}


def _streams(name: str) -> Streams:
    return Streams(KEY, f"accept/hi/{name}")


@cache
def _galaxies() -> Table:
    """A wide field of the core track."""
    return population.complete(WIDE, population.draw(WIDE, "core", _streams("wide")), channels(WIDE, "core"))


@cache
def _real() -> Table | None:
    """The real truth with the columns of ours; none where the file is not here."""
    if not REAL.exists():
        return None
    with REAL.open(encoding="utf-8") as lines:
        names = lines.readline().split()
        values = np.loadtxt(lines)
    table: Table = dict(zip(names, values.T, strict=True))
    table["x"], table["y"] = LDEV.pixel(table["ra"], table["dec"])
    return table


def _expected() -> list[Row]:
    tabled = {"tiny": 214.0, "small": 607.0, "dev": 2822.0, "ldev": 11290.0, "full": 233700.0}
    found = []
    for size, number in tabled.items():
        value = population.expected(FIELDS[size]["test"])
        found.append(row(f"truths expected in {size}", value, number, 1e-3 * number))
    for limit, number in {1.8: 11284.7, 5: 6072.3, 50: 454.8, 100: 106.4}.items():
        value = population.abundance(BAND, limit).per_square_degree
        found.append(row(f"counts per deg2 above {limit:g} Jy Hz", value, number, 0.06))
    return found


def _counts() -> list[Row]:
    flux, real = _galaxies()["line_flux_integral"], _real()
    found = [row("area drawn", WIDE.area, ">= 6", "6", "deg2", WIDE.area >= 6)]
    for limit, number in _COUNTS.items():
        value = float((flux > limit).sum() / WIDE.area * REAL_AREA)
        share = max(0.04, 2.5 / math.sqrt(number))
        met = abs(value / number - 1) <= share
        found.append(
            row(
                f"counts above {limit} Jy Hz in 0.985 deg2",
                value,
                f"{number} (LDEV)",
                f"{share:.1%}",
                "",
                met,
            )
        )
        if real is not None:
            measured = float((real["line_flux_integral"] > limit).sum())
            found.append(row(f"counts above {limit} Jy Hz, LDEV itself", measured, float(number), 0.0))
    return found


def _percentiles() -> list[Row]:
    table, real = _galaxies(), _real()
    found = []
    for name, published in _PERCENTILES.items():
        values = np.percentile(table[name], BELOW)
        for below, value, number in zip(BELOW, values, published, strict=True):
            share = 0.05 if name == "w20" else 0.03
            if name == "log_mhi":  # 3 % of a logarithm would be a factor of two in mass
                found.append(row(f"{name}, {below} %", float(value), number, 0.03, "dex"))
                continue
            met = abs(value / number - 1) <= share
            found.append(
                row(
                    f"{name}, {below} %",
                    float(value),
                    f"{number:g}",
                    f"{share:.0%}",
                    _UNITS.get(name, ""),
                    met,
                )
            )
    if real is None:
        return [*found, _absent()]
    for name, published in _REAL_PERCENTILES.items():
        values = np.percentile(real[name], BELOW)
        for below, value, number, ours in zip(
            BELOW, values, published, np.percentile(table[name], BELOW), strict=True
        ):
            title = f"{name}, {below} %, LDEV itself"
            met = abs(value / number - 1) <= 0.01
            found.append(row(title, float(value), f"{number:g}", "1%", _UNITS[name], met))
            found.append(row(f"{name}, {below} %, ours over LDEV", float(ours / value), 1.0))
    return found


def _absent() -> Row:
    return row(
        "the real LDEV truth is not here: its rows are left out", math.nan, "beside a developer's checkout"
    )


def _detectable() -> list[Row]:
    table, real = _galaxies(), _real()
    found = []
    for limit, number in _DETECTABLE.items():
        value = float((table["snr"] > limit).sum() / WIDE.area)
        error = 3 * math.sqrt(number * (1 / WIDE.area + 1 / 20)) + 0.5  # the prototype drew 20 deg2
        found.append(row(f"truths with S/N > {limit} per deg2", value, float(number), error))
    if real is not None:
        snr = population.snr(LDEV, real, channels(LDEV, "core"))
        for limit, number in _REAL_DETECTABLE.items():
            value = float((snr > limit).sum())
            found.append(
                row(f"truths with S/N > {limit} in LDEV itself", value, float(number), 0.01 * number)
            )
    return found


def _scatter(table: Mapping[str, FloatArray]) -> list[float]:
    """Variance over mean of the numbers in cells of the sky, slices of the band, and cells of both."""
    side = 0.1 * 3600 / PIXEL
    cells = int(LDEV.nx / side)
    sky = [((LDEV.nx - cells * side) / 2, (LDEV.nx + cells * side) / 2)] * 2
    columns = (table["x"] + 0.5, table["y"] + 0.5, table["central_freq"])
    numbers = (
        np.histogramdd(columns[:2], bins=cells, range=sky)[0],
        np.histogram(columns[2], bins=100, range=BAND)[0],
        np.histogramdd(columns, bins=(cells, cells, 20), range=[*sky, BAND])[0],
    )
    return [float(n.var() / n.mean()) for n in numbers]


def _clustering() -> list[Row]:
    found = []
    for track, which in (("survey", 0), ("core", 1)):
        drawn = [
            _scatter(population.draw(LDEV, track, _streams(f"{track}/{k}"))) for k in range(REALISATIONS)
        ]
        for (cell, numbers), values in zip(_SCATTER.items(), np.transpose(drawn), strict=True):
            low, high = numbers[which]
            mean, error = float(values.mean()), float(values.std(ddof=1) / math.sqrt(REALISATIONS))
            met = low - 2 * error <= mean <= high + 2 * error
            title = f"{track}: variance over mean in {cell}, mean of {REALISATIONS}"
            found.append(row(title, mean, f"{low:g} to {high:g}", f"{2 * error:.2g} beyond", "", met))
    real = _real()
    if real is None:
        return found
    for (cell, numbers), value in zip(_SCATTER.items(), _scatter(real), strict=True):
        found.append(row(f"LDEV itself: variance over mean in {cell}", value, numbers[2], 0.1 * numbers[2]))
    return found


def _tiny_numbers() -> list[Row]:
    """How much the number of truths of the small sizes varies from release to release."""
    found = []
    for size in ("tiny", "small"):
        field = FIELDS[size]["test"]
        for track in ("core", "survey"):
            numbers = [len(population.draw(field, track, _streams(f"{size}/{k}"))["z"]) for k in range(100)]
            error, mean = float(np.std(numbers) / 10), population.expected(field)
            found.append(
                row(f"{size} {track}: truths, mean of 100", float(np.mean(numbers)), mean, 4 * error)
            )
            found.append(
                row(f"{size} {track}: their scatter", float(np.std(numbers)), math.sqrt(mean), "report")
            )
            found += [
                row(f"{size} {track}: truths, {below} %", float(np.percentile(numbers, below)), "none")
                for below in (5, 95)
            ]
    return found


def _channel_widths() -> list[Row]:
    """w20 of the lines averaged over channels of 30 kHz, less the truth's."""
    from scipy.special import ndtr

    table = {name: column[::600][:100] for name, column in _galaxies().items()}
    found = nodes(table)
    differences = []
    for k, own in enumerate(map(slice, found.start[:-1], found.start[1:])):
        shift = table["central_freq"][k] / C_KMS / CHANNEL
        spread = table["sigma_v"][k] * shift
        centre = table["chan"][k] % 1 - found.velocity[own] * shift
        half = int(np.abs(centre).max() + 6 * spread) + 3
        edges = np.arange(-half, half + 2) - 0.5
        line = np.diff(ndtr((edges[:, None] - centre) / spread), axis=0) @ found.weight[own]
        differences.append(_width(line) / shift - table["w20"][k])
    values = np.array(differences)
    inside = bool((values >= 0).all() and (values <= 5).all())
    return [
        row("w20 on channels less the truth, mean of 100", float(values.mean()), 2.2, 0.5, "km/s"),
        row("the least of them", float(values.min()), ">= 0", "0 to 5", "km/s", inside),
        row("the largest of them", float(values.max()), "<= 5", "0 to 5", "km/s", inside),
    ]


def _width(line: FloatArray) -> float:
    level = 0.2 * line.max()
    above = np.flatnonzero(line >= level)
    first, last = above[0], above[-1]
    left = first - (line[first] - level) / (line[first] - line[first - 1])
    right = last + (line[last] - level) / (line[last] - line[last + 1])
    return float(right - left)


def _interference() -> list[Row]:
    table = channels(FULL, "survey")
    gamma, frequency = table["gamma"], table["freq_hz"]
    return [
        row("interference: median factor", float(np.median(gamma)), 1.001, 6e-4),
        row("interference: share above 1.1", float((gamma > 1.1).mean()), 0.046, 6e-4),
        row("interference: share above 1.5", float((gamma > 1.5).mean()), 0.025, 6e-4),
        row("interference: channels above 2", float((gamma > 2).sum()), 42.0, 0.0),
        row("interference: largest factor", float(gamma.max()), 12.16, 6e-3),
        row("interference: where", float(frequency[gamma.argmax()] / 1e6), 952.97, 6e-3, "MHz"),
        row(
            "noise of the first channel",
            float(1e6 * channels(FULL, "core")["rms_jy_beam"][0]),
            26.627,
            6e-4,
            "uJy/beam",
        ),
    ]


def _continuum() -> list[Row]:
    flux, above = continuum.counts()
    published = {0.05: 2089.5, 0.1: 981.2, 1: 88.49, 10: 16.60, 100: 1.946}  # Hopkins et al. 2003
    return [
        row(
            f"continuum sources above {s:g} mJy per deg2",
            float(np.interp(s, flux, above)),
            number,
            1e-3 * number,
        )
        for s, number in published.items()
    ]


def _unique() -> list[Row]:
    """No frequency, the property of finest grain, is shared by two fields."""
    shared: Sequence[FloatArray] = [
        population.draw(field, "core", _streams(f"dev/{split}"))["central_freq"]
        for split, field in FIELDS["dev"].items()
    ]
    both = np.isin(*shared).sum()
    known = _galaxies()
    mass = cosmology.mass(known["line_flux_integral"], cosmology.distances(known["z"]).luminosity)
    return [
        row("sources shared by training and test", float(both), 0.0, 0.0),
        row(
            "largest error of the mass from the flux",
            float(np.abs(np.log10(mass) - known["log_mhi"]).max()),
            0.0,
            1e-9,
            "dex",
        ),
    ]


def rows(report: Progress) -> list[Row]:
    """The table."""
    found: list[Row] = []
    for part in (
        *(_expected, _counts, _percentiles, _detectable, _clustering, _tiny_numbers),
        *(_channel_widths, _interference, _continuum, _unique),
    ):
        report.note(part.__name__.strip("_").replace("_", " "))
        found += part()
    return found
