"""What the published SExtractor recipe finds on these pairs, beside what it found on real ones (Boucaud et al. 2020).

The noise of the pairs is calibrated with it. Needs sep, which is optional.
"""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise

import numpy as np
from joblib import Parallel, delayed

from blindsky.challenges.deblending.bands import PAIR
from blindsky.challenges.deblending.sky import DeblendingSky
from blindsky.challenges.progress import Progress
from blindsky.scoring.measurements import FloatArray, Table
from tests.acceptance.line import Row, row

SEED = 20_261_123
WORKERS = 2
BLOCKS = 80
SEPARATION_BINS = (0, 6, 10, 15, 25, 64)  # pixels


def _block(block: int) -> Table:
    sky = DeblendingSky("pair")
    drawn = sky.draw("test", block, sky.block_rows, np.random.Generator(np.random.Philox(key=[SEED, block])))
    objects = drawn.hidden["truth_objects"].columns
    radius = objects["r_half"].reshape(-1, 2)[:, 0] / PAIR.bands.pixel
    found = _extracted(drawn.public["image"][:, 0].astype(np.float64), radius)
    return found | {
        "separation": drawn.private["truth"]["separation"],
        "true": objects["flux_f160w"].reshape(-1, 2),
    }


def _extracted(images: FloatArray, radius: FloatArray) -> Table:
    """Isophotal fluxes of central and companion by the published SExtractor recipe, NaN if missed; how many it saw."""
    import sep

    flux, number = np.full((len(images), 2), np.nan), np.zeros(len(images), dtype=np.int64)
    for k, image in enumerate(np.ascontiguousarray(images)):
        rms = sep.Background(image).globalrms
        seen = sep.extract(image, 5, err=rms, minarea=10, deblend_nthresh=64, deblend_cont=0.01)
        if len(seen) < 2:
            seen = sep.extract(image, 4, err=rms, minarea=6, deblend_nthresh=64, deblend_cont=0.0001)
        number[k] = len(seen)
        if not len(seen):
            continue
        distance = np.hypot(seen["x"] - 63.5, seen["y"] - 63.5)
        nearest = int(distance.argmin())
        if len(seen) == 1:
            flux[k, 0 if distance[0] < 0.5 * radius[k] else 1] = seen["flux"][0]
            continue
        others = np.delete(seen["flux"], nearest)
        flux[k] = seen["flux"][nearest], others.max()
    return {"flux": flux, "number": number}


def rows(report: Progress) -> list[Row]:
    """The table; one factor takes isophotal fluxes to total ones."""
    if find_spec("sep") is None:
        return [{"name": "SExtractor recipe: no comparison, sep is not installed", "met": None}]
    report.note("SExtractor recipe")
    parts = Parallel(n_jobs=WORKERS)(delayed(_block)(block) for block in range(BLOCKS))
    found_by_sep = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    flux, number, distance = (found_by_sep[name] for name in ("flux", "number", "separation"))
    seen = np.isfinite(flux)
    both = seen.all(axis=1)
    shares = (
        ("both found", both, 0.772, 0.04),
        ("central only", seen[:, 0] & ~seen[:, 1], 0.062, 0.03),
        ("companion only", seen[:, 1] & ~seen[:, 0], 0.166, 0.03),
        ("none", ~seen.any(axis=1), 0.0, 0.03),
        ("three or more", number >= 3, 0.029, 0.03),
    )
    found = [row(f"SExtractor recipe: {name}", float(m.mean()), e, t) for name, m, e, t in shares]
    for (low, high), expected in zip(
        pairwise(SEPARATION_BINS), (0.170, 0.532, 0.884, 0.987, 0.998), strict=True
    ):
        share = both[(distance >= low) & (distance < high)]
        title = f"SExtractor recipe: both found, {low}-{high} px"
        found.append(row(title, float(share.mean()), expected, 0.06))
    ratio = flux / found_by_sep["true"]
    factor = np.nanmedian(ratio)
    found.append(
        row(
            "SExtractor recipe: shift of the zero-point",
            float(2.5 * np.log10(factor)),
            "-0.22 (this recipe)",
            "report",
            "mag",
        )
    )
    published = (("central", 0.542, 12.4, 29.8, 4.0), ("companion", 0.710, 16.2, 44.4, 6.0))
    for slot, (name, std, outlier, mape, tolerance) in enumerate(published):
        kept = ratio[seen[:, slot] & (number < 3), slot] / factor
        dm = -2.5 * np.log10(np.maximum(kept, 1e-9))
        found += [
            row(f"SExtractor recipe: {name}, scatter of dm", float(dm.std()), std, 0.08, "mag"),
            row(
                f"SExtractor recipe: {name}, outliers",
                100 * float((np.abs(dm) > 0.75).mean()),
                outlier,
                3.0,
                "%",
            ),
            row(
                f"SExtractor recipe: {name}, MAPE", 100 * float(np.abs(kept - 1).mean()), mape, tolerance, "%"
            ),
        ]
    return found
