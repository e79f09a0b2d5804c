"""Drawing blends: rates of the tracks and where the time goes, peers on scenes, and memory.

One core, one thread; each measurement runs in a process of its own, and rates are per second of that process's time on
a core. The peers are optional: BlendingToolKit, in the environment whose Python ``BTK_PYTHON`` names, on its sample
catalogue; GalSim from PyPI, on the galaxies of our own scenes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from blindsky.challenges import detector
from blindsky.challenges.deblending import labels, oracle, render, scenes, sky
from blindsky.challenges.deblending.bands import SCENE
from blindsky.challenges.deblending.sky import SPLITS, DeblendingSky
from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import Stages, apart, on_gpu, peak_mib, row, timed

SEED = 20_261_124
TARGETS = {"pair": 60, "pair_shift": 60}  # blends per second and core
LEAST, AIM = 4, 10  # times as fast as BlendingToolKit on scenes
STAGES: Stages = {
    "images of single galaxies": ((render, "isolated"),),
    "of which FFT": ((render, "_pixels"),),
    "noise": ((detector, "noise"),),
    "pixel truth": ((labels, "objects"), (labels, "pairs")),
    "oracle": ((oracle, "fluxes"),),
}
CATALOGUE = (
    Path(__file__).resolve().parents[3]
    / "shared"
    / "data"
    / "deblending"
    / "cosmos"
    / "sample_input_catalog.fits"
)
PEER_BLENDS = 12
SIZES = (640, 1_920)  # train blends
FLAT = 1.25  # the peak of the larger may be this much above the peak of the smaller


def _core_seconds(call: Callable[[], object], repeats: int = 5) -> float:
    """Least time of a few runs on a core."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def rate(track: str, split: str) -> dict[str, float]:
    """Blends per second of a split, and the share of the time in each stage."""
    torch.set_num_threads(1)
    made = DeblendingSky(track)

    def draw() -> object:
        return made.draw(split, 0, made.block_rows, np.random.Generator(np.random.Philox(SEED)))

    draw()
    seconds = _core_seconds(draw)
    stages: dict[str, float] = {}
    with timed(STAGES, stages):
        start = time.perf_counter()
        draw()
        whole = time.perf_counter() - start
    return {"rate": sky.BLOCK_ROWS / seconds} | {stage: spent / whole for stage, spent in stages.items()}


def gpu(track: str) -> dict[str, float]:
    """Blends per second with pixels on a GPU, drawn and brought back by one process."""
    made = DeblendingSky(track, device="cuda")
    made.draw("train", 0, made.block_rows, np.random.default_rng(SEED))
    start = time.perf_counter()
    made.draw("train", 0, made.block_rows, np.random.default_rng(SEED))
    return {"rate": made.block_rows / (time.perf_counter() - start)}


def with_galsim() -> dict[str, float]:
    """Noiseless images of the galaxies of our scenes, a stamp a galaxy and band: bulge and disc seen by the PSF."""
    import galsim

    g = scenes.scenes(np.random.default_rng(SEED), SCENE, PEER_BLENDS)
    psf = [galsim.Moffat(beta=SCENE.beta, fwhm=f / SCENE.bands.pixel) for f in SCENE.fwhm]

    def run() -> None:
        for k in range(len(g)):
            turn = g.angle[k] * galsim.radians
            bulge = galsim.Sersic(n=g.bulge_n[k], half_light_radius=g.bulge_radius[k]).shear(
                q=g.bulge_q[k], beta=turn
            )
            disc = galsim.Exponential(scale_radius=g.disc_radius[k] * np.sqrt(g.disc_q[k])).shear(
                q=g.disc_q[k], beta=turn
            )
            for band, point in enumerate(psf):
                stamp = galsim.ImageF(SCENE.size, SCENE.size, xmin=0, ymin=0)
                light = bulge * g.bulge_flux[k, band] + disc * g.disc_flux[k, band]
                seen = galsim.Convolve(light, point)
                seen.drawImage(stamp, scale=1.0, center=galsim.PositionD(g.x[k], g.y[k]))

    return {"rate": PEER_BLENDS / _core_seconds(run, 2)}


def memory(n: int) -> dict[str, float]:
    """Peak MiB of drawing so many training scenes block by block and keeping none, in seconds."""
    made = DeblendingSky("scene", isolated=True)
    start = time.perf_counter()
    for block in range(n // made.block_rows):
        made.draw("train", block, made.block_rows, np.random.Generator(np.random.Philox(block)))
    return {"seconds": time.perf_counter() - start, "peak": peak_mib()}


def _btk() -> float | None:
    """Blends per second of BlendingToolKit; None where it is not there."""
    python = os.environ.get("BTK_PYTHON")
    if python is None or not CATALOGUE.exists():
        return None
    script = Path(__file__).with_name("btk_scenes.py")
    done = subprocess.run([python, str(script), str(CATALOGUE)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found["rate"]


def rows(report: Progress) -> list[dict[str, object]]:
    """The table."""
    report.note("peers")
    btk, galsim = (
        _btk(),
        apart("deblending_generation", "with_galsim")["rate"] if find_spec("galsim") else None,
    )
    found: list[dict[str, object]] = []
    for track in SPLITS:
        for split in ("train", "test"):
            report.note(f"rate of {track}, {split}")
            figures = apart("deblending_generation", "rate", track, split)
            shares = ", ".join(f"{stage} {figures[stage]:.0%}" for stage in STAGES if stage in figures)
            name, least = f"{track}, {split}: blends per core", TARGETS.get(track)
            met = figures["rate"] >= least if least else None
            found.append(row(name, figures["rate"], "1/s", f">= {least}" if least else "", met, shares))
            if track == "scene" and split == "train":
                found += _beside(figures["rate"], btk, galsim)
    found.append(on_gpu("deblending_generation", "scene", "scenes"))
    curve = {n: apart("deblending_generation", "memory", str(n)) for n in SIZES}
    base = curve[SIZES[0]]["peak"]
    for n, figures in curve.items():
        name = f"peak memory, {n:,} scenes with isolated images in {figures['seconds']:.0f} s"
        ratio = figures["peak"] / base
        target = f"<= {FLAT} of the smaller"
        found.append(row(name, figures["peak"], "MiB", target, ratio <= FLAT, f"{base:.0f} MiB", ratio))
    return found


def _beside(ours: float, btk: float | None, galsim: float | None) -> list[dict[str, object]]:
    """Scenes beside the peers, which draw every galaxy alone in every band as we do."""
    found: list[dict[str, object]] = []
    if btk is None:
        found.append(
            {"name": "scenes: no comparison, BTK_PYTHON names no Python with BlendingToolKit", "met": None}
        )
    else:
        target = f">= {LEAST} x, aim {AIM} x"
        found.append(
            row(
                "scenes beside BlendingToolKit",
                ours,
                "1/s",
                target,
                ours >= LEAST * btk,
                f"{btk:.1f}/s",
                ours / btk,
            )
        )
    if galsim is None:
        found.append({"name": "scenes: no comparison, galsim is not installed", "met": None})
    else:
        found.append(row("scenes beside GalSim", ours, "1/s", "", None, f"{galsim:.1f}/s", ours / galsim))
    return found


_PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "rate": rate,
    "gpu": gpu,
    "with_galsim": with_galsim,
    "memory": lambda n: memory(int(n)),
}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]](*sys.argv[2:])))
