"""Generated stamps side by side with the real ones, for the eye: ``build/lens_gallery.png``.

Without the real stamps, which lie beside a developer's checkout only, the generated ones stand alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from blindsky.challenges.lens.settings import SETTINGS
from blindsky.challenges.lens.sky import LensSky
from blindsky.challenges.progress import Progress
from blindsky.scoring.measurements import Array, FloatArray
from tests.acceptance.line import Row, row

REAL = Path(__file__).parents[2] / "../shared/data/lens/bologna1_samples"
OUT = Path("build/lens_gallery.png")
SEED = 20_261_122
BAD = 100.0  # value of a bad pixel in the real stamps
PER_CLASS = {"space": 8, "ground": 6}
FOLDERS = {"u": "Band4", "g": "Band3", "r": "Band1", "i": "Band2"}  # of the real stamps: R, I, G, U


def _generated(track: str) -> FloatArray:
    """Lenses first, then non-lenses, (n, bands, size, size), in units of the noise."""
    setting, number = SETTINGS[track], PER_CLASS[track]
    stream = np.random.Generator(np.random.Philox(key=[SEED, 0]))
    block = LensSky(setting).draw("test", 0, 64, stream)
    has = block.private["truth"]["has_source"]
    chosen = np.concatenate([np.flatnonzero(has)[:number], np.flatnonzero(~has)[:number]])
    return np.asarray(block.public["image"][chosen] / setting.sigma[:, None, None])


def _real(track: str) -> FloatArray | None:
    """The real stamps in the same order and units; None where they are absent."""
    from astropy.io import fits

    setting = SETTINGS[track]
    files: Iterable[list[Path]]
    if track == "space":
        files = [
            [p] for kind in ("lens", "nolens") for p in sorted((REAL / "space_based" / kind).glob("*.fits"))
        ]
    else:
        folders = [REAL / "ground_based" / kind for kind in ("lens", "nolens")]
        files = [
            [next((f / FOLDERS[b]).glob(f"*-{name}.fits")) for b in setting.bands]
            for f in folders
            for name in sorted(p.stem.split("-")[1] for p in (f / "Band1").glob("*.fits"))
        ]
    stamps = np.array([[fits.getdata(path) for path in bands] for bands in files], dtype=np.float64)
    return np.where(stamps == BAD, 0, stamps) / setting.sigma[:, None, None] if len(stamps) else None


def _shown(stamp: FloatArray) -> Array:
    """One stamp (bands, y, x) as grey, or i, r, g as red, green and blue; asinh at twice the noise."""
    planes = stamp[[3, 2, 1]] if len(stamp) == 4 else stamp
    stretched = np.arcsinh(planes / 2)
    white = max(float(np.percentile(stretched, 99.8)), 3.0)
    return np.clip((stretched + 0.7) / (white + 0.7), 0, 1).transpose(1, 2, 0)


def rows(report: Progress) -> list[Row]:
    """Draws the gallery; one row that counts what it shows."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    lines, labels = [], []
    for track, number in PER_CLASS.items():
        for name, stamps in (
            ("generated", _generated(track)),
            ("real", _real(track) if REAL.exists() else None),
        ):
            if stamps is None:
                continue
            for kind, part in (("lenses", stamps[:number]), ("others", stamps[number:])):
                lines.append(part)
                labels.append(f"{track}\n{name}\n{kind}")
        report.advance()
    most = max(PER_CLASS.values())
    figure, axes = plt.subplots(len(lines), most, figsize=(1.6 * most, 1.6 * len(lines)), squeeze=False)
    for line, label, part in zip(axes, labels, lines, strict=True):
        for axis in line:
            axis.axis("off")
        for axis, stamp in zip(line, part, strict=False):
            axis.imshow(_shown(stamp), origin="lower", cmap="gray", vmin=0, vmax=1)
        line[0].text(-0.05, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=8)
    figure.subplots_adjust(left=0.09, right=0.995, bottom=0.005, top=0.995, wspace=0.03, hspace=0.03)
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, dpi=110)
    plt.close(figure)
    return [row(f"stamps side by side in {OUT}", sum(map(len, lines)), "for the eye")]
