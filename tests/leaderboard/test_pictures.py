"""Pictures: files that others read, taken from the right rows, and of test cases only after the reveal."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blindsky.challenges.challenge import Figure, Pictures, Sample
from blindsky.challenges.tables import Groups, to_arrow
from blindsky.leaderboard.pictures import MOST, Album, album, stamps, uri
from blindsky.scoring.measurements import Table

ROWS = 10


def decoded(uri: str) -> Any:
    head, content = uri.split(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (101, 101)])
@pytest.mark.parametrize("colours", [1, 3])
def test_another_reader_sees_the_same_picture(shape: tuple[int, int], colours: int) -> None:
    y, x = np.indices(shape)
    ramps = np.stack([2 * x, 2 * y, 200 - x - y], axis=-1).clip(0, 255).astype(np.uint8)
    rgb = ramps if colours == 3 else np.broadcast_to(ramps[:, :, :1], (*shape, 3))
    image = decoded(uri(rgb)).astype(int)
    assert np.abs(image - rgb).max() < 12, "what an eye can't tell apart"
    assert colours == 3 or np.ptp(image, axis=-1).max() <= 2, "and grey stays grey"


def test_a_noisy_stamp_takes_few_bytes() -> None:
    noise = np.random.default_rng(0).normal(60, 20, (101, 101, 3)).clip(0, 255).astype(np.uint8)
    assert len(uri(noise)) < 25_000


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_other_arrays_are_no_pictures(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected a picture"):
        uri(wrong)


def draw(table: Table, read: Callable[[str], dict[str, Any]]) -> Any:
    assert set(table) == {"level"}, "columns that the table lacks are left out, others are not read"
    assert read("cameras") == {"stem": "cameras"}
    return np.broadcast_to(table["level"][:, None, None, None], (len(table["level"]), 2, 2, 3)).astype(
        np.uint8
    )


@pytest.fixture
def public(tmp_path: Path) -> Any:
    """A release whose test table holds the row number as its grey, in row groups of three."""
    import pyarrow.parquet as pq

    for split, first in (("train", 100), ("test", 0)):
        table = {"id": np.arange(ROWS), "level": first + np.arange(ROWS)}
        pq.write_table(to_arrow(table), tmp_path / f"{split}.parquet", row_group_size=3)
    read = {"train": ROWS, "test": ROWS}
    gallery = Figure("top", "Top", "gallery", lambda m, c: None)
    pictures = Pictures(
        ("level", "absent"), draw, lambda labels: (Sample("Lenses", (4, 0), ("four", "zero")),)
    )
    (tmp_path / "release.json").write_text("{}")
    return SimpleNamespace(
        release_id="made-by-hand",
        root=tmp_path,
        challenge=SimpleNamespace(pictures=pictures, figures=(gallery,)),
        revealed=False,
        has=lambda name: name in (*read, "train_labels"),
        table=lambda name, columns=None: {"label": np.zeros(ROWS)},
        path=lambda name: tmp_path / f"{name}.parquet",
        groups=lambda name: Groups.of(tmp_path / f"{name}.parquet"),
        json=lambda name: {"stem": name},
    )


CARD = {"figures": {"all": {"top": {"rows": [7, 2, 99, 9], "notes": ["seven", "two", "none", "nine"]}}}}


def test_the_rows_of_cards_are_drawn_after_the_reveal_alone(public: Any) -> None:
    before = album(public, [CARD])
    assert {key[0] for key in before.pictures} == {"train"}
    public.revealed = True
    after = album(public, [CARD, {"entry": {}}])
    assert set(after.pictures) == {("train", 4), ("train", 0), ("test", 7), ("test", 2), ("test", 9)}
    for (split, row), picture in after.pictures.items():
        assert np.all(decoded(picture) == row + (100 if split == "train" else 0))


def test_stamps_come_in_the_order_of_the_rows_with_their_notes(public: Any) -> None:
    public.revealed = True
    found = stamps(album(public, [CARD]), "test", **CARD["figures"]["all"]["top"])
    assert [s.note for s in found] == ["seven", "two", "nine"], "a row that is not there has no picture"
    assert [int(decoded(s.uri)[0, 0, 0]) for s in found] == [7, 2, 9]


def test_a_challenge_without_pictures_or_labels_has_none(public: Any) -> None:
    public.has = lambda name: name == "test"
    assert album(public, []) == Album({}, ())
    public.challenge.pictures = None
    assert album(public, [CARD]) == Album()


def test_a_gallery_is_bounded(public: Any) -> None:
    public.revealed = True
    many = {"figures": {"all": {"top": {"rows": [0] * MOST + [5], "notes": [""] * (MOST + 1)}}}}
    assert ("test", 5) not in album(public, [many]).pictures
