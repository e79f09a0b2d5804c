"""A lens release as the original challenge published its data: FITS stamps and a catalogue of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blindsky.challenges import tables
from blindsky.challenges.lens import catalogues
from blindsky.challenges.lens.editions import EDITIONS, FOLDER, MASKED, Edition
from blindsky.challenges.lens.fits import encode
from blindsky.challenges.lens.sky import LensSky
from blindsky.challenges.progress import progress
from blindsky.challenges.release import REVEALED, Public
from blindsky.scoring.measurements import Table

PARTS = 10  # folders of the test split
_TRACKS = {
    **{edition.track: name for name, edition in EDITIONS.items()},
    "ground_shift": "1.0-ground",
    "space_shift": "1.0-space",
}


def fits(public: Public, folder: Path) -> tuple[str, ...]:
    """``train/`` and ``test/`` as they could have been unpacked; bad pixels are 100.

    The labels of the test are there only where the release is revealed.
    """
    name = _TRACKS[public.track.name]
    edition = EDITIONS[name]
    labelled = {}
    for split in ("train", "test"):
        if public.has(split):
            _write(public, split, edition, folder / split)
        labels = _labels(public, split)
        if labels is not None:
            labelled[split] = f"{split}/{edition.catalogue.format(split)}"
            ids = labels[public.challenge.prediction.key]
            catalogues.write(folder / labelled[split], edition, split, ids, labels)
    back = " ".join([*labelled, f"--edition {name}", *(f"--labels {path}" for path in labelled.values())])
    notes = [
        f"edition {name} of the original challenge; to read it back: blindsky import lens/bologna {back}"
    ]
    if public.has("test") and "test" not in labelled:
        notes.append("the labels of the test split are not public yet: export again after the reveal")
    return (*notes, "noise rms and widths of the point spread have no place in these files")


def _labels(public: Public, split: str) -> Table | None:
    """The labels of a split as far as they are public."""
    if split == "train":
        return public.table("train_labels")
    truth = public.root / REVEALED / "truth.parquet"
    return tables.read(truth) if truth.exists() else None


def _write(public: Public, split: str, edition: Edition, folder: Path) -> None:
    """The stamps of a split, as they are read."""
    setting, key, n = edition.setting, public.challenge.prediction.key, public.rows(split)
    images = dict(zip(LensSky(setting).image_names, setting.cameras, strict=True))
    done = 0
    with progress(f"writing {split} stamps", n, "stamps") as report:
        for batch in public.batches(split, columns=[key, *images, *(["mask"] if setting.masks else [])]):
            for k, stamp in enumerate(batch[key].tolist()):
                part = edition.parts.format(done * PARTS // n) if split == "test" else ""
                place = folder / part / FOLDER
                for image, camera in images.items():
                    for b, band in enumerate(camera.bands):
                        plane = batch[image][k, b]
                        if "mask" in batch:
                            plane = np.where(batch["mask"][k, b] > 0, np.float32(MASKED), plane)
                        path = place / f"{edition.planes[band]}-{stamp}.fits"
                        if not path.parent.is_dir():
                            path.parent.mkdir(parents=True)
                        path.write_bytes(encode(plane, camera.pixel))
                done += 1
            report.advance(len(batch[key]))
