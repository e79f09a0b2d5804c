"""Choices of the generator: what is taken, what is refused, and what a reader of the data card is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from blindsky.challenges import registry
from blindsky.challenges.datacard import fact_sheet
from blindsky.challenges.errors import InputFault
from blindsky.challenges.generation import generate


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"components": "maybe"}, r"no option components=maybe.*components=no\|yes; cosmos=TEXT"),
        ({"component": "yes"}, "no option component=yes"),
        ({"cosmos": "nowhere"}, "cosmos=nowhere is no directory"),
    ],
)
def test_choices_that_are_refused(tmp_path: Path, option: dict[str, str], message: str) -> None:
    with pytest.raises(InputFault, match=message):
        generate(registry.get("lens"), "space", "tiny", tmp_path, options=option)
    assert not [p for p in tmp_path.iterdir() if p.is_dir() and not p.name.startswith(".")]


def test_the_fact_sheet_tells_them() -> None:
    text = fact_sheet(registry.get("lens"))
    assert "- `components`: no or yes (default no)" in text
    assert "- `cosmos`: any text (default none)" in text
