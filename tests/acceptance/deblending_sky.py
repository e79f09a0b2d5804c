"""The physics of the deblending sky as measured numbers beside the published ones.

``rows`` returns the table. A row whose tolerance is ``report`` is shown and never fails. ``this recipe`` marks
numbers of a prototype of the same recipe. The real catalogues of shared/data are optional.
"""

from __future__ import annotations

import csv
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from blindsky.challenges.deblending import pairs, scenes, transforms
from blindsky.challenges.deblending.bands import LSST, PAIR, SCENE, SPACE
from blindsky.challenges.deblending.galaxies import Galaxies
from blindsky.challenges.deblending.measure import measure_known, measure_pair, measure_scene
from blindsky.challenges.deblending.sky import DeblendingSky
from blindsky.challenges.progress import Progress
from blindsky.scoring.measurements import Array, FloatArray, Table
from tests.acceptance.line import Row, row

SEED = 20_261_121
WORKERS = 2
BLOCKS = {"pair": 80, "scene": 30, "pair_shift": 12, "scene_known": 12}
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "deblending"
SEPARATION_BINS = (0, 6, 10, 15, 25, 64)  # pixels
_BELOW = (0.05, 0.25, 0.50, 0.75, 0.95)
CORNER = 24  # pixels a side


def _stream(block: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[SEED, block]))


@cache
def blends(track: str) -> dict[str, Table]:
    """Cases, objects and the oracle's rows of the test split; of pairs the noise in their corners as well."""
    parts = Parallel(n_jobs=WORKERS)(delayed(_block)(track, block) for block in range(BLOCKS[track]))
    return {
        table: {name: np.concatenate([p[table][name] for p in parts]) for name in parts[0][table]}
        for table in parts[0]
    }


def _block(track: str, block: int) -> dict[str, Table]:
    sky = DeblendingSky(track)
    drawn = sky.draw("test", block, sky.block_rows, _stream(block))
    truth, best = drawn.hidden["truth_objects"], drawn.references["oracle"]
    objects = {name: column for name, column in truth.columns.items() if column.ndim == 1}
    objects["pixels"] = truth.columns["mask"].sum(axis=(1, 2), dtype=np.int64)
    cases = {**drawn.private["truth"], "psf_fwhm": drawn.public["psf_fwhm"]}
    if "pair" in track:
        measured = measure_pair({}, truth, best, bands=SPACE)
        image = drawn.public["image"][:, 0].astype(np.float64)
        cases |= _corners(image)
    else:
        work = measure_scene if track == "scene" else measure_known
        measured = work({}, truth, best, bands=LSST)
    return {"cases": cases, "objects": objects, "oracle": measured.rows}


def _corners(image: FloatArray) -> Table:
    """Moments of the emptiest corner of every stamp: mean square, products of pixels one and two columns apart."""
    sides = (slice(None, CORNER), slice(-CORNER, None))
    corners = np.stack([image[:, y, x] for y in sides for x in sides], axis=1)
    level = corners.mean(axis=(2, 3))
    emptiest = level.argmin(axis=1)
    corner = corners[np.arange(len(image)), emptiest]
    found = {"level": corner.mean(axis=(1, 2))}
    corner = corner - found["level"][:, None, None]
    found |= {"square": (corner**2).mean(axis=(1, 2))}
    found |= {f"lag{k}": (corner[:, :, k:] * corner[:, :, :-k]).mean(axis=(1, 2)) for k in (1, 2)}
    return found


def _within(name: str, measured: float, expected: float, share: float, unit: str = "") -> Row:
    """A line whose tolerance is relative."""
    met = abs(measured / expected - 1) <= share
    return row(name, measured, f"{expected:g} (this recipe)", f"{share:.0%}", unit, met)


