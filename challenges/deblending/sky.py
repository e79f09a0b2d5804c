"""The mock sky of the deblending challenge: galaxies drawn, rendered one by one, blended, observed and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from blindsky.challenges import detector
from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.deblending import labels, oracle
from blindsky.challenges.deblending.bands import PAIR, PAIR_SHIFT, SCENE, Setting
from blindsky.challenges.deblending.galaxies import Galaxies
from blindsky.challenges.deblending.pairs import pairs
from blindsky.challenges.deblending.scenes import scenes
from blindsky.challenges.deblending.shifted import shifted_pairs
from blindsky.challenges.errors import MissingExtra
from blindsky.challenges.skies import Block, Ragged, Selection
from blindsky.scoring.measurements import Array, FloatArray, Table

BLOCK_ROWS = 32
BATCH = {"cpu": 4, "cuda": 32}  # blends at a time; a CPU's batch must fit its cache
_BLANK = {"f": np.nan, "u": 0}  # in a row without a detection
Draw = Callable[[np.random.Generator, Setting, int], Galaxies]


class Split(NamedTuple):
    """A sky and how its galaxies are drawn."""

    setting: Setting
    draw: Draw


_PAIR, _SCENE = Split(PAIR, pairs), Split(SCENE, scenes)
SPLITS = {  # of the train and the test split
    "pair": (_PAIR, _PAIR),
    "pair_shift": (_PAIR, Split(PAIR_SHIFT, shifted_pairs)),
    "scene": (_SCENE, _SCENE),
    "scene_known": (_SCENE, _SCENE),
}
LISTED = {  # of the objects of test blends; elsewhere they are to be found
    "pair": ("obj",),
    "pair_shift": ("obj",),
    "scene_known": ("obj", "x", "y"),
}


@dataclass
class DeblendingSky:
    """The sky of one track; ``device`` (``cpu`` or ``cuda``) is where pixels are computed.

    isolated : whether training objects come as images of their own as well.
    """

    track: str
    isolated: bool = False
    device: str = "cpu"
    block_rows: int = BLOCK_ROWS

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """What the cameras of the two splits are like."""
        train, test = (half.setting for half in SPLITS[self.track])
        told = {"cameras": [_described(train)], "reference": train.bands.reference}
        return {"cameras": told if train == test else told | {"test": [_described(test)]}}

    def selection(self, split: str, rows: int) -> Selection | None:
        """Every drawn blend counts."""
        return None

    def draw(self, split: str, block: int, rows: int, stream: np.random.Generator) -> Block:
        """The first ``rows`` blends of a block; a blend does not depend on how many follow it."""
        setting, draw = SPLITS[self.track][split == "test"]
        galaxies = draw(stream, setting, self.block_rows)
        sharp = 10 ** (setting.seeing * stream.standard_normal(self.block_rows))
        fwhm = sharp[:, None] * np.array(setting.fwhm)
        seen: list[Batch] = []
        step = BATCH[self.device.split(":", maxsplit=1)[0]]
        for start in range(0, rows, step):
            blends = slice(start, min(start + step, rows))
            seen.append(self._batch(stream, setting, galaxies.of(blends), fwhm[blends], split))
        counts = np.concatenate([b.counts for b in seen])
        columns = {name: np.concatenate([b.columns[name] for b in seen]) for name in seen[0].columns}
        images = np.concatenate([b.isolated for b in seen])
        public: Table = {
            "image": np.concatenate([b.image for b in seen]),
            "sigma": np.tile(np.array(setting.sigma, dtype=np.float32), (rows, 1)),
            "psf_fwhm": fwhm[:rows].astype(np.float32),
        }
        if split == "train":
            long = {"objects": Ragged(counts, columns)}
            if self.isolated:
                long["isolated"] = Ragged(counts, {"obj": columns["obj"], "isolated": images})
            return Block(public, {}, long=long)
        cases: Table = {"n_objects": counts}
        if "pair" in self.track:
            cases |= labels.pairs(columns, fwhm[:rows, setting.reference], setting)
        told = LISTED.get(self.track, ())
        return Block(
            public,
            {"truth": cases},
            references={
                "oracle": self._answer(
                    setting, counts, columns, images, np.concatenate([b.best for b in seen])
                )
            },
            long={"objects": Ragged(counts, {name: columns[name] for name in told})} if told else {},
            hidden={
                "truth_objects": Ragged(counts, columns),
                "truth_isolated": Ragged(counts, {"obj": columns["obj"], "isolated": images}),
            },
        )

    def _batch(
        self, stream: np.random.Generator, setting: Setting, galaxies: Galaxies, fwhm: FloatArray, split: str
    ) -> Batch:
        """A few blends: noise is drawn blend by blend, from the block's own stream."""
        from blindsky.challenges.deblending import render
        from blindsky.challenges.threads import one_thread

        with one_thread():
            alone = render.isolated(galaxies, fwhm, setting, self.device)
        starts = np.searchsorted(galaxies.blend, np.arange(len(fwhm)))
        ends = (*starts[1:], len(galaxies))
        light = np.stack([alone[a:b].sum(axis=0) for a, b in zip(starts, ends, strict=True)])
        image = np.stack([total + _noise(stream, setting, total) for total in light])
        keep = np.flatnonzero(galaxies.listed)
        listed = galaxies.select(keep)
        total = light[listed.blend, setting.reference]
        own = alone if len(keep) == len(galaxies) else alone[keep]
        counts = np.bincount(listed.blend, minlength=len(fwhm))
        columns = {"obj": _numbered(counts), **labels.objects(listed, own, total, setting)}
        best = np.zeros((0, len(setting.sigma)))
        if split == "test":
            parts = [
                oracle.fluxes(seen, alone[a:b], galaxies.flux[a:b])
                for seen, a, b in zip(image, starts, ends, strict=True)
            ]
            best = np.concatenate(parts)[keep]
        wanted = slice(None) if split == "train" else setting.reference
        shown = own[:, wanted].copy() if split == "test" or self.isolated else own[:0]
        return Batch(image, counts, columns, shown, best)

    def _answer(
        self, setting: Setting, counts: Array, columns: Table, alone: Array, best: FloatArray
    ) -> Ragged:
        """The prediction of one who knows what every object looks like and has to find out how bright it is.

        alone : noiseless images in the reference band, (m, size, size).
        """
        r = setting.reference
        flux = columns[f"flux_{setting.bands.reference}"]
        image = alone * (best[:, r] / flux)[:, None, None].astype(np.float32)
        mask = (image > setting.mask * setting.sigma[r]).astype(np.uint8)
        if "pair" in self.track:
            return Ragged(counts, {"obj": columns["obj"], "flux": best[:, 0], "mask": mask})
        answer: Table = {f"flux_{name}": best[:, k] for k, name in enumerate(setting.bands.names)}
        answer |= {"mask": mask, "image": image}
        if self.track == "scene_known":
            return Ragged(counts, {"obj": columns["obj"], **answer})
        found = best[:, r] > 0  # a detection has light in the reference band
        return _catalogue(counts, {"x": columns["x"], "y": columns["y"], **answer}, found)


