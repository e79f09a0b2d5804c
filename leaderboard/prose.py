"""Text of declarations and data cards as the pages show it: Markdown without links, formulas with their signs.

Others may have written it (a release made of somebody's files names them), so nothing of it is taken for HTML.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_REFUSED = ["html_block", "html_inline", "link", "image", "autolink", "reference", "entity"]
_POWER = re.compile(r"\b(\d+(?:\.\d+)?)e([+-]?)0*(\d+)\b")
_RAISE = re.compile(r"_[\d.]+\^|\^(-?\d+)(?!\w|\.\d)")  # the limits of Int_0^1 stay where they are
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SIGNS = (
    (re.compile(r"\+-(?= ?\d)"), "±"),
    (re.compile(r">="), "≥"),
    (re.compile(r"<="), "≤"),
    (re.compile(r"(?<= )-(?=[ (])|^-(?= )|(?<![\w.)\]\N{EN DASH}-])-(?=\.?\d)"), "\N{MINUS SIGN}"),
    (re.compile(r"(?<=\d) x (?=\d)"), " × "),
    (re.compile(r"\bsqrt(?=\()"), "√"),
    (re.compile(r"\bInt(?=[ _])"), "∫"),
    (re.compile(r"\bu(?=(?:m|Jy)(?![A-Za-z]))"), "\N{MICRO SIGN}"),
)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(_REFUSED)


def markdown(text: str, *, below: int) -> Markup:
    """Markdown as HTML, typeset; its highest headings are one below ``h<below>``, and tables scroll by themselves."""
    tokens = _parser().parse(text)
    levels = [int(t.tag[1]) for t in tokens if t.type == "heading_open"]
    shift = below + 1 - min(levels, default=1)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + shift)}"
    heading = "Table"
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            heading = token.content
        if token.type == "table_open":
            token.attrSet("aria-label", heading)
    made = _rendered(tokens)
    made = re.sub(
        r"<table", '<div class="scroll" tabindex="0"><table', made.replace("<th>", '<th scope="col">')
    )
    return Markup(_unstyled(made.replace("</table>", "</table></div>")))


def _unstyled(made: str) -> str:
    """Columns aligned by a class: the policy of a page lets no attribute set a style."""
    return re.sub(r'(<t[hd][^>]*?) style="text-align:(\w+)"', r'\1 class="\2"', made)


def inline(text: str) -> Markup:
    """One paragraph of Markdown, typeset, without the paragraph: emphasis and code."""
    return Markup(_rendered(_parser().parseInline(text)))


def _rendered(tokens: Sequence[Token]) -> str:
    """HTML of tokens with the signs of print in their words; code stays as it is typed."""
    for word in (child for token in tokens for child in token.children or () if child.type == "text"):
        word.content = typeset(word.content)
    return str(_parser().renderer.render(tokens, _parser().options, {}))


def without_title(text: str) -> str:
    """Markdown without the heading that it begins with; the page has it as its own."""
    first, _, rest = text.lstrip().partition("\n")
    return rest.lstrip() if first.startswith("# ") else text


def typeset(text: str) -> str:
    """A formula written in ASCII with the signs of print: ``>= 1e-6`` becomes ``≥ 10⁻⁶``."""
    made = _RAISE.sub(_raised, _POWER.sub(_power, text))
    for pattern, sign in _SIGNS:
        made = pattern.sub(sign, made)
    return made


def _raised(found: re.Match[str]) -> str:
    return found[1].translate(_RAISED) if found[1] else found[0]


def _power(found: re.Match[str]) -> str:
    raised = (found[2].replace("+", "") + found[3]).translate(_RAISED)
    return f"10{raised}" if found[1] == "1" else f"{found[1]}·10{raised}"