def _populations() -> list[Row]:
    drawn = pairs.population(_stream(0), pairs.SHARES, 40_000)
    found = []
    for kind, share in pairs.SHARES.items():
        rows = drawn.kind == kind
        found.append(row(f"pair: share of type {kind}", float(rows.mean()), share, 0.01))
        expected = dict(zip(pairs._BELOW, pairs._MAGNITUDES[kind], strict=True))
        for below in _BELOW:
            value = float(np.quantile(drawn.magnitude[rows], below))
            found.append(
                row(f"pair: magnitude of {kind}, {below:.0%} below", value, expected[below], 0.05, "mag")
            )
        a, b, s = pairs._RADII[kind]
        inside = rows & (drawn.radius > 1) & (drawn.radius < 30)
        x, y = drawn.magnitude[inside] - 21, np.log10(drawn.radius[inside])
        slope, level = np.polyfit(x, y, 1)
        found += [
            row(f"pair: radius of {kind} at magnitude 21", float(level), a, 0.02, "dex"),
            row(f"pair: its slope, {kind}", float(slope), b, 0.02, "dex/mag"),
            row(f"pair: its scatter, {kind}", float(np.std(y - level - slope * x)), s, 0.02, "dex"),
        ]
    return found + _real_radii(drawn)


def _real_radii(drawn: pairs.Draw) -> list[Row]:
    """Beside the distinct real galaxies of the published test set."""
    file = DATA / "coin_output_catalog.csv"
    if not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        real = {
            r[f"{g}_id"]: (r[f"{g}_type"], float(r[f"{g}_rad"]))
            for r in csv.DictReader(lines)
            for g in ("g1", "g2")
        }
    found = []
    for kind in pairs.SHARES:
        ours = np.log10(np.quantile(drawn.radius[drawn.kind == kind], [0.25, 0.5, 0.75]))
        theirs = np.log10(
            np.quantile([radius for name, radius in real.values() if name == kind], [0.25, 0.5, 0.75])
        )
        for part, a, b in zip((25, 50, 75), ours, theirs, strict=True):
            found.append(
                row(
                    f"pair: log10 radius of {kind}, {part} %, over that of CANDELS",
                    float(a - b),
                    0.0,
                    "report",
                    "dex",
                )
            )
    return found


def _pair_rule() -> list[Row]:
    drawn = pairs.draw_pairs(_stream(1), pairs.SHARES, 20_000)
    distance = np.hypot(drawn.dx, drawn.dy)
    most = float(np.abs(drawn.central.magnitude - drawn.companion.magnitude).max())
    found = [row("pair: largest difference of magnitudes", most, "< 2", "2", "mag", most < 2)]
    for part, expected in zip((25, 50, 75), (8.1, 13.3, 18.8), strict=True):
        found.append(
            row(f"pair: separation, {part} %", float(np.quantile(distance, part / 100)), expected, 1.2, "px")
        )
    shares = np.histogram(distance, SEPARATION_BINS)[0] / len(distance)
    published = (0.095, 0.252, 0.229, 0.325, 0.099)
    for (low, high), share, expected in zip(pairwise(SEPARATION_BINS), shares, published, strict=True):
        found.append(row(f"pair: share of separations {low}-{high} px", float(share), expected, 0.04))
    return found


def _pair_images() -> list[Row]:
    cases, objects = blends("pair")["cases"], blends("pair")["objects"]
    empty = cases["level"] < np.quantile(cases["level"], 0.3)
    variance = cases["square"][empty].mean()
    found = [
        row("pair: noise in empty corners", float(np.sqrt(variance)), 0.010, 0.0002, "e/s"),
        row("pair: its correlation at lag 1", float(cases["lag1"][empty].mean() / variance), 0.446, 0.02),
        row("pair: its correlation at lag 2", float(cases["lag2"][empty].mean() / variance), 0.063, 0.02),
    ]
    for below, expected in zip(_BELOW, (0.012, 0.044, 0.113, 0.251, 0.547), strict=True):
        value = float(np.quantile(objects["blendedness"], below))
        found.append(_within(f"pair: blendedness, {below:.0%} below", value, expected, 0.15))
    for name, title, expected in (
        ("snr", "signal to noise", (91, 358, 2310)),
        ("pixels", "pixels of a mask", (273, 699, 2894)),
    ):
        for below, number in zip((0.05, 0.5, 0.95), expected, strict=True):
            value = float(np.quantile(objects[name], below))
            # the brightest come out at 1,950 in 10,000 objects, 16 % below what a small prototype had
            found.append(_within(f"pair: {title}, {below:.0%} below", value, number, 0.15))
    found.append(_within("pair: median IoU of the two masks", float(np.median(cases["overlap"])), 0.26, 0.15))
    return found


