"""Drawing stamps: rates of the tracks and where the time goes, caustics on the same lenses, memory, and a GPU.

One core, one thread; each measurement runs in a process of its own. The peers, caustics and lenstronomy on PyPI,
are optional.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blindsky.challenges import generation, registry
from blindsky.challenges.challenge import Size
from blindsky.challenges.lens import psf, render, sky
from blindsky.challenges.lens.light import sersic_b, sersic_centre
from blindsky.challenges.lens.painting import FINE, MARGIN
from blindsky.challenges.lens.scene import Scene, draw_scene
from blindsky.challenges.lens.settings import SETTINGS, Setting
from blindsky.challenges.lens.sky import LensSky
from blindsky.challenges.progress import Progress
from blindsky.scoring.measurements import Array
from tests.benchmarks.measuring import Stages, apart, best, on_gpu, peak_mib, row, timed

SEED = 20_261_123
TARGET, AIM = 60, 200  # four-band ground stamps per second and core
STAGES: Stages = {
    "scene": ((sky, "draw_scene"),),
    "unlensed light": ((render, "paint"),),
    "rays": ((render, "lensed"),),
    "point spread": ((psf, "transfer"), (psf, "observe")),
    "noise, masks": ((LensSky, "_observe"),),
    "pixel truth": ((sky, "measure_arcs"),),
}
PEERS = {"caustics": 3, "lenstronomy": 0}  # and how many times as fast we want to be
PEER_STAMPS, PEER_BATCH, PEER_RAYS = 64, 4, 4
PLAIN = "SIE, shear, Sersic source and lens light, 1 band"
SIZES = (1_280, 3_840)  # rows of releases: 2.5 and 7.5 times those in flight
FLAT = 1.25  # the peak of the larger may be this much above the peak of the smaller


def _draw(track: str, device: str = "cpu") -> Callable[[], object]:
    made = LensSky(SETTINGS[track], device=device)
    return lambda: made.draw("test", 0, made.block_rows, np.random.default_rng(SEED))


def rate(track: str) -> dict[str, float]:
    """Stamps per second of a track's test split, and the share of the time in each stage."""
    torch.set_num_threads(1)
    draw = _draw(track)
    draw()
    seconds = best(draw)
    stages: dict[str, float] = {}
    with timed(STAGES, stages):
        start = time.perf_counter()
        draw()
        whole = time.perf_counter() - start
    return {"rate": sky.BLOCK_ROWS / seconds} | {stage: spent / whole for stage, spent in stages.items()}


def gpu(track: str) -> dict[str, float]:
    """Stamps per second with pixels on a GPU, drawn and brought back by one process."""
    draw = _draw(track, "cuda")
    draw()
    return {"rate": sky.BLOCK_ROWS / best(draw)}


def _plain(n: int) -> tuple[Setting, Scene]:
    """Isothermal ellipsoids with shear before Sersic sources, and Sersic light of the lenses: caustics has them all."""
    setting = replace(SETTINGS["space"], lens_share=1.0)
    scene = draw_scene(np.random.default_rng(SEED), setting, n, False)
    bulges = scene.sersics.select(np.arange(len(scene.sersics)) < n)
    sources = replace(scene.sources, clumps=np.zeros(n), knot_share=np.zeros_like(scene.sources.knot_share))
    none = scene.discs.select(np.zeros(n, dtype=bool))
    return setting, replace(scene, sersics=bulges, sources=sources, discs=none)


def _pixels(setting: Setting, scene: Scene) -> torch.Tensor:
    """Light integrated over the pixels of those scenes, in noise rms, (n, size, size)."""
    camera, n = setting.cameras[0], len(scene.has_source)
    canvas, arc = render._canvases(scene, camera, slice(0, 1), np.broadcast_to(setting.sigma, (n, 1)), "cpu")
    edge = FINE * MARGIN
    cells = (canvas + arc)[:, 0, edge:-edge, edge:-edge] / setting.sigma[0]
    pixels: torch.Tensor = cells.reshape(n, camera.size, FINE, camera.size, FINE).sum(dim=(2, 4))
    return pixels


def _difference(setting: Setting, scene: Scene, theirs: torch.Tensor) -> float:
    """Difference in noise rms that 99 % of a stamp's pixels stay below, for the median stamp."""
    return float((_pixels(setting, scene) - theirs).abs().flatten(1).quantile(0.99, dim=1).median())


