"""What the organiser sets in ``arena.toml``; every key may be left out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from blindsky.challenges.errors import InputFault
from blindsky.submissions.faults import shown

PER_DAY = 10
_URL = re.compile(r"https?://[A-Za-z0-9._~:/@%+-]+")


class Settings:
    """The settings of an arena, read when they are asked for; InputFault where one is not what it should be."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def per_day(self) -> int:
        """How many submissions a team may hand in to one release within 24 hours."""
        found = self._setting("submissions_per_day", PER_DAY)
        if not isinstance(found, int) or found < 1:
            message = f"{self.path}: submissions_per_day is {found!r}, expected a whole number from 1"
            raise InputFault(message)
        return found

    def url(self, release: str) -> str:
        """Where the public part of a release can be downloaded (``data_url``); empty where unknown."""
        found = self._setting("data_url", "")
        if not isinstance(found, str) or (found and not _URL.fullmatch(found)):
            message = (
                f"{self.path}: data_url is {found!r}, expected an address such as https://example.org/data"
            )
            raise InputFault(message)
        return f"{found.rstrip('/')}/{release}/" if found else ""

    def contact(self) -> str:
        """Whom participants send their files to: a few words; empty where unknown."""
        found = self._setting("contact", "")
        if not isinstance(found, str) or len(found) > 200 or not found.isprintable():
            message = (
                f"{self.path}: contact is {shown(found)}, expected an address or a name, at most 200 characters "
                "on one line"
            )
            raise InputFault(message)
        return found.strip()

    def _setting(self, name: str, otherwise: Any) -> Any:
        if not self.path.is_file():
            return otherwise
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8")).get(name, otherwise)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            message = f"{self.path} is not readable as TOML ({error}). Mend that line"
            raise InputFault(message) from error
