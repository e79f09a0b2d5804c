"""What an open arena of all five challenges hides is in no file of its site: not in words, numbers or bytes.

Three ways to look. The site of a shadow of the arena, in which everything hidden is gone or garbage, must be the same
to the last byte. No number of the site may be one of the hidden ones. And no number may tell more digits than a tenth
of its interval.
"""

from __future__ import annotations

import base64
import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from blindsky.challenges.cards import CARD, REPLICATES, write_card
from blindsky.challenges.release import SECRET

if TYPE_CHECKING:
    from blindsky.leaderboard import ReleaseView
    from blindsky.submissions.arena import Arena

HIDDEN = ("private", "all")
LONG = 10  # digits; shorter numbers are met by chance
NUMBER = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?")


@pytest.fixture(scope="module")
def files(open_views: tuple[ReleaseView, ...]) -> dict[str, str | bytes]:
    """The site of the open arena."""
    from blindsky.leaderboard.site import render

    return render(open_views)


def scrambled(content: Any, rng: np.random.Generator) -> Any:
    """The same shape with other numbers."""
    if isinstance(content, dict):
        return {key: scrambled(value, rng) for key, value in content.items()}
    if isinstance(content, list):
        return [scrambled(value, rng) for value in content]
    if isinstance(content, bool) or not isinstance(content, int | float):
        return content
    return type(content)(1 + abs(content) * (1 + rng.random()))


def spoil(card: Path, rng: np.random.Generator) -> None:
    """Make garbage of everything on a card that is not of the public part."""
    content = json.loads((card / CARD).read_text(encoding="utf-8"))
    for parts in (content["parts"], content["figures"], *(s["parts"] for s in content.get("slices", ()))):
        for part in HIDDEN:
            if part in parts:
                parts[part] = scrambled(parts[part], rng)
    with np.load(card / REPLICATES) as stored:
        replicates = dict(stored)
    for name in replicates:
        if name.startswith(HIDDEN):
            replicates[name] = rng.normal(size=len(replicates[name]))
    for name in (CARD, REPLICATES):
        (card / name).unlink()  # a link to that of the other arena
    write_card(card, content, replicates)


