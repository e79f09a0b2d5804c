"""Stamps of single galaxies beside GalSim's, where it is installed, and blendedness in closed form."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from blindsky.challenges.deblending import pairs, scenes
from blindsky.challenges.deblending.bands import PAIR, SCENE
from blindsky.challenges.deblending.galaxies import Galaxies
from blindsky.challenges.progress import Progress
from blindsky.scoring import segmentation
from tests.acceptance.line import Row, row

SEED = 20_261_122


def _gaussians() -> list[Row]:
    at = np.arange(41)
    light = np.exp(-0.125 * ((at - np.array([18.0, 22.0])[:, None, None]) ** 2 + (at[:, None] - 20.0) ** 2))
    found = []
    for ratio, expected in ((1.0, (0.26894142, 0.26894142)), (3.0, (0.10923177, 0.52463311))):
        images = light * np.array([ratio, 1.0])[:, None, None]
        total = np.broadcast_to(images.sum(axis=0), images.shape)
        for value, number in zip(segmentation.blendedness(images, total), expected, strict=True):
            found.append(row(f"blendedness of two Gaussians {ratio:g}:1", float(value), number, 1e-6))
    return found


def _galsim() -> list[Row]:
    """Stamps of single galaxies: the largest difference of pixels, and of fluxes."""
    if find_spec("galsim") is None:
        return [{"name": "isolated stamps: no comparison, galsim is not installed", "met": None}]
    import galsim

    from blindsky.challenges.deblending import render

    accurate = galsim.GSParams(maximum_fft_size=16384, folding_threshold=1e-4, maxk_threshold=1e-4)
    found = []
    for name, setting, draw in (("pair", PAIR, pairs.pairs), ("scene", SCENE, scenes.scenes)):
        one = draw(np.random.default_rng(SEED), setting, 1).select(np.array([0]))
        for n in (1.0, 2.5, 4.0):
            worst = np.zeros(2)
            for radius, q, angle, x, y in ((5.0, 0.6, 0.7, 64.0, 64.0), (1.2, 0.8, 2.1, 60.3, 58.7)):
                given = _bulge(one, n=n, radius=radius, q=q, angle=angle, x=x, y=y)
                ours = render.isolated(given, np.array([setting.fwhm]), setting, "cpu")[0, 0].astype(
                    np.float64
                )
                profile = galsim.Sersic(n=n, half_light_radius=radius, gsparams=accurate)
                profile = profile.shear(q=q, beta=angle * galsim.radians)
                psf = galsim.Moffat(
                    beta=setting.beta, fwhm=setting.fwhm[0] / setting.bands.pixel, gsparams=accurate
                )
                stamp = galsim.ImageD(setting.size, setting.size, xmin=0, ymin=0)
                galsim.Convolve([profile, psf], gsparams=accurate).drawImage(
                    stamp, scale=1.0, center=galsim.PositionD(x, y)
                )
                theirs = stamp.array
                worst = np.maximum(
                    worst, [np.abs(ours - theirs).max() / theirs.max(), abs(ours.sum() - theirs.sum())]
                )
            found += [
                row(
                    f"{name}: stamps against GalSim, n = {n:g}, pixels over the peak",
                    float(worst[0]),
                    0.0,
                    2e-3,
                ),
                row(f"{name}: stamps against GalSim, n = {n:g}, flux", float(worst[1]), 0.0, 1e-3),
            ]
    return found


def _bulge(one: Galaxies, *, n: float, radius: float, q: float, angle: float, x: float, y: float) -> Galaxies:
    """One galaxy turned into a Sersic profile of unit flux."""
    numbers = {"bulge_n": n, "bulge_radius": radius, "bulge_q": q, "angle": angle, "x": x, "y": y}
    columns: dict[str, Any] = {name: np.array([value]) for name, value in numbers.items()}
    flux = np.ones_like(one.bulge_flux)
    return replace(
        one, bulge_flux=flux, disc_flux=0 * flux, knot_share=np.zeros(1), amplitude=np.zeros(1), **columns
    )


def rows(report: Progress) -> list[Row]:
    """The table."""
    report.note("stamps")
    return _gaussians() + _galsim()