def _scene_galaxies() -> list[Row]:
    g = scenes.scenes(_stream(3), SCENE, 6_000)
    slope, level = np.polyfit(g.magnitude - 23, np.log10(g.radius * 0.2), 1)
    magnitudes = np.array(SCENE.zero_points) - 2.5 * np.log10(g.flux)
    found = [
        row("scene: log10 r_half at r = 23 (COSMOS)", float(level), -0.502, 0.02, "dex"),
        row("scene: its slope (COSMOS)", float(slope), -0.105, 0.01, "dex/mag"),
    ]
    for k, (name, expected) in enumerate(
        (("g-r", 0.35), ("r-i", 0.29), ("i-z", 0.19), ("z-y", 0.08)), start=1
    ):
        value = float(np.median(magnitudes[:, k] - magnitudes[:, k + 1]))
        found.append(row(f"scene: median {name} (HSC)", value, expected, 0.13, "mag"))
    bright = np.flatnonzero(g.magnitude < 25.2)[:300]
    indices = np.quantile(_single_sersic(g.select(bright)), [0.25, 0.5, 0.75])
    # discs are exponential, so that no galaxy has n < 1 and the lowest quartile comes out high
    for part, value, expected in zip((25, 50, 75), indices, (0.90, 1.29, 2.18), strict=True):
        title = f"scene: Sersic index of single fits, {part} % (COSMOS)"
        found.append(_within(title, float(value), expected, 0.30))
    number = np.bincount(g.blend)
    found += [
        row(f"scene: share of blends of {k}", float((number == k).mean()), 0.2, 0.02) for k in range(2, 7)
    ]
    return found


def _single_sersic(g: Galaxies) -> FloatArray:
    """Sersic index (m,), at least 1, of the profile that fits bulge and disc best, seen by a PSF of 0.1 arcsec.

    Least squares between the transforms of round profiles, weighted as white noise would.
    """
    k = np.geomspace(0.1, 60, 120)  # 1/arcsec
    weight = k**2 * np.exp(-((k * 0.1 / 2.355) ** 2))  # k dk on even steps of ln k
    nodes, table = transforms.BULGE.frequencies, transforms.sersic_table()

    def sersic(row_of: int, radius: float) -> FloatArray:
        return np.interp(k * radius, nodes, table[row_of])

    found: FloatArray = np.empty(len(g))
    share = (g.bulge_flux / g.flux)[:, SCENE.reference]
    for m in range(len(g)):
        bulge = sersic(int(np.abs(transforms.INDICES - g.bulge_n[m]).argmin()), g.bulge_radius[m] * 0.2)
        disc = (1 + (k * g.disc_radius[m] * 0.2 * np.sqrt(g.disc_q[m])) ** 2) ** -1.5
        profile = share[m] * bulge + (1 - share[m]) * disc
        best = (-np.inf, 0.0)
        for index in range(len(transforms.INDICES)):
            for radius in g.radius[m] * 0.2 * np.geomspace(0.5, 1.6, 20):
                model = sersic(index, radius)
                gain = (weight * profile * model).sum() ** 2 / (weight * model**2).sum()
                best = max(best, (float(gain), float(transforms.INDICES[index])))
        found[m] = best[1]
    return found