def test_without_the_truth_the_site_is_the_same(
    arena: Arena, files: dict[str, str | bytes], tmp_path: Path
) -> None:
    """Truth removed, secrets replaced, hidden parts of the cards scrambled: not a byte may change."""
    from blindsky.leaderboard.publish import views
    from blindsky.leaderboard.site import render

    shadow = type(arena)(tmp_path / "shadow")
    shutil.copytree(arena.root, shadow.root, copy_function=os.link)
    rng = np.random.default_rng(0)
    for private in shadow.releases.glob("*/private"):
        secret = json.loads((private / SECRET).read_text(encoding="utf-8"))
        (private / SECRET).unlink()
        (private / SECRET).write_text(json.dumps(dict.fromkeys(secret, "00" * 32)), encoding="utf-8")
        for path in private.iterdir():
            if path.name not in (SECRET, "references"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    cards = [path.parent for path in shadow.root.rglob(CARD)]
    assert len(cards) >= 5 * 2
    for card in cards:
        spoil(card, rng)
    again = render(views(shadow))
    assert sorted(again) == sorted(files)
    assert [name for name in files if files[name] != again[name]] == []


def hidden_numbers(arena: Arena, views: tuple[ReleaseView, ...]) -> Iterator[tuple[str, float]]:
    """Every number that nobody may know yet: the truth, the parts that decide, and what rounding hides."""
    import pyarrow.parquet as pq

    for private in arena.releases.glob("*/private"):
        for path in (*private.glob("*.parquet"), *private.glob("*/*.parquet")):
            for column in pq.read_table(path).to_pydict().values():
                yield from ((path.stem, x) for x in column if isinstance(x, float))
    for path in (*arena.cards.rglob("*.npz"), *arena.releases.glob("*/private/**/*.npz")):
        with np.load(path) as stored:
            for name, values in stored.items():
                yield from ((f"{path}/{name}", float(x)) for x in values.ravel() if values.dtype.kind == "f")
    for view in views:
        for entry in view.entries:
            who = f"{view.release_id}/{entry.card['entry']['id']}"
            for parts in (entry.card["parts"], *(s["parts"] for s in entry.card["slices"])):
                for part, found in parts.items():
                    for key, metric in found["metrics"].items():
                        yield from ((f"{who}/{part}/{key}", metric[x]) for x in ("value", "low", "high"))


def texts(files: dict[str, str | bytes]) -> Iterator[tuple[str, str]]:
    """Every file as text; tables of Parquet number by number, pictures left out."""
    import io

    import pyarrow.parquet as pq

    for name, content in files.items():
        if isinstance(content, str):
            yield name, re.sub(r"data:image/[\w+]+;base64,[\w+/=]+", "", content).replace("\u2212", "-")
        elif name.endswith(".parquet"):
            columns = pq.read_table(io.BytesIO(content)).to_pydict()
            yield name, "\n".join(str(x) for column in columns.values() for x in column)
        else:
            yield name, content.decode("utf-8")


def significant(text: str) -> str:
    """The digits of a number without zeros at its ends."""
    return text.partition("e")[0].replace(".", "").strip("0")


def beginning(x: float) -> str:
    """The first digits of a number, cut rather than rounded, so that longer and shorter forms agree."""
    return f"{abs(x):.{LONG}e}"[:LONG]


def is_simple(x: float) -> bool:
    """Whether it is a fraction such as 424/3 times a power of ten, which a number may be by chance."""
    mantissa = float(f"{abs(x):.15e}".partition("e")[0])
    return abs(float(Fraction(mantissa).limit_denominator(1000)) - mantissa) < 10.0**-LONG


def test_no_hidden_number_is_in_any_file(
    arena: Arena, open_views: tuple[ReleaseView, ...], files: dict[str, str | bytes]
) -> None:
    known = {
        beginning(x): where
        for where, x in hidden_numbers(arena, open_views)
        if x is not None and math.isfinite(x) and len(significant(repr(x))) >= LONG
    }
    assert len(known) > 10_000
    met = [
        (name, number, known[beginning(float(number))])
        for name, text in texts(files)
        for number in set(NUMBER.findall(text))
        if len(significant(number)) >= LONG
        and beginning(float(number)) in known
        and not is_simple(float(number))
    ]
    assert met == []


def test_no_secret_is_in_any_file(arena: Arena, files: dict[str, str | bytes]) -> None:
    secrets = set()
    for path in arena.releases.glob(f"*/private/{SECRET}"):
        for value in json.loads(path.read_text(encoding="utf-8")).values():
            if isinstance(value, str) and len(value) >= 32:
                raw = bytes.fromhex(value)
                secrets |= {
                    value,
                    value.upper(),
                    base64.b64encode(raw).decode(),
                    base64.urlsafe_b64encode(raw).decode(),
                }
    assert len(secrets) >= 3
    for name, text in texts(files):
        assert not [secret for secret in secrets if secret.rstrip("=") in text], name


def test_numbers_tell_no_more_than_a_tenth_of_their_interval(
    open_views: tuple[ReleaseView, ...], files: dict[str, str | bytes]
) -> None:
    """The width is taken from the cards; a number printed to d places tells steps of 10^-d."""
    cells = 0
    found = [json.loads(text) for name, text in files.items() if name.endswith("/board.json")]
    by_release = {board["release"]: board for board in found}
    for view in open_views:
        board = by_release[view.release_id]
        assert board["rounded"] and {b["part"] for b in board["boards"]} == {"public"}
        cards = {e.card["entry"]["id"]: e.card["parts"]["public"]["metrics"] for e in view.entries}
        for row in (row for b in board["boards"] for row in b["rows"]):
            for key, shown in row["metrics"].items():
                exact = cards[row["entry"]].get(key, {})
                if shown["value"] is None or exact["low"] is None or exact["high"] == exact["low"]:
                    continue
                step = 10.0 ** -len(repr(shown["value"]).partition(".")[2])
                if float(shown["value"]).is_integer():
                    continue
                assert step * 10 > (exact["high"] - exact["low"]) / 10, (view.release_id, row["entry"], key)
                cells += 1
    assert cells > 50


def test_nothing_of_other_parts_is_named(files: dict[str, str | bytes]) -> None:
    """Programs that read the site find no data of the private part either, whatever its numbers."""
    for name, text in texts(files):
        folder, _, file = name.rpartition("/")
        if folder.endswith("data"):
            assert '"replicates"' not in text and '"loss"' not in text, name
        if file in ("board.json", "board.csv", "board.vot", "board.parquet"):
            assert not re.search(r'"part": "(private|all)"|,(private|all),', text), name
    assert not [name for name in files if re.search(r"/(private|all)\.html$", name)]
