"""The mock sky of the strong-lens challenge: scenes drawn, rendered, observed and labelled, block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.lens import noise
from blindsky.challenges.lens.labels import is_lens, measure_arcs
from blindsky.challenges.lens.pictures import NO_GALLERY, Gallery, read_gallery
from blindsky.challenges.lens.scene import draw_scene
from blindsky.challenges.lens.settings import SETTINGS, Setting
from blindsky.challenges.skies import Block, Selection
from blindsky.scoring.measurements import Array, FloatArray, Table

BLOCK_ROWS = 128
ORACLE_SCALE = 10.0  # of the score Phi(T/10); a rank needs no more
LABELS = (
    *(
        "label",
        "has_source",
        "is_lens",
        "r_ein",
        "npix",
        "flux_sigma",
        "snr_arc",
        "contrast",
        "mu_eff",
        "n_images",
    ),
    *("z_lens", "z_source", "mag_lens", "mag_source", "impostor", "q_mass", "gamma1", "gamma2"),
)


@dataclass
class LensSky:
    """The sky of one track; ``device`` (``cpu`` or ``cuda``) is where pixels are computed.

    components : whether training stamps come in two parts as well.   gallery : real galaxies for sources.
    """

    setting: Setting
    device: str = "cpu"
    block_rows: int = BLOCK_ROWS
    components: bool = False
    gallery: Gallery = NO_GALLERY

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """Bands, pixel scales and stamp sizes of the cameras; files of the source images where they are real."""
        cameras = [
            {"image": name, "bands": list(camera.bands), "size": camera.size, "pixel_arcsec": camera.pixel}
            for name, camera in zip(self.image_names, self.setting.cameras, strict=True)
        ]
        found: dict[str, dict[str, Any]] = {
            "cameras": {"cameras": cameras, "reference": self.setting.reference}
        }
        if self.gallery.files:
            found["source_images"] = {"files": list(self.gallery.files)}
        return found

    @property
    def image_names(self) -> tuple[str, ...]:
        """Columns that hold the stamps of each camera."""
        return ("image",) if len(self.setting.cameras) == 1 else ("image_vis", "image_nisp")

    def selection(self, split: str, rows: int) -> Selection | None:
        """Every drawn stamp counts."""
        return None

    def draw(self, split: str, block: int, rows: int, stream: np.random.Generator) -> Block:
        """The first ``rows`` stamps of a block; a stamp does not depend on how many follow it."""
        from blindsky.challenges.lens.render import render

        shifted = self.setting.shifted and split == "test"
        apart = self.components and split == "train"
        scene = draw_scene(stream, self.setting, self.block_rows, shifted, self.gallery.pictures)
        seen = noise.conditions(stream, self.setting, scene.bright, shifted)
        oracle_noise = stream.standard_normal(self.block_rows)[:rows]

        rendered = render(scene, self.setting, seen, rows, shifted, self.device, apart=apart)
        sigma = seen.sigma[:rows, self.setting.bands.index(self.setting.reference)]
        truth = {name: column[:rows] for name, column in scene.known.items()}
        truth["has_source"] = scene.has_source[:rows]
        truth["bright"] = scene.bright[:rows]
        truth["r_ein"], truth["n_images"] = scene.r_ein[:rows], scene.n_images[:rows]
        truth["mu_eff"] = rendered.magnification
        truth |= measure_arcs(rendered.arcs, rendered.foreground, sigma, truth["has_source"])
        truth["is_lens"] = is_lens(truth["has_source"], truth["mu_eff"], truth["npix"])
        truth["label"] = truth[self.setting.label]
        public = self._observe(stream, rendered.images, seen)
        truth["masked"] = public["mask"].mean(axis=(1, 2, 3)) if self.setting.masks else np.zeros(rows)
        if split == "test":
            reference: Table = {"score": _oracle(truth["label"], truth["snr_arc"], oracle_noise)}
            return Block(public, {"truth": truth}, {"oracle": reference})
        beside: dict[str, Table] = {"train_labels": {name: truth[name] for name in LABELS}}
        if apart:
            beside["train_lensed"] = dict(zip(self.image_names, rendered.lensed, strict=True))
            beside["train_foreground"] = {
                name: _without(public[name], lensed, public.get("mask"))
                for name, lensed in beside["train_lensed"].items()
            }
        return Block(public, {"train_truth": truth}, beside=beside)

    def _observe(self, stream: np.random.Generator, images: tuple[Array, ...], c: noise.Conditions) -> Table:
        """Stamps with noise and bad pixels, drawn stamp by stamp."""
        cameras, n = self.setting.cameras, len(images[0])
        masks = np.zeros(images[0].shape, dtype=np.uint8) if self.setting.masks else None
        for k in range(n):
            first = 0
            for camera, image in zip(cameras, images, strict=True):
                bands = slice(first, first + len(camera.bands))
                image[k] += noise.noise(stream, camera, c.sigma[k, bands], float(c.kernel[k]))
                first = bands.stop
            if masks is not None:
                masks[k] = noise.mask(stream, cameras[0])
                images[0][k][masks[k] > 0] = 0
        public: Table = dict(zip(self.image_names, images, strict=True))
        if masks is not None:
            public["mask"] = masks
        public["sigma"] = c.sigma[:n].astype(np.float32)
        public["psf_fwhm"] = c.fwhm[:n].astype(np.float32)
        return public


def _without(image: Array, lensed: Array, mask: Array | None) -> Array:
    """A stamp before the lensed source was added to it; bad pixels stay 0."""
    return image - lensed if mask is None else np.where(mask > 0, np.float32(0), image - lensed)


def _oracle(label: Array, snr_arc: FloatArray, unit_noise: FloatArray) -> FloatArray:
    """Score of a matched filter that knows the foreground and the arc of what counts as a lens, in (0, 1)."""
    from scipy.special import ndtr

    return np.asarray(ndtr((np.where(label, snr_arc, 0.0) + unit_noise) / ORACLE_SCALE))


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> LensSky:
    """The sky of a track; every size has the same one. InputFault for a directory without galaxies."""
    folder = options.get("cosmos", "")
    return LensSky(
        SETTINGS[track.name],
        components=options.get("components", "no") == "yes",
        gallery=read_gallery(Path(folder)) if folder else NO_GALLERY,
    )
