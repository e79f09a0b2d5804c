"""The cube: a sum in one order, with the same bytes in any slab, tile or process, on disk or drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.hi import continuum, cube, interference, painter, population, render
from blindsky.challenges.hi.field import Field
from blindsky.challenges.hi.noise import Noise
from blindsky.challenges.hi.painter import Painter
from blindsky.challenges.hi.stream import Drawn
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import Table

FIELD = Field(96, 80, 160, 3254, 0.25, 600, 5, (32, 32, 32), 100)  # about 220 sources, four chunks
KEY = hashlib.sha256(b"blindsky-golden").digest()
TITLE = "survey tiny test"


def _sources(key: bytes = KEY, split: str = "test") -> Table:
    return population.draw(FIELD, "survey", _streams(key, split))


def _streams(key: bytes = KEY, split: str = "test") -> Streams:
    return Streams(key, f"golden/hi/survey/tiny/{split}")


def _painter(key: bytes = KEY, split: str = "test") -> Painter:
    """A painter that has painted nothing."""
    streams = _streams(key, split)
    rms = interference.channels(FIELD, "survey")["rms_jy_beam"]
    left = continuum.Residual(FIELD, continuum.components(FIELD, streams), streams)
    return Painter(FIELD, _sources(key, split), rms, streams, left)


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    """All planes in one slab."""
    found = _painter().paint(0, 160)
    found.flags.writeable = False
    return found


def _digest(slabs: Iterator[np.ndarray]) -> str:
    total = hashlib.sha256()
    for slab in slabs:
        total.update(slab.tobytes())
    return total.hexdigest()


def test_there_is_something_to_paint() -> None:
    sources = _sources()
    assert len(sources["x"]) > 2 * painter.CHUNK
    assert (sources["x"] < 2).any() and (sources["y"] > 77).any()  # some are cut by an edge


@pytest.mark.parametrize("height", [16, 37, 128, 160])
def test_the_bytes_are_the_same_for_any_height_of_slab(whole: np.ndarray, height: int) -> None:
    assert _digest(_painter().planes(0, 160, height)) == hashlib.sha256(whole.tobytes()).hexdigest()


def _range(ends: tuple[int, int]) -> bytes:
    return _painter().paint(*ends).tobytes()


def test_the_bytes_are_the_same_for_any_number_of_workers(whole: np.ndarray) -> None:
    ends = [(0, 31), (31, 90), (90, 97), (97, 160)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert b"".join(pool.map(_range, ends)) == whole.tobytes()


def test_a_tile_is_the_slice_of_the_planes(whole: np.ndarray) -> None:
    one = _painter()
    for z0, z1, y0, y1, x0, x1 in (
        (0, 160, 0, 20, 76, 96), (100, 120, 33, 34, 0, 96), (40, 41, 0, 80, 50, 51), (60, 60, 1, 4, 2, 9),
    ):  # fmt: skip
        np.testing.assert_array_equal(one.tile(z0, z1, y0, y1, x0, x1), whole[z0:z1, y0:y1, x0:x1])


def test_planes_may_be_asked_for_in_any_order(whole: np.ndarray) -> None:
    one = _painter()
    for z0, z1 in ((150, 160), (0, 3), (2, 80), (80, 81), (79, 82)):
        np.testing.assert_array_equal(one.paint(z0, z1), whole[z0:z1])


def test_the_order_of_rows_in_the_catalogue_does_not_matter(whole: np.ndarray) -> None:
    sources, streams = _sources(), _streams()
    mixed = np.random.default_rng(0).permutation(len(sources["x"]))
    rms = interference.channels(FIELD, "survey")["rms_jy_beam"]
    left = continuum.Residual(FIELD, continuum.components(FIELD, streams), streams)
    shuffled = {name: column[mixed] for name, column in sources.items()}
    np.testing.assert_array_equal(Painter(FIELD, shuffled, rms, streams, left).paint(70, 90), whole[70:90])


def test_a_plane_is_noise_then_residual_then_the_stamps_in_their_order(whole: np.ndarray) -> None:
    """Added one by one in float32; chunk by chunk the stamps come from the renderer itself."""
    sources, streams = _sources(), _streams()
    rms = interference.channels(FIELD, "survey")["rms_jy_beam"]
    left = continuum.Residual(FIELD, continuum.components(FIELD, streams), streams)
    expected = {z: Noise(FIELD, rms, streams).plane(z) + left.plane(FIELD.k0 + z) for z in (0, 80, 159)}
    assert np.all(np.diff(sources["central_freq"]) > 0)
    for first in range(0, len(sources["x"]), 64):
        chunk = {name: column[first : first + 64] for name, column in sources.items()}
        for stamp in render.stamps(FIELD, chunk):
            for z, plane in expected.items():
                for i, row in enumerate(
                    stamp.values[z - stamp.z] if 0 <= z - stamp.z < len(stamp.values) else ()
                ):
                    lo, hi = max(stamp.x, 0), min(stamp.x + len(row), 96)
                    if 0 <= stamp.y + i < 80 and lo < hi:
                        plane[stamp.y + i, lo:hi] += row[lo - stamp.x : hi - stamp.x]
    for z, plane in expected.items():
        np.testing.assert_array_equal(whole[z], plane)


def test_another_key_or_split_gives_another_cube_and_other_sources(whole: np.ndarray) -> None:
    for key, split in ((bytes(32), "test"), (KEY, "train")):
        other, sources = _painter(key, split).paint(80, 82), _sources(key, split)
        assert abs(np.corrcoef(other.ravel(), whole[80:82].ravel())[0, 1]) < 0.1
        assert not np.isin(sources["central_freq"], _sources()["central_freq"]).any()


def test_stamps_are_made_once_going_up_and_kept_no_longer_than_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, made_by = [], render.stamps

    def counted(*arguments: object) -> list[render.Stamp]:
        made.append(1)
        return made_by(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(render, "stamps", counted)
    longer = replace(FIELD, density=400, nchan=512, k0=3078)
    sources = population.draw(longer, "core", _streams())
    one = Painter(longer, sources, np.ones(512), _streams())
    alive = [len(one._alive) for _ in one.planes(0, 512, 16)]
    assert len(made) == -(-len(sources["x"]) // painter.CHUNK)
    assert max(alive) < len(made) * 2 / 3


def test_the_height_of_a_slab_follows_from_the_memory() -> None:
    one = _painter()
    plane = 4 * 96 * 80
    assert one.height(3 * plane * 7 + 5) == 7
    assert one.height(1) == 1


def test_a_field_without_sources_is_noise() -> None:
    streams = _streams()
    none = {name: column[:0] for name, column in _sources().items()}
    rms = np.full(160, 3e-5)
    np.testing.assert_array_equal(
        Painter(FIELD, none, rms, streams).paint(3, 4)[0], Noise(FIELD, rms, streams).plane(3)
    )


@pytest.mark.parametrize("shard", [None, 60])
def test_what_is_painted_to_disk_is_what_is_drawn(
    whole: np.ndarray, tmp_path: Path, shard: int | None
) -> None:
    path = tmp_path / ("cube.fits" if shard is None else "cube")
    canvas = cube.create(path, FIELD, TITLE, shard=shard)
    for first, last in ((90, 160), (0, 90)):
        digests: list[str] = []
        for slab in _painter().planes(first, last, 32):
            digests += canvas.write(first + len(digests), slab)
        assert digests == [
            hashlib.sha256(plane.astype(">f4").tobytes()).hexdigest() for plane in whole[first:last]
        ]
    kept, drawn = cube.open_cube(path), Drawn(_painter(), TITLE)
    assert kept.shape == drawn.shape == whole.shape
    np.testing.assert_allclose(kept.frequencies, drawn.frequencies, rtol=1e-15)
    assert drawn.header == cube.cards(FIELD, TITLE)
    assert {name: kept.header[name] for name in drawn.header} == drawn.header
    for (*ends, one, _, _), (*same, two, _, _) in zip(kept.slabs(50, 7), drawn.slabs(50, 7), strict=True):
        assert ends == same
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(kept.planes(3, 9), drawn.planes(3, 9))
    window = (30, 70, 5, 60, 40, 96)
    np.testing.assert_array_equal(kept.tile(*window), drawn.tile(*window))