def _scene_images() -> list[Row]:
    objects, cases = blends("scene")["objects"], blends("scene")["cases"]
    found = [
        row("scene: objects that count", float(objects["scored"].mean()), "none"),
        row("scene: empty masks", float((objects["pixels"] == 0).mean()), "none"),
        row(
            "scene: scatter of the seeing",
            float(np.log10(cases["psf_fwhm"][:, 2] / 0.81).std()),
            0.02,
            0.002,
            "dex",
        ),
    ]
    quantiles = np.quantile(objects["blendedness"], _BELOW)
    return found + [
        row(f"scene: blendedness, {below:.0%} below", float(value), "none")
        for below, value in zip(_BELOW, quantiles, strict=True)
    ]


def _oracle() -> list[Row]:
    pair = blends("pair")
    error = 100 * np.abs(pair["oracle"]["ratio"] - 1)
    distance = np.repeat(pair["cases"]["separation"], 2)
    found = [row("pair: MAPE of the oracle", float(error.mean()), 0.6, 0.1, "%")]
    for low, high in pairwise(SEPARATION_BINS):
        value = float(error[(distance >= low) & (distance < high)].mean())
        met = 0.45 <= value <= 0.95
        found.append(
            row(f"pair: MAPE of the oracle, {low}-{high} px", value, "0.55 to 0.80", "0.1 beyond", "%", met)
        )
    shifted = 100 * np.abs(blends("pair_shift")["oracle"]["ratio"] - 1)
    found.append(row("pair_shift: MAPE of the oracle", float(shifted.mean()), "none", "report", "%"))
    for track in ("scene", "scene_known"):
        rows = blends(track)["oracle"]
        bright = rows["mag"] < 26
        found += [
            row(
                f"{track}: error of the oracle to r = 26",
                float(np.nanmean(rows["deblend_error"][bright])),
                0.026,
                0.008,
            ),
            row(
                f"{track}: error of the oracle, all",
                float(np.nanmean(rows["deblend_error"])),
                "0.8/snr: 0.051",
            ),
        ]
    return found


def _shifted() -> list[Row]:
    objects, cases = blends("pair_shift")["objects"], blends("pair_shift")["cases"]
    empty = cases["level"] < np.quantile(cases["level"], 0.3)
    variance = cases["square"][empty].mean()
    kinds, companion = objects["type"], objects["type"][1::2]
    found = [
        row(f"pair_shift: share of centrals of type {kind}", float((kinds[::2] == kind).mean()), share, 0.06)
        for kind, share in {"sph": 0.10, "sphd": 0.20, "disk": 0.20, "irr": 0.50}.items()
    ]
    return [
        *found,
        row("pair_shift: stars among companions", float((companion == "star").mean()), 0.03, 0.02),
        row("pair_shift: noise in empty corners", float(np.sqrt(variance)), 0.015, 0.0004, "e/s"),
        row(
            "pair_shift: its correlation at lag 1", float(cases["lag1"][empty].mean() / variance), 0.73, 0.03
        ),
    ]


def _unique() -> list[Row]:
    """No parent, no vector of parameters is shared by two blends of any split."""
    found = []
    for name, setting, draw in (("pair", PAIR, pairs.pairs), ("scene", SCENE, scenes.scenes)):
        vectors = np.concatenate([_parameters(draw(_stream(block), setting, 500)) for block in range(10, 20)])
        repeats = len(vectors) - len(np.unique(vectors, axis=0))
        found.append(
            row(f"{name}: parameter vectors that repeat, of {len(vectors):,}", float(repeats), 0.0, 0.0)
        )
    return found


def _parameters(g: Galaxies) -> Array:
    return np.stack([g.magnitude, g.radius, g.angle, g.disc_q, g.bulge_q, g.disc_radius], axis=1)


def rows(report: Progress) -> list[Row]:
    """The table."""
    found: list[Row] = []
    for part in (
        *(_populations, _pair_rule, _pair_images),
        *(_scene_galaxies, _scene_images, _oracle, _shifted, _unique),
    ):
        report.note(part.__name__.strip("_").replace("_", " "))
        found += part()
    return found
