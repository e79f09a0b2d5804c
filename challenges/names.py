"""Names that people give: teams and methods. What a board shows must be readable, and what it seems to be."""

from __future__ import annotations

import re
import unicodedata

from blindsky.challenges.errors import InputFault

LONGEST = 80
_SLUG = 40  # characters of a part of a file name

# Controls and line breaks spoil a table; formats (bidirectional marks, zero-width characters) make two names
# look alike or turn a row around; surrogates are bytes that were no text; the others show as boxes.
_REFUSED = {
    "Cc": "a control character",
    "Cf": "an invisible format character",
    "Cs": "bytes that are not text",
    "Co": "a private-use character",
    "Cn": "an unassigned character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
}
_BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # letters and marks that show nothing


def clean_name(text: str, what: str, *, longest: int = LONGEST) -> str:
    """A name in Unicode's composed form, trimmed, with single spaces; 1 to ``longest`` characters.

    what : what the text is, for the message, such as ``team name``. InputFault where it can't be shown.
    HTML and path separators are text like any other: escaped where it is shown, and never part of a path.
    """
    name = unicodedata.normalize("NFC", text)
    for place, character in enumerate(name.strip(" "), 1):
        why = (
            "an invisible character" if character in _BLANK else _REFUSED.get(unicodedata.category(character))
        )
        if why is not None:
            message = (
                f"the {what} holds {why} (U+{ord(character):04X}, at character {place}). "
                "Type it again with visible letters, digits, punctuation and spaces"
            )
            raise InputFault(message)
    name = " ".join(name.split())
    if not name:
        message = f"the {what} is empty. Give 1 to {longest} visible characters"
        raise InputFault(message)
    if len(name) > longest:
        message = f"the {what} has {len(name)} characters; at most {longest} are allowed. Give a shorter one"
        raise InputFault(message)
    return name


def alike(name: str) -> str:
    """What two names share that nobody tells apart: without regard to case, blanks and forms of one letter."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def slug(text: str) -> str:
    """A part of a file name that people can read: [a-z0-9-], at most 40 characters, never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_SLUG].strip("-") or "unnamed"
