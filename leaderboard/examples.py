"""What entries say of a few test cases, drawn after the reveal: read from the stored predictions, kept in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.challenge import Plate
from blindsky.challenges.files import sha256
from blindsky.challenges.release import REVEALED, Public
from blindsky.leaderboard.pictures import rows_of, spared
from blindsky.leaderboard.store import remembered


def examples(
    public: Public,
    cards: Iterable[Mapping[str, Any]],
    stored: Callable[[str], Path | None],
    undrawn: dict[str, str],
) -> dict[str, tuple[Plate, ...]]:
    """The plates of each entry with a stored prediction, by its id; none before the reveal.

    undrawn : takes why those of an entry could not be drawn.
    """
    asked = public.challenge.examples
    if asked is None or not public.revealed:
        return {}
    folder = public.root / REVEALED
    of_data = [public.release_id, {path.name: sha256(path) for path in sorted(folder.glob("*.parquet"))}]
    chosen = remembered(["examples", *of_data], lambda: asked.choose(folder))
    found = {}
    for card in cards if chosen else ():
        who = card["entry"]["id"]
        answer = stored(who)
        if answer is not None:
            make = partial(_drawn, public, chosen, answer)
            with spared(who, undrawn):
                found[who] = tuple(
                    Plate(*p) for p in remembered(["examples", *of_data, sha256(answer)], make)
                )
    return found


def _drawn(public: Public, chosen: Mapping[str, Any], answer: Path) -> list[list[Any]]:
    asked = public.challenge.examples
    assert asked is not None
    told = rows_of(answer, public.challenge.prediction.key, np.array(chosen["ids"], dtype=np.int64))
    return [[p.title, p.kind, dict(p.data), p.caption, p.group] for p in asked.draw(chosen, told.columns)]
