"""The fields of a release as a finder meets them: the cube, and of the training field the sources in it."""

from __future__ import annotations

from blindsky.challenges.hi.cube import Voxels, open_cube
from blindsky.challenges.hi.field import Field
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import Table


def field_of(public: Public, split: str) -> Field:
    """The geometry of ``train`` or ``test``."""
    return Field.of(public.json("fields")[split])


def cube_of(public: Public, split: str) -> Voxels:
    """The cube, in one file or in a folder of shards."""
    file = public.root / f"{split}_cube.fits"
    return open_cube(file if file.exists() else public.root / f"{split}_cube")


def truth_of(public: Public) -> Table:
    """The sources of the training field."""
    return public.table("train_sources")
