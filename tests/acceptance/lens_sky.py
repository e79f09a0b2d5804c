"""The physics of the strong-lens sky as measured numbers beside the published ones.

``rows`` returns the table. A row whose tolerance is ``report`` is shown and never fails. At least 2,000 lenses a
branch; the published quantiles are of lenses with at least one pixel above the noise (Metcalf et al. 2019).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from joblib import Parallel, delayed

from blindsky.challenges.lens.settings import SETTINGS
from blindsky.challenges.lens.sky import LensSky
from blindsky.challenges.progress import Progress
from blindsky.scoring.measurements import FloatArray, Table
from blindsky.scoring.ranking import auroc
from tests.acceptance.line import Row, row

SEED = 20_261_121
WORKERS = 2
BLOCKS = {"space": 42, "ground": 34, "euclid": 4, "space_shift": 4, "ground_shift": 4}
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
REAL = {  # quartiles of real stamps, maggies: 16 of VIS, 12 of r
    ("space", "flux"): (1.2e-9, 2.3e-9, 4.0e-9),
    ("ground", "flux"): (1.9e-9, 4.3e-9, 19.6e-9),
    ("space", "peak"): (1.8e-11, 2.6e-11, 6.0e-11),
    ("ground", "peak"): (1.9e-11, 3.6e-11, 31e-11),
}
CORNER = 20  # pixels a side


@cache
def stamps(track: str) -> Table:
    """Truth of the test split, and what is measured on every stamp."""
    parts = Parallel(n_jobs=WORKERS)(delayed(_block)(track, block) for block in range(BLOCKS[track]))
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _block(track: str, block: int) -> Table:
    """One block: truth; flux, peak and pixels above 3 rms of the reference band; moments of all bands; noise.

    Noise and correlation are (n, bands), over the setting's noise; NaN in stamps with bad pixels.
    """
    setting = SETTINGS[track]
    sky = LensSky(setting)
    at = setting.cameras[0].bands.index(setting.reference)
    stream = np.random.Generator(np.random.Philox(key=[SEED, block]))
    drawn = sky.draw("test", block, sky.block_rows, stream)
    image = drawn.public[sky.image_names[0]].astype(np.float64)
    truth = dict(drawn.private["truth"])
    truth["flux"], truth["peak"] = image[:, at].sum(axis=(1, 2)), image[:, at].max(axis=(1, 2))
    truth["bright_pixels"] = (image[:, at] > 3 * setting.sigma[at]).sum(axis=(1, 2))
    truth["mean"], truth["square"] = image.mean(axis=(1, 2, 3)), (image**2).mean(axis=(1, 2, 3))
    whole = truth["masked"] == 0
    truth["noise"], truth["correlation"] = np.full((2, len(image), len(setting.bands)), np.nan)
    bands = [band for name in sky.image_names for band in np.moveaxis(drawn.public[name], 1, 0)]
    for k, (band, sigma) in enumerate(zip(bands, setting.sigma, strict=True)):
        truth["noise"][whole, k], truth["correlation"][whole, k] = _corner_noise(
            band[whole].astype(np.float64) / sigma
        )
    return truth


def _corner_noise(image: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Noise (clipped MAD) and correlation of neighbours in x (n,) in the emptiest corner of stamps (n, y, x)."""
    sides = (slice(None, CORNER), slice(-CORNER, None))
    corners = np.stack([image[:, y, x] for y in sides for x in sides], axis=1)
    middle = np.median(corners, axis=(2, 3))
    emptiest = middle.argmin(axis=1)
    rows = np.arange(len(image))
    corner = corners[rows, emptiest] - middle[rows, emptiest][:, None, None]
    for _ in range(4):
        mad = 1.4826 * np.nanmedian(np.abs(corner), axis=(1, 2))
        corner = np.where(np.abs(corner) < 3 * mad[:, None, None], corner, np.nan)
    return mad, np.nanmean(corner[..., 1:] * corner[..., :-1], axis=(1, 2)) / mad**2


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
            ):  # above the published axis, whose definition is uncertain; see _visible_contrast
                most = 5.0 if track == "ground" and above > 0.8 else 3.0
                ratio = value / expected
                rows.append(row(title, ratio, "1 to 3", f"{most:g}", "ratio", 1 / 1.2 < ratio <= most))
                continue
            inner = 0.12 if 0.2 <= above <= 0.8 else (0.25 if name == "npix" else 0.35)
            rows.append(row(title, float(np.log10(value / expected)), 0.0, inner, "dex"))
    return rows


def _visible_contrast(track: str) -> list[Row]:
    """Contrast counted on the pixels above the noise alone: what the published axis may have meant.

    At its faint end most light of an arc lies below the noise, pixel by pixel.
    """
    found = stamps(track)
    seen = found["has_source"] & (found["npix"] >= 1)
    setting = SETTINGS[track]
    reference = setting.sigma[setting.bands.index(setting.reference)]
    light = found["mu_eff"] * 10 ** (-0.4 * found["mag_source"])
    above_noise = found["flux_sigma"] * reference
    bright = found["bright"] & seen
    measured = np.quantile((found["contrast"] * above_noise / light)[seen & ~bright], 1 - np.array(ABOVE))
    return [
        row(
            f"{track}: contrast of light above the noise, exceeded by {above:g}",
            value / expected,
            "1",
            unit="ratio",
        )
        for above, value, expected in zip(ABOVE, measured, PUBLISHED[track, "contrast"], strict=True)
    ]


def _real_stamps(track: str) -> list[Row]:
    """Quartiles of flux and peak beside those of the dozen real stamps there are."""
    found, rows = stamps(track), []
    for name in ("flux", "peak"):
        measured = np.quantile(found[name], [0.25, 0.5, 0.75])
        for part, value, expected in zip((25, 50, 75), measured, REAL[track, name], strict=True):
            ratio = value / expected
            rows.append(
                row(
                    f"{track}: {name}, {part} %, over that of real stamps",
                    ratio,
                    "factor 2",
                    "2",
                    "ratio",
                    0.5 < ratio < 2,
                )
            )
    return rows


def _detector(track: str) -> list[Row]:
    """Noise and bad pixels of the stamps whose galaxies are not bright ones under the noise of a real survey."""
    found = stamps(track)
    quiet = ~found["bright"] & (found["masked"] == 0)
    rows = []
    for band, noise, correlation in zip(
        SETTINGS[track].bands, found["noise"][quiet].T, found["correlation"][quiet].T, strict=True
    ):
        rows += [
            row(f"{track}: corner noise over the table's, {band}", float(np.median(noise)), 1.0, 0.02),
            row(f"{track}: correlation of neighbours, {band}", float(np.median(correlation)), 0.0, 0.01),
        ]
    if SETTINGS[track].masks:
        rows.append(
            row(f"{track}: share of stamps with bad pixels", float((found["masked"] > 0).mean()), 0.25, 0.025)
        )
    return rows


def _trivial(track: str) -> list[Row]:
    """What needs no eye for lenses must not find them."""
    found = stamps(track)
    rows = []
    for name in ("flux", "peak", "bright_pixels"):
        area = auroc(found["label"], found[name])
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
    parts = (_quantiles, _visible_contrast, _real_stamps, _detector, _trivial)
    return rows + [line for part in parts for line in part(track)]


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
        found += _trivial(track)
        if not SETTINGS[track].shifted:  # a shifted sky has noise of its own
            found += _detector(track)
    return found
