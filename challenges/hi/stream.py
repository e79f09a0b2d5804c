"""A cube that is on no disk: it is painted as it is read, so that a finder can search a terabyte without having one."""

from __future__ import annotations

from blindsky.challenges.hi.cube import Floats, Voxels, cards
from blindsky.challenges.hi.painter import Painter


class Drawn(Voxels):
    """The cube of a painter, with what an opened ``Cube`` can do and the same voxels; reading upwards is fastest."""

    def __init__(self, painter: Painter, title: str) -> None:
        self._painter = painter
        self.shape, self.frequencies = painter.field.shape, painter.field.frequencies
        self.header = cards(painter.field, title)

    def _planes(self, z0: int, z1: int) -> Floats:
        return self._painter.paint(z0, z1)

    def _tile(self, z0: int, z1: int, rows: slice, columns: slice) -> Floats:
        return self._painter.tile(z0, z1, rows.start, rows.stop, columns.start, columns.stop)