class Batch(NamedTuple):
    """A few observed blends: objects by blend, their columns, images of them alone, and the oracle's fluxes."""

    image: Array
    counts: Array
    columns: Table
    isolated: Array
    best: FloatArray


def _numbered(counts: Array) -> Array:
    """0, 1, ... within each blend, (counts.sum(),) int16."""
    return np.concatenate([np.arange(c) for c in counts]).astype(np.int16)


def _catalogue(counts: Array, columns: Table, found: Array) -> Ragged:
    """Detections where ``found`` (m,); a blend without any is one row numbered -1, its cells empty."""
    blend = np.repeat(np.arange(len(counts)), counts)
    number = np.bincount(blend[found], minlength=len(counts))
    empty = np.flatnonzero(number == 0)
    order = np.argsort(np.concatenate([blend[found], empty]), kind="stable")
    det = np.concatenate([_numbered(number), np.full(len(empty), -1)])[order].astype(np.int64)
    cells = {
        name: np.concatenate(
            [column[found], np.full_like(column[:1], _BLANK[column.dtype.kind]).repeat(len(empty), 0)]
        )[order]
        for name, column in columns.items()
    }
    return Ragged(np.maximum(number, 1), {"det": det, **cells})


def _noise(stream: np.random.Generator, setting: Setting, light: Array) -> Array:
    """Noise of one blend, (bands, size, size) float32, the background's and where photons count that of its light."""
    sigma = np.array(setting.sigma, dtype=np.float32)[:, None, None]
    rms = np.sqrt(np.maximum(light, 0) + sigma**2) if setting.photons else sigma
    return np.asarray(detector.noise(stream, light.shape, setting.kernel) * rms)


def _described(setting: Setting) -> dict[str, Any]:
    """What a participant may know of a camera."""
    return {
        "image": "image",
        "bands": list(setting.bands.names),
        "size": setting.size,
        "pixel_arcsec": setting.bands.pixel,
        "unit": setting.unit,
        "zero_points": list(setting.zero_points),
        "sigma": list(setting.sigma),
        "psf": {
            "profile": "Moffat",
            "beta": setting.beta,
            "fwhm_arcsec": list(setting.fwhm),
            "scatter_dex": setting.seeing,
        },
        "noise": {"photons": setting.photons, "kernel_px": setting.kernel},
        "mask_sigma": setting.mask,
        "aperture_arcsec": setting.aperture,
    }


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> DeblendingSky:
    """The sky of a track; every size has the same one. MissingExtra without torch, which renders the galaxies."""
    if find_spec("torch") is None:
        raise MissingExtra("torch", "torch", "drawing blends")
    return DeblendingSky(track.name, isolated=options.get("isolated", "no") == "yes")
