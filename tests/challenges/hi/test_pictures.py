"""Pictures of sources: panels show what they should where they should; a small cube with one rotating galaxy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.files import write_json
from blindsky.challenges.hi import panels, pictures
from blindsky.challenges.hi.cube import create, open_cube
from blindsky.challenges.hi.field import BEAM_SIGMA, C_KMS, CHANNEL, DEV, FIRST, Field
from blindsky.challenges.hi.noise import Noise
from blindsky.challenges.randomness import Streams
from blindsky.challenges.tables import to_arrow

FIELD = Field(40, 36, 120, 2000, 1, 1, 1.8, (16, 16, 64), 217)
RMS = 3e-5
X, Y, Z = 22.3, 17.6, 61.0
FREQUENCY = FIRST + CHANNEL * (FIELD.k0 + Z)
STEP = C_KMS * CHANNEL / FREQUENCY  # km/s
SEAM = 3
S = panels.SIDE


def voxels(pa: float) -> np.ndarray:
    """A chain of beams along the major axis, each with its velocity, in faint noise."""
    rng = np.random.default_rng(3)
    cube = rng.normal(0, RMS / 10, FIELD.shape).astype(np.float32)
    along = np.linspace(-1, 1, 21)
    y, x = np.mgrid[: FIELD.ny, : FIELD.nx]
    for at in along:
        dx, dy = -3.5 * at * math.sin(math.radians(pa)), 3.5 * at * math.cos(math.radians(pa))
        beam = np.exp(-((x - X - dx) ** 2 + (y - Y - dy) ** 2) / 2 / BEAM_SIGMA**2)
        line = np.exp(-((np.arange(FIELD.nchan) - Z + 12 * at) ** 2) / 2 / 1.5**2)  # receding: lower channels
        cube += (8e-5 * line[:, None, None] * beam).astype(np.float32)
    return cube


def release(folder: Path, pa: float, shard: int | None = None) -> Path:
    import pyarrow.parquet as pq

    path = folder / ("train_cube" if shard else "train_cube.fits")
    create(path, FIELD, "core tiny train", shard=shard).write(0, voxels(pa))
    write_json(folder / "fields.json", {"train": FIELD.to_dict()})
    pq.write_table(to_arrow({"rms_jy_beam": np.full(FIELD.nchan, RMS)}), folder / "train_channels.parquet")
    return folder


def source(pa: float, **more: float) -> dict[str, Any]:
    ra, dec = FIELD.world(np.array([X]), np.array([Y]))
    known = {"central_freq": FREQUENCY, "hi_size": 24.0, "pa": pa, "w20": 28 * STEP} | more
    return {"ra": ra, "dec": dec, **{name: np.array([value]) for name, value in known.items()}}


def taken(picture: np.ndarray) -> dict[str, np.ndarray]:
    assert picture.shape == (2 * S + SEAM, 2 * S + SEAM, 3) and picture.dtype == np.uint8
    assert (picture[S : S + SEAM] == 255).all() and (picture[:, S : S + SEAM] == 255).all()
    p = picture.astype(float)
    return {"light": p[:S, :S], "spectrum": p[:S, -S:], "velocity": p[-S:, :S], "cut": p[-S:, -S:]}


def centroid(weight: np.ndarray) -> tuple[float, float]:
    """Share of the side to the right and upwards."""
    row, column = np.mgrid[:S, :S]
    total = weight.sum()
    return float((column * weight).sum() / total / S), float(1 - (row * weight).sum() / total / S)


@pytest.mark.parametrize("pa", [0.0, 70.0, 200.0])
def test_what_the_panels_show(pa: float, tmp_path: Path) -> None:
    (picture,) = pictures.places(release(tmp_path, pa), "train", source(pa))
    shown = taken(picture)
    bright = shown["light"][..., 1]  # fire: green rises with the level
    right, up = centroid(np.maximum(bright - 120, 0) ** 2)
    assert (right, up) == pytest.approx((0.5, 0.5), abs=0.06)
    red = np.maximum(shown["velocity"][..., 0] - shown["velocity"][..., 2], 0)
    blue = np.maximum(shown["velocity"][..., 2] - shown["velocity"][..., 0] - 12, 0)
    away = np.subtract(centroid(red), centroid(blue))
    # north is up and east is left
    turn = math.degrees(math.atan2(-away[0], away[1])) - pa
    assert (turn + 180) % 360 - 180 == pytest.approx(0, abs=8)
    cut = np.maximum(shown["cut"][..., 1] - 60, 0)
    cut[:, : S // 2] = 0
    right, up = centroid(cut)
    assert right > 0.6 and up > 0.55  # what recedes is right and on top


def green(panel: np.ndarray) -> np.ndarray:
    return (panel[..., 1] > panel[..., 0] + 60) & (panel[..., 1] > panel[..., 2] + 40)


def amber(panel: np.ndarray) -> np.ndarray:
    return (panel[..., 0] > panel[..., 2] + 50) & (panel[..., 0] > panel[..., 1])


def test_widths_are_marked_where_they_are(tmp_path: Path) -> None:
    public = release(tmp_path, 70.0)
    (plain,) = pictures.places(public, "train", source(70.0))
    columns = np.flatnonzero(green(taken(plain)["spectrum"]).sum(axis=0) > S / 2)
    assert not amber(taken(plain)["spectrum"]).any()
    # 28 channels of 2 (21 + 12) + 1, in the middle
    assert columns.min() / S == pytest.approx(0.5 - 14 / 67, abs=0.02)
    assert columns.max() / S == pytest.approx(0.5 + 14 / 67, abs=0.02)
    claim = {"claimed_freq": FREQUENCY - 5 * CHANNEL, "claimed_w20": 14 * STEP}
    (claimed,) = pictures.places(public, "train", source(70.0, **claim))
    marked = np.flatnonzero(amber(taken(claimed)["spectrum"]).sum(axis=0) > S / 5)
    assert marked.min() / S == pytest.approx(0.5 + (5 - 7) / 67, abs=0.02)  # lower frequency: receding, right
    assert marked.max() / S == pytest.approx(0.5 + (5 + 7) / 67, abs=0.02)
    missed = source(70.0, claimed_freq=np.nan, claimed_w20=np.nan)
    np.testing.assert_array_equal(pictures.places(public, "train", missed)[0], plain)


def test_shards_and_several_sources_at_once(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "whole").mkdir()
    both = {name: np.repeat(column, 2) for name, column in source(30.0).items()}
    both["hi_size"] = np.array([24.0, 4.0])
    one = pictures.places(release(tmp_path / "whole", 30.0), "train", both)
    two = pictures.places(release(tmp_path / "shards", 30.0, 50), "train", both)
    np.testing.assert_array_equal(one, two)
    assert one.shape[0] == 2 and (one[0] != one[1]).any()
    none = {name: column[:0] for name, column in both.items()}
    assert len(pictures.places(tmp_path / "whole", "train", none)) == 0


def test_beyond_the_cube_is_night(tmp_path: Path) -> None:
    public = release(tmp_path, 0.0)
    ra, dec = FIELD.world(np.array([0.0, -50.0]), np.array([35.0, 17.0]))
    edge = {name: np.repeat(column, 2) for name, column in source(0.0).items()} | {"ra": ra, "dec": dec}
    edge["central_freq"] = np.array([FIRST + CHANNEL * FIELD.k0, FREQUENCY])
    corner, outside = pictures.places(public, "train", edge)
    night = np.round(255 * np.array(panels.NIGHT))
    light = taken(corner)["light"]
    np.testing.assert_array_equal(light[5, 5], night)  # above and left of the cube
    np.testing.assert_array_equal(light[-5, 5], night)
    assert (light[-5, -5] != night).any()
    cut = taken(corner)["cut"]  # below its first channel, to the right, there is no cube
    np.testing.assert_array_equal(cut[: S // 3, -5], np.broadcast_to(night, (S // 3, 3)))
    assert (cut[S // 2 + 9, 5] != night).any()
    np.testing.assert_array_equal(taken(outside)["light"][20, 20], night)


def test_a_place_on_the_far_side_of_the_sky_is_night(tmp_path: Path) -> None:
    public = release(tmp_path, 0.0)
    far = source(0.0) | {"ra": np.array([0.0]), "dec": np.array([30.0])}
    (picture,) = pictures.places(public, "train", far)
    np.testing.assert_array_equal(taken(picture)["light"][20, 20], np.round(255 * np.array(panels.NIGHT)))


def test_the_ends_of_what_a_claim_may_say_are_drawn(tmp_path: Path) -> None:
    ends = {
        "hi_size": (5e-324, 300.0),
        "w20": (5e-324, 2000.0),
        "central_freq": (1e8 + 1, FREQUENCY, 1.5e9 - 1),
    }
    every = np.array(list(itertools.product(*ends.values()))).T
    table = {name: np.repeat(column, every.shape[1]) for name, column in source(30.0).items()}
    drawn = pictures.places(release(tmp_path, 30.0), "train", table | dict(zip(ends, every, strict=True)))
    assert len(drawn) == every.shape[1]
    assert drawn.min() < 60 and drawn.max() == 255


def test_a_line_is_a_channel_wide_at_least(tmp_path: Path) -> None:
    public = release(tmp_path, 30.0)
    thin, channel = (pictures.places(public, "train", source(30.0, w20=w)) for w in (5e-324, STEP))
    np.testing.assert_array_equal(taken(thin[0])["light"], taken(channel[0])["light"])


@pytest.mark.parametrize("beyond", [0, 12])
def test_contours_are_at_sigmas_of_what_they_are_drawn_on(
    beyond: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise alone, of which channels ``beyond`` the cube's end have none."""
    rms = np.linspace(1, 2, DEV.nchan) * 1e-5
    noise = Noise(DEV, rms, Streams(bytes(32), "contours"))
    cube = np.stack([noise.tile(z, 0, 400, 0, 400) for z in range(30)])
    cube[30 - beyond :] = 0
    drawn: list[tuple[panels.Panel, Sequence[float]]] = []

    def contours(values: panels.Panel, levels: Sequence[float], _: Sequence[float]) -> panels.Ink:
        drawn.append((values, levels))
        return panels.across(0, 0)

    monkeypatch.setattr(panels, "contours", contours)
    there = np.ones(cube.shape[1:], dtype=bool)
    whole = pictures.Tile(cube, there, rms[:30], DEV.frequencies[:30], (15, 200, 200))
    pictures._light(whole, np.arange(30) >= 4)
    ((values, levels),) = drawn
    assert levels == (1, 2, 3)
    assert values.std() == pytest.approx(1, abs=0.03)