def ours() -> dict[str, float]:
    """Stamps per second of those scenes in one band: light integrated over pixels, then also through the PSF."""
    torch.set_num_threads(1)
    setting, scene = _plain(PEER_STAMPS)
    camera, sigma = setting.cameras[0], np.broadcast_to(setting.sigma, (PEER_STAMPS, 1))
    kernel = torch.as_tensor(psf.transfer(camera, np.array(setting.fwhm), None))
    step = render.BATCH["cpu"]

    def run(observed: bool) -> None:
        for start in range(0, PEER_STAMPS, step):
            stamps = slice(start, start + step)
            canvas, arc = render._canvases(scene.of(stamps), camera, slice(0, 1), sigma[stamps], "cpu")
            canvas += arc
            if observed:
                psf.observe(canvas, kernel, camera)

    run(True)
    return {
        "bare": PEER_STAMPS / best(partial(run, False)),
        "observed": PEER_STAMPS / best(partial(run, True)),
    }


def with_caustics() -> dict[str, float]:
    """The same scenes by caustics: stamps per second, and the difference from ours."""
    import caustics

    torch.set_num_threads(1)
    setting, scene = _plain(PEER_STAMPS)
    camera = setting.cameras[0]
    cosmology = caustics.FlatLambdaCDM()
    mass = [caustics.SIE(cosmology=cosmology), caustics.ExternalShear(cosmology=cosmology)]
    simulator = caustics.LensSource(
        caustics.SinglePlane(cosmology=cosmology, lenses=mass, z_l=0.5, z_s=1.5),
        source=caustics.Sersic(),
        lens_light=caustics.Sersic(),
        pixelscale=camera.pixel,
        pixels_x=camera.size,
        upsample_factor=PEER_RAYS,
    )
    d, s, light = scene.deflectors, scene.sources, scene.sersics

    def sersic(o: Any) -> list[Array]:
        """Its radius is along the major axis."""
        return [o.x, o.y, o.q, o.angle, o.n, o.radius / np.sqrt(o.q), _level(setting, o)]

    columns = [d.x, d.y, d.q, d.phi, d.theta_e, d.x, d.y, d.g1, d.g2, *sersic(s), *sersic(light)]
    parameters = torch.as_tensor(np.stack(columns, axis=1), dtype=torch.float32)
    together = torch.vmap(simulator)

    def run() -> torch.Tensor:
        return torch.cat([together(part) for part in torch.split(parameters, PEER_BATCH)])

    difference = _difference(setting, scene, run())
    return {"rate": PEER_STAMPS / best(run), "difference": difference}


def _level(setting: Setting, o: Any) -> Array:
    """Brightness of Sersic profiles at their half-light radius, noise rms per pixel."""
    relative = sersic_centre(o.n) * np.exp(-sersic_b(o.n)) / o.radius**2 * setting.cameras[0].pixel ** 2
    return np.asarray(relative * o.flux[:, 0] / setting.sigma[0])


