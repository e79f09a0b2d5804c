"""How to cite a release: BibTeX of the release, of blindsky, and of what the challenge builds on."""

from __future__ import annotations

import re

from blindsky.leaderboard.boards import ReleaseView
from blindsky.leaderboard.cells import tidy

_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{MINUS SIGN}": "-",
} | {c: f"\\{c}" for c in "&%$#_{}"}


def bibtex(release: ReleaseView) -> str:
    """``cite.bib`` of a release; works of the field as they are named in the declaration, one entry each."""
    stem = key(release.release_id)
    year = _year(release.created)
    made = [
        _entry(
            "misc",
            stem,
            {
                "author": "{The organisers of the challenge}",
                "title": f"{{{tex(release.title)}: release {tex(release.release_id)}}}",
                "year": year,
                "howpublished": f"blindsky data challenge, size {tex(release.size)}",
                "note": f"sha256 of its manifest: {tex(release.digests['data'])}"
                if "data" in release.digests
                else "",
            },
        ),
        _entry(
            "software",
            "blindsky",
            {
                "author": "{The blindsky developers}",
                "title": "{blindsky: blind data challenges for astronomy}",
                "year": year,
                "version": tex(release.public.get("scorer", {}).get("blindsky", "")),
            },
        ),
    ]
    works = [work.strip() for text in release.challenge.citations for work in text.split("; ")]
    for number, work in enumerate(works, 1):
        found = re.match(r"(?P<who>.+?) (?P<year>\d{4})\b", work)
        fields = {"title": f"{{{tex(work)}}}"}
        if found:
            fields = {"author": f"{{{tex(found['who'])}}}", **fields, "year": found["year"]}
        made.append(_entry("misc", f"{key(release.challenge.name)}-{number}", fields))
    return "\n".join(made)


def tex(text: str) -> str:
    """Text that TeX prints as it stands."""
    return "".join(_TEX.get(c, c) for c in tidy(text, 300))


def key(text: str) -> str:
    """A citation key: letters, digits and dashes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-") or "release"


def _entry(kind: str, name: str, fields: dict[str, str]) -> str:
    lines = [f"  {field} = {{{text}}}," for field, text in fields.items() if text]
    return "\n".join([f"@{kind}{{{name},", *lines, "}", ""])


def _year(created: str) -> str:
    return created[:4] if re.match(r"\d{4}-", created) else ""
