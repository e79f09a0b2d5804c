"""How many extragalactic transients the surveys detect, and how far away, beside PLAsTiCC's generation log.

Every number is of candidates from the rate integral, so the efficiencies and redshifts are outcomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from blindsky.challenges.progress import Progress
from blindsky.challenges.transients import cadence, hosts, noise, positions, screening
from blindsky.challenges.transients.sources import TRANSIENTS, Transient
from blindsky.scoring.measurements import FloatArray
from tests.acceptance.line import Row, row

SEED = 20_261_121
BLOCK, PART = 65_536, 8192


@dataclass(frozen=True)
class Published:
    """Written/generated in PLAsTiCC and as measured with this recipe, wide and deep; redshifts of the wide survey.

    blocks : of candidates of the wide survey, enough for some 500 detections.
    """

    plasticc: tuple[float, float]
    recipe: tuple[float, float]
    median: float
    far: float | None
    blocks: int = 1


PUBLISHED = {
    "Ia": Published((0.1011, 0.312), (0.124, 0.345), 0.59, 0.90),
    "91bg": Published((0.0301, 0.122), (0.0296, 0.127), 0.32, 0.53),
    "Iax": Published((0.00729, 0.0383), (0.0061, 0.030), 0.29, 0.47, 2),
    "II": Published((0.0178, 0.113), (0.0200, 0.088), 0.35, 0.59),
    "IIn": Published((0.00801, 0.0336), (0.0089, 0.044), 0.34, 0.70, 2),
    "Ibc": Published((0.00769, 0.0388), (0.0080, 0.036), 0.26, 0.48, 2),
    "SLSN-I": Published((0.396, 0.579), (0.413, 0.656), 1.39, 2.47),
    "TDE": Published((0.239, 0.507), (0.285, 0.583), 0.45, 1.08),
    "KN": Published((0.00537, 0.036), (0.0059, 0.049), 0.07, 0.15, 2),
    "Ca-rich": Published((0.00337, 0.0189), (0.0031, 0.0175), 0.22, None, 3),
    "ILOT": Published((0.00037, 0.0026), (0.00032, 0.0016), 0.09, None, 10),
    "PISN": Published((0.207, 0.60), (0.203, 0.46), 0.83, None),
}


def triggered(source: Transient, stream: np.random.Generator, n: int, deep: bool) -> FloatArray:
    """Redshifts of those of ``n`` candidates that are detected twice and pass the cuts."""
    table = source.draw(stream, n)
    bright = np.arange(n) if deep else np.flatnonzero(screening.bright(source, table))
    calendars = cadence.calendars(stream) if deep else None
    found: list[FloatArray] = [np.zeros(0)]
    for start in range(0, len(bright), PART):
        own = {name: column[bright[start : start + PART]] for name, column in table.items()}
        m = len(own["z"])
        where = positions.wide(stream, m) if calendars is None else positions.deep(stream, m)
        visits = cadence.wide(stream, where.ra) if calendars is None else cadence.deep(calendars, where.field)
        flux = source.flux(own, visits.index, visits.mjd, visits.band, stream)
        dust = positions.extinction(where.ebv)[visits.index, visits.band]
        seen = noise.observe(stream, flux, dust, visits.band, deep)
        kept = np.isfinite(noise.trigger(visits.index, visits.mjd, seen.detected, m))
        kept &= noise.observable(visits.index, visits.band, flux, m)
        kept &= noise.near_enough(hosts.photometric(stream, own["z"])[0])
        found.append(own["z"][kept])
    return np.concatenate(found)


def efficiencies(name: str, published: Published, report: Progress) -> Iterator[Row]:
    """Both surveys of one model."""
    for k, survey in enumerate(("WFD", "DDF")):
        blocks, size = (published.blocks, BLOCK) if survey == "WFD" else (1, BLOCK // 2)
        parts = []
        for block in range(blocks):
            stream = np.random.Generator(
                np.random.Philox(key=[SEED, 1000 * (2 * published.blocks + k) + block])
            )
            parts.append(triggered(TRANSIENTS[name], stream, size, survey == "DDF"))
            report.advance()
        z = np.concatenate(parts)
        efficiency, error = len(z) / (blocks * size), np.sqrt(len(z)) / (blocks * size)
        ours, theirs = published.recipe[k], published.plasticc[k]
        label = f"{name} {survey}: detected of generated"
        near = abs(efficiency - ours) <= max(0.1 * ours, 3 * error)
        yield row(label, efficiency, ours, "10 % or 3 sigma", "", near)
        yield row(
            f"{label}, PLAsTiCC", efficiency, theirs, "factor 1.5", "", 1 / 1.5 < efficiency / theirs < 1.5
        )
        if survey == "WFD":
            yield row(
                f"{name} WFD: median redshift of the detected", float(np.median(z)), str(published.median)
            )
            if published.far is not None:
                yield row(
                    f"{name} WFD: 95 % of them are below", float(np.quantile(z, 0.95)), str(published.far)
                )


def rows(report: Progress) -> list[Row]:
    """The table."""
    return [line for name, published in PUBLISHED.items() for line in efficiencies(name, published, report)]