def with_lenstronomy() -> dict[str, float]:
    """The same scenes by lenstronomy, one after the other: stamps per second, and the difference from ours."""
    from lenstronomy.Data.pixel_grid import PixelGrid
    from lenstronomy.Data.psf import PSF
    from lenstronomy.ImSim.image_model import ImageModel
    from lenstronomy.LensModel.lens_model import LensModel
    from lenstronomy.LightModel.light_model import LightModel
    from lenstronomy.Util.param_util import phi_q2_ellipticity

    setting, scene = _plain(PEER_STAMPS)
    camera = setting.cameras[0]
    corner = -0.5 * (camera.size - 1) * camera.pixel
    grid = PixelGrid(
        nx=camera.size, ny=camera.size, transform_pix2angle=np.eye(2) * camera.pixel,
        ra_at_xy_0=corner, dec_at_xy_0=corner,
    )  # fmt: skip
    model = ImageModel(
        grid, PSF("NONE"), LensModel(["SIE", "SHEAR"]), LightModel(["SERSIC_ELLIPSE"]),
        LightModel(["SERSIC_ELLIPSE"]), kwargs_numerics={"supersampling_factor": PEER_RAYS},
    )  # fmt: skip
    d, s, light = scene.deflectors, scene.sources, scene.sersics

    def ellipse(o: Any, k: int, angle: Array) -> dict[str, float]:
        e1, e2 = phi_q2_ellipticity(angle[k], o.q[k])
        return {"e1": e1, "e2": e2, "center_x": o.x[k], "center_y": o.y[k]}

    def sersic(o: Any, k: int) -> list[dict[str, float]]:
        amplitude = _level(setting, o)[k] / camera.pixel**2
        return [{"amp": amplitude, "R_sersic": o.radius[k], "n_sersic": o.n[k], **ellipse(o, k, o.angle)}]

    def shear(k: int) -> dict[str, float]:
        return {"gamma1": d.g1[k], "gamma2": d.g2[k], "ra_0": d.x[k], "dec_0": d.y[k]}

    scenes = [
        ([{"theta_E": d.theta_e[k], **ellipse(d, k, d.phi)}, shear(k)], sersic(s, k), sersic(light, k))
        for k in range(PEER_STAMPS)
    ]

    def run() -> Array:
        return np.array([model.image(*kwargs) for kwargs in scenes])

    difference = _difference(setting, scene, torch.as_tensor(run(), dtype=torch.float32))
    return {"rate": PEER_STAMPS / best(run, 1), "difference": difference}


def memory(n: int) -> dict[str, float]:
    """Peak MiB of generating a ground release of ``n`` training stamps in one process, and its seconds."""
    challenge = replace(registry.get("lens"), sizes={"bench": Size(n, 8)})
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generation.generate(challenge, "ground", "bench", Path(folder))
        return {"seconds": time.perf_counter() - start, "peak": peak_mib()}


def rows(report: Progress) -> list[dict[str, object]]:
    """The table."""
    found = [_track(track, report) for track in SETTINGS]
    found += _peers(report)
    found.append(on_gpu("lens_generation", "ground", "ground stamps"))
    curve = {n: apart("lens_generation", "memory", str(n)) for n in SIZES}
    base = curve[SIZES[0]]["peak"]
    for n, figures in curve.items():
        name = f"peak memory, ground release of {n:,} stamps in {figures['seconds']:.0f} s"
        ratio = figures["peak"] / base
        target = f"<= {FLAT} of the smaller release"
        found.append(row(name, figures["peak"], "MiB", target, ratio <= FLAT, f"{base:.0f} MiB", ratio))
    return found


def _track(track: str, report: Progress) -> dict[str, object]:
    report.note(f"rate of {track}")
    figures = apart("lens_generation", "rate", track)
    shares = ", ".join(f"{stage} {figures[stage]:.0%}" for stage in STAGES)
    four_bands = track == "ground"
    target = f">= {TARGET}, aim {AIM}" if four_bands else ""
    met = figures["rate"] >= TARGET if four_bands else None
    return row(f"{track}: stamps per core", figures["rate"], "1/s", target, met, shares)


def _peers(report: Progress) -> list[dict[str, object]]:
    report.note("plain lenses")
    own = apart("lens_generation", "ours")
    found: list[dict[str, object]] = []
    for peer, least in PEERS.items():
        if find_spec(peer) is None:
            found.append({"name": f"plain lenses: no comparison, {peer} is not installed", "met": None})
            continue
        report.note(peer)
        theirs = apart("lens_generation", f"with_{peer}")
        ratio = own["bare"] / theirs["rate"]
        target, met = (f">= {least} x {peer}", ratio >= least) if least else ("", None)
        against = f"{peer}, {PEER_RAYS}x{PEER_RAYS} rays: {theirs['rate']:.0f}/s"
        against += f"; 99 % of pixels agree to {theirs['difference']:.1g} rms"
        found.append(row(f"{PLAIN}: stamps per core", own["bare"], "1/s", target, met, against, ratio))
    found.append(row(f"{PLAIN}, seen through a PSF", own["observed"], "1/s", "", None))
    return found


_PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "rate": rate,
    "gpu": gpu,
    "ours": ours,
    "with_caustics": with_caustics,
    "with_lenstronomy": with_lenstronomy,
    "memory": lambda n: memory(int(n)),
}

if __name__ == "__main__":
    print(json.dumps(_PARTS[sys.argv[1]](*sys.argv[2:])))