def test_a_tile_is_cut_out_with_its_place(tmp_path: Path) -> None:
    cube = open_cube(release(tmp_path, 0.0) / "train_cube.fits")
    found = pictures.tile(cube, np.arange(120.0), (61.4, 17.6, 22.3), (20, 10))
    np.testing.assert_array_equal(found.cube, voxels(0.0)[41:82, 8:29, 12:33])
    assert found.place == pytest.approx((20.4, 9.6, 10.3))
    np.testing.assert_array_equal(found.rms, np.arange(41, 82))
    np.testing.assert_allclose(found.frequency, FIELD.frequencies[41:82])
    assert found.there.all()


def test_samples_of_three_kinds() -> None:
    snr = np.array([3.9, 50.0, 8.1, 7.9, np.nan, 30.0, 4.1, 20.0, 25.0, 8.0])
    labels = {"snr": snr, "w20": np.full(10, 123.4)}
    found = pictures.samples(labels)
    assert [sample.rows for sample in found] == [(1, 5, 8, 7), (9, 2, 3, 6), (0,)]
    assert found[0].notes[0] == "S/N 50.0, 123 km/s"
    assert pictures.samples({"snr": snr[:0], "w20": snr[:0]}) == ()


def covered(ink: panels.Ink) -> panels.Panel:
    """How much of each pixel of a panel some ink covers."""
    panel = np.zeros((S, S, 3), np.float32)
    panels.over(panel, ink, (1.0, 1.0, 1.0))
    assert (panel == panel[..., :1]).all()
    return panel[..., 0]


