"""The physics of the strong-lens sky as measured numbers beside the published ones.

``rows`` returns the table. A row whose tolerance is ``report`` is shown and never fails. About 2,600 lenses a
branch; the published quantiles are of lenses with at least one pixel above the noise (Metcalf et al. 2019).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from blindsky.challenges.lens.settings import SETTINGS
from blindsky.challenges.lens.sky import LensSky
from blindsky.challenges.progress import Progress
from blindsky.scoring.measurements import Table
from blindsky.scoring.ranking import auroc
from tests.acceptance.line import Row, row

SEED = 20_261_121
BLOCKS = {"space": 50, "ground": 40, "euclid": 6, "space_shift": 6, "ground_shift": 6}
ABOVE = (0.95, 0.9, 0.8, 0.5, 0.2, 0.1, 0.05)  # fractions of lenses above the quantile
PUBLISHED = {
    ("space", "flux_sigma"): (75, 120, 212, 672, 2355, 4740, 9088),
    ("ground", "flux_sigma"): (18, 38, 91, 379, 1238, 2350, 4850),
    ("space", "npix"): (32, 46, 75, 196, 557, 966, 1491),
    ("ground", "npix"): (15, 26, 55, 177, 447, 684, 990),
    ("space", "contrast"): (0.0114, 0.0206, 0.040, 0.138, 0.488, 0.98, 1.90),
    ("ground", "contrast"): (0.0019, 0.0046, 0.014, 0.075, 0.29, 0.56, 1.14),
}
UNSEEN = {"space": (0.033, 0.06), "ground": (0.062, 0.13)}  # published share without signal, and the limit
PIXELS = {
    "space": (4.337e-13, 5.504e-12),
    "ground": (1.685e-12, 5.122e-11),
}  # mean and rms of one entrant's code


@cache
def stamps(track: str) -> Table:
    """Truth of the test split, and of every stamp its flux, peak and pixel moments in the reference band."""
    setting = SETTINGS[track]
    sky, parts = LensSky(setting), []
    at = setting.cameras[0].bands.index(setting.reference)
    for block in range(BLOCKS[track]):
        stream = np.random.Generator(np.random.Philox(key=[SEED, block]))
        drawn = sky.draw("test", block, sky.block_rows, stream)
        image = drawn.public[sky.image_names[0]].astype(np.float64)
        truth = dict(drawn.private["truth"])
        truth["flux"], truth["peak"] = image[:, at].sum(axis=(1, 2)), image[:, at].max(axis=(1, 2))
        truth["bright_pixels"] = (image[:, at] > 3 * setting.sigma[at]).sum(axis=(1, 2))
        truth["mean"], truth["square"] = image.mean(axis=(1, 2, 3)), (image**2).mean(axis=(1, 2, 3))
        parts.append(truth)
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _quantiles(track: str) -> list[Row]:
    found, rows = stamps(track), []
    seen = found["has_source"] & (found["npix"] >= 1)
    for (branch, name), published in PUBLISHED.items():
        if branch != track:
            continue
        measured = np.quantile(found[name][seen], 1 - np.array(ABOVE))
        for above, value, expected in zip(ABOVE, measured, published, strict=True):
            title = f"{track}: {name} exceeded by {above:g}"
            if (
                name == "contrast"
            ):  # the recipe is a factor 2 above the published axis, whose definition is uncertain
                most = 5.0 if track == "ground" and above > 0.8 else 3.0
                rows.append(
                    row(
                        title,
                        value / expected,
                        "1 to 3",
                        f"{most:g}",
                        "ratio",
                        1 / 1.2 < value / expected <= most,
                    )
                )
                continue
            inner = 0.12 if 0.2 <= above <= 0.8 else (0.25 if name == "npix" else 0.35)
            rows.append(row(title, float(np.log10(value / expected)), 0.0, inner, "dex"))
    return rows


def _trivial(track: str) -> list[Row]:
    """What needs no eye for lenses must not find them."""
    found = stamps(track)
    rows = []
    for name in ("flux", "peak", "bright_pixels"):
        area = auroc(found["has_source"], found[name])
        rows.append(row(f"{track}: AUROC of {name}", area, "< 0.65", "0.65", "", area < 0.65))
    return rows


def _track(track: str) -> list[Row]:
    found = stamps(track)
    has = found["has_source"]
    unseen = float((found["npix"][has] == 0).mean())
    quiet = float((found["npix"][has & ~found["bright"]] == 0).mean())
    published, limit = UNSEEN[track]
    mean, rms = float(found["mean"].mean()), float(np.sqrt(found["square"].mean()))
    rows = [
        row(f"{track}: sources without a pixel above the noise", unseen, published),
        row(f"{track}: the same under quiet noise", quiet, published, f"< {limit}", "", quiet < limit),
        row(
            f"{track}: is_lens among sources",
            float(found["is_lens"][has].mean()),
            {"space": 0.92, "ground": 0.82}[track],
            0.04,
        ),
        row(f"{track}: quads and more", float((found["n_images"][has] >= 4).mean()), 0.04, 0.015),
    ]
    for name, value, expected in zip(("mean", "rms"), (mean, rms), PIXELS[track], strict=True):
        rows.append(
            row(
                f"{track}: {name} of all pixels",
                value,
                expected,
                "factor 2",
                "maggies",
                0.5 < value / expected < 2,
            )
        )
    return rows + _quantiles(track) + _trivial(track)


def rows(report: Progress) -> list[Row]:
    """The table."""
    found: list[Row] = []
    for track in ("space", "ground"):
        found += _track(track)
        report.advance()
    for track in ("euclid", "space_shift", "ground_shift"):
        truth = stamps(track)
        report.advance()
        has = truth["has_source"]
        found.append(row(f"{track}: is_lens among sources", float(truth["is_lens"][has].mean()), "none"))
        share = float((truth["impostor"][~has] != "").mean())
        found.append(row(f"{track}: impostors among non-lenses", share, 0.25, 0.06))
    return found
