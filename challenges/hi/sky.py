"""The HI sky as a release draws it: blocks with the sources in them, and cubes painted range by range of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.errors import MissingExtra
from blindsky.challenges.hi import continuum, population, yardsticks
from blindsky.challenges.hi.columns import EXTRAS, SDC2
from blindsky.challenges.hi.cube import canvas, create, digest, write_continuum
from blindsky.challenges.hi.field import FIELDS, Field
from blindsky.challenges.hi.interference import channels
from blindsky.challenges.hi.painter import Painter
from blindsky.challenges.randomness import Streams
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring.measurements import FloatArray, Table

PIECE = 256  # channels painted at a time
BRIGHT = 1e-3  # Jy at 1.4 GHz, of the continuum sources that the truth lists
SHARD_BYTES = 1 << 32  # larger cubes are folders of files of about that size


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> HiSky:
    """The sky of a track and size; MissingExtra without torch, which renders the discs."""
    del options
    if find_spec("torch") is None:
        raise MissingExtra("torch", "torch", "drawing HI cubes")
    name = next(name for name, n in SIZES.items() if n == size)
    return HiSky(track.name, name)


def _rows(name: str) -> Size:
    return Size(*(FIELDS[name][split].blocks for split in ("train", "test")))


SIZES = {name: _rows(name) for name in FIELDS}


class HiSky:
    """One size of one track; a field a split."""

    block_rows = 4096
    device = "cpu"

    def __init__(self, track: str, size: str) -> None:
        self.track, self.size, self.fields = track, size, FIELDS[size]

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """Geometry of both fields, and their channels."""
        tables: dict[str, Table | dict[str, Any]] = {
            f"{split}_channels": channels(field, self.track) for split, field in self.fields.items()
        }
        return {"fields": {split: field.to_dict() for split, field in self.fields.items()}, **tables}

    def draw(self, split: str, block: int, rows: int, streams: Streams) -> Block:
        """Some blocks of the field with the sources in them. The whole catalogue is drawn each time, which is quick."""
        field = self.fields[split]
        sources = population.draw(field, self.track, streams)
        sources["id"] = np.arange(len(sources["z"]))
        own = field.block_of(sources["x"], sources["y"], sources["chan"]) - block * self.block_rows
        inside = np.flatnonzero((own >= 0) & (own < rows))
        inside = inside[np.argsort(own[inside], kind="stable")]
        mine = {name: column[inside] for name, column in sources.items()}
        mine = population.complete(field, mine, channels(field, self.track))
        found = Ragged(
            np.bincount(own[inside], minlength=rows), {name: mine[name] for name in (*SDC2, *EXTRAS)}
        )
        here = slice(block * self.block_rows, block * self.block_rows + rows)
        public = {name: column[here] for name, column in field.block_table().items()}
        lists = {"sources": found}
        if self.track == "survey":  # elsewhere the continuum leaves nothing in the cube
            lists["continuum"] = self._bright(field, streams, block * self.block_rows, rows)
        if split == "train":
            return Block(public, {}, long=lists)
        hidden = {f"truth_{name}": ragged for name, ragged in lists.items()}
        return Block(public, {"truth": {"sources": found.counts}}, hidden=hidden)

    def _bright(self, field: Field, streams: Streams, first: int, rows: int) -> Ragged:
        """The bright continuum sources, each in the block of its place at the lowest frequency."""
        known = continuum.components(field, streams)
        known = {name: column[known["flux"] >= BRIGHT] for name, column in known.items()}
        own = field.block_of(known["x"], known["y"], np.full(len(known["x"]), field.k0)) - first
        inside = np.flatnonzero((own >= 0) & (own < rows))
        inside = inside[np.argsort(own[inside], kind="stable")]
        counts = np.bincount(own[inside], minlength=rows)
        return Ragged(counts, {name: column[inside] for name, column in known.items()})

    def references(self, known: Mapping[str, Table], streams: Streams) -> Mapping[str, Table]:
        """The catalogue without rows, the ladder of constants, and the perturbed truth."""
        truth = known["truth_sources"]
        rungs = {f"ladder_{rung}": table for rung, table in yardsticks.ladder(truth).items()}
        return {
            "null": yardsticks.null(truth),
            "oracle": yardsticks.perturbed(truth, streams("oracle/0")),
            **rungs,
        }

    def lay(self, folder: Path, split: str) -> Sequence[int]:
        """The cube, of its full size, and the continuum that is yet to be painted; pieces are ranges of channels."""
        field = self.fields[split]
        if not self._cube(folder, split).exists():
            create(self._cube(folder, split), field, self._title(split), shard=self._shard(split))
        plane = field.bytes // field.nchan
        ranges = [plane * (last - first) for first, last in self._ranges(split)]
        return [plane * continuum.PLANES, *ranges]

    def paint(self, folder: Path, split: str, piece: int, streams: Streams) -> Table:
        """The continuum (piece 0), or the planes of a range of channels with the digest of each."""
        field = self.fields[split]
        components = continuum.components(field, streams)
        if piece == 0:
            path = folder / f"{split}_cont.fits"
            path.unlink(missing_ok=True)
            write_continuum(path, field, continuum.planes(field, components, streams), self._title(split))
            return {"planes": np.array([], "U64")}
        sources = population.draw(field, self.track, streams)
        residual = continuum.Residual(field, components, streams) if self.track == "survey" else None
        rms: FloatArray = channels(field, self.track)["rms_jy_beam"]
        painter = Painter(field, sources, rms, streams, residual, device=self.device)
        onto = canvas(self._cube(folder, split), field, shard=self._shard(split))
        first, last = self._ranges(split)[piece - 1]
        digests: list[str] = []
        for slab in painter.planes(first, last):
            digests += onto.write(first + len(digests), slab)
        onto.close(first, last)
        return {"planes": np.array(digests, "U64")}

    def painted(self, pieces: Mapping[str, Sequence[Table]]) -> Mapping[str, Table | dict[str, Any]]:
        """Digests of all planes, and of each cube, whatever its shards."""
        said = {
            split: [plane for piece in found for plane in piece["planes"].tolist()]
            for split, found in pieces.items()
        }
        return {
            "planes": {split: {"sha256": digest(planes), "planes": planes} for split, planes in said.items()}
        }

    def _title(self, split: str) -> str:
        return f"{self.track} {self.size} {split}"

    def _shard(self, split: str) -> int | None:
        field = self.fields[split]
        return None if field.bytes <= SHARD_BYTES else max(1, SHARD_BYTES // (field.bytes // field.nchan))

    def _cube(self, folder: Path, split: str) -> Path:
        return folder / (f"{split}_cube.fits" if self._shard(split) is None else f"{split}_cube")

    def _ranges(self, split: str) -> list[tuple[int, int]]:
        n = self.fields[split].nchan
        return [(first, min(first + PIECE, n)) for first in range(0, n, PIECE)]
