"""Names: composed, trimmed, bounded; what can't be seen, or turns other text around, is refused."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.errors import InputFault
from blindsky.challenges.names import clean_name, slug


@pytest.mark.parametrize(
    ("given_text", "name"),
    [
        ("Team A", "Team A"),
        ("  Team A ", "Team A"),
        ("Team   A", "Team A"),
        ("Cafe\u0301 \u2605", "Caf\u00e9 \u2605"),
        (
            "\u661f\u7cfb \u0413\u0430\u043b\u0430\u043a\u0442\u0438\u043a\u0430 \u05d2\u05dc\u05e7\u05e1\u05d9\u05d4",
            None,
        ),
        ("<b>x</b> & \"y\" 'z'", None),
        ("../../etc/passwd", None),
        ("=1+1", None),
        ("\U0001f680", None),
        ("x" * 80, None),
        ("e\u0301" * 80, "\u00e9" * 80),
    ],
)
def test_accepted(given_text: str, name: str | None) -> None:
    assert clean_name(given_text, "team name") == (given_text if name is None else name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the team name is empty. Give 1 to 80 visible characters"),
        ("   \u00a0 ", "is empty"),
        ("x" * 81, "has 81 characters; at most 80"),
        ("a\nb", "a control character (U+000A, at character 2)"),
        ("a\tb", "a control character (U+0009"),
        ("\n", "a control character"),
        ("a\x1b[31m", "a control character (U+001B"),
        ("a\u202eb", "an invisible format character (U+202E, at character 2)"),
        ("a\u2066b", "an invisible format character (U+2066"),
        ("a\u200bb", "an invisible format character (U+200B"),
        ("\ufeffa", "an invisible format character (U+FEFF"),
        ("a\u00adb", "an invisible format character (U+00AD"),
        ("a\u2028b", "a line separator"),
        ("a\u3164b", "an invisible character"),
        ("a\udcffb", "bytes that are not text"),
        ("a\ue000b", "a private-use character"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(InputFault) as caught:
        clean_name(text, "team name")
    assert str(caught.value).startswith("the team name")
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


def test_another_length() -> None:
    assert clean_name("x" * 500, "description", longest=500) == "x" * 500
    with pytest.raises(InputFault, match="the description has 501 characters; at most 500"):
        clean_name("x" * 501, "description", longest=500)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=100))
def test_a_clean_name_is_clean_and_stays_so(text: str) -> None:
    try:
        name = clean_name(text, "team name")
    except InputFault:
        return
    assert clean_name(name, "team name") == name
    assert unicodedata.is_normalized("NFC", name)
    assert 1 <= len(name) <= 80
    assert name.strip() == name
    assert not {unicodedata.category(c) for c in name} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Team A", "team-a"),
        ("../../etc/passwd", "etc-passwd"),
        ("Caf\u00e9 M\u00fcller!", "cafe-muller"),
        ("\u661f\u7cfb", "unnamed"),
        ("CON\0", "con"),
        ("x" * 39 + " y", "x" * 39),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=100))
def test_a_slug_is_a_file_name(text: str) -> None:
    made = slug(text)
    assert 1 <= len(made) <= 40
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert made.strip("-") == made