def test_steps_and_lines() -> None:
    alpha = covered(panels.steps(np.array([0.25, 0.75])))
    rows = S - 1 - alpha[:, [10, -10]].argmax(axis=0)
    assert rows / S == pytest.approx([0.25, 0.75], abs=0.01)
    assert alpha[S // 2, S // 2] == 1  # the riser
    dashed = covered(panels.line((0.0, 0.5), (1.0, 0.5), dash=0.1))
    assert 0.4 < dashed.max(axis=0).mean() < 0.6
    slanted = covered(panels.line((0.2, 0.3), (0.6, 0.8), 1.2))
    assert slanted.sum() / (S * np.hypot(0.4, 0.5)) == pytest.approx(1.2, abs=0.05)  # width of the line
    assert slanted[S - 1 - round(0.55 * S), round(0.4 * S)] == 1 and slanted[S // 2, S - 10] == 0
    outside = covered(panels.line((1.2, 0.0), (1.2, 1.0)))
    assert (outside == 0).all()


def test_contours() -> None:
    away = np.hypot(*np.mgrid[-90:90, -90:90]).astype(np.float32)
    ring = covered(panels.contours(away, (50.0,), (1.0,)))
    assert ring.sum() / (2 * np.pi * 50) == pytest.approx(1.4, abs=0.05)  # width of the line
    assert ring[90, 90] == 0
    three = covered(panels.contours(away, (20.0, 50.0, 70.0), (0.5, 1.0, 1.0)))
    assert three[90, 110] == pytest.approx(0.5) and three[90, 140] == three[90, 160] == 1
    assert (covered(panels.contours(np.zeros((S, S), np.float32), (1.0,), (1.0,))) == 0).all()


def test_discs_and_bands() -> None:
    disc, rim = panels.ellipse((0.3, 0.6), 0.1)
    assert covered(disc).sum() == pytest.approx(np.pi * (0.1 * S) ** 2, rel=0.01)
    assert covered(rim).sum() == pytest.approx(2 * np.pi * 0.1 * S, rel=0.01)
    row, column = np.argwhere(covered(disc) > 0).mean(axis=0)
    assert (column / S, 1 - row / S) == pytest.approx((0.3, 0.6), abs=0.01)
    low = covered(panels.across(0.0, 0.25, upright=False))
    assert low[-S // 4 :].all() and low.mean() == 0.25
    right = covered(panels.across(0.9, 1.7))
    assert right[:, -S // 10 :].all() and right.mean() == pytest.approx(0.1)
    assert (covered(panels.across(1.2, 1.7)) == 0).all()
