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
_EPRINT = re.compile(r",? *\b(?:arXiv:(?P<new>\d{4}\.\d{4,5})|(?P<old>[a-z]+-[a-z]+/\d{7}))\b")
_DOI = re.compile(r",? *\bdoi:(?P<doi>10\.\d{4,9}/[A-Za-z0-9.()/:;-]*[A-Za-z0-9])")  # no sign that TeX reads


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
        made.append(_entry("misc", f"{key(release.challenge.name)}-{number}", _work(work)))
    return "\n".join(made)


def _work(work: str) -> dict[str, str]:
    """The fields of a work that a declaration names, such as ``Doe 2019, ApJ 1, 2, arXiv:1901.00001 (what for)``."""
    eprint, doi = _EPRINT.search(work), _DOI.search(work)
    found = re.match(r"(?P<who>.+?) (?P<year>\d{4})\b", work)
    fields = {"author": f"{{{tex(found['who'])}}}"} if found else {}
    fields["title"] = f"{{{tex(_DOI.sub('', _EPRINT.sub('', work)))}}}"
    if found:
        fields["year"] = found["year"]
    if eprint:
        number = eprint["new"] or eprint["old"]
        fields |= {"eprint": number, "archiveprefix": "arXiv", "url": f"https://arxiv.org/abs/{number}"}
    if doi:
        fields |= {"doi": doi["doi"], "url": f"https://doi.org/{doi['doi']}"}
    return fields


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
