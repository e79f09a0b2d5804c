"""Text of declarations and data cards on the pages: nothing of it becomes HTML that its writer meant."""

from __future__ import annotations

import pytest

from blindsky.leaderboard.prose import inline, markdown, typeset, without_title


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](https://example.org)",
        "![a](https://example.org/a.png)",
        "<https://example.org>",
        "[a]: https://example.org\n\n[a]",
        "<div\nonclick=x>\n\ntext",
    ],
)
def test_markdown_makes_no_html_link_or_picture(hostile: str) -> None:
    for made in (markdown(hostile, below=1), inline(hostile)):
        assert not [tag for tag in ("<script", "<img", "<a", "<div o", "<div\n") if tag in made]
        assert "alert(1)" in made or "example.org" in made or "text" in made, "it is shown as it was written"


def test_headings_come_below_those_of_the_page() -> None:
    assert str(markdown("## A\n\n### B\n\n## C", below=2)) == "<h3>A</h3>\n<h4>B</h4>\n<h3>C</h3>\n"
    assert "<h6>F</h6>" in markdown("# A\n\n###### F", below=5)


def test_tables_scroll_by_themselves_and_set_no_style() -> None:
    made = str(markdown("## Of <x>\n\n| a | b |\n|---|---:|\n| `x` | 1 |", below=1))
    assert '<table aria-label="Of &lt;x&gt;">' in made
    assert made.count('<div class="scroll"') == made.count("</table></div>") == 1
    assert "style=" not in made
    assert '<td class="right">1</td>' in made and "<code>x</code>" in made


def test_the_title_of_a_card_is_left_out() -> None:
    assert without_title("# Title\n\nText\n# Other") == "Text\n# Other"
    assert without_title("Text") == "Text"


@pytest.mark.parametrize(
    ("ascii_", "print_"),
    [
        ("mean of ln max(p, 1e-6)", "mean of ln max(p, 10⁻⁶)"),
        ("FPR <= 1e-3, n >= 1e+05", "FPR ≤ 10⁻³, n ≥ 10⁵"),
        ("- sum_c W_c <ln p>_c", "− sum_c W_c <ln p>_c"),
        ("(z_p - z_t)/(1 + z_t)", "(z_p − z_t)/(1 + z_t)"),
        ("sqrt(mean e^2) of Int_0^1 f", "√(mean e²) of ∫_0^1 f"),
        ("10^-6 of sum S_i^2, Mpc^-3.", "10⁻⁶ of sum S_i², Mpc⁻³."),
        ("Int_0.01^0.99 f, x^2.5, 2^n, 10^(a)", "∫_0.01^0.99 f, x^2.5, 2^n, 10^(a)"),
        ("0.5 um, [uJy/beam], sum, museum, u", "0.5 µm, [µJy/beam], sum, museum, u"),
        ("0.7 +- 0.1, +-3 %, a +- b", "0.7 ± 0.1, ±3 %, a +- b"),
        (
            "well-known, top-1, tpr_fpr1e-3, 2026-11-22, 3-5",
            "well-known, top-1, tpr_fpr1e-3, 2026-11-22, 3-5",
        ),
        ("-2.5 log10(f), from -90 to +-90, -.01", "−2.5 log10(f), from −90 to ±90, −.01"),
        ("6 x 120 x 120, x x y", "6 × 120 × 120, x x y"),
    ],
)
def test_formulas_get_the_signs_of_print(ascii_: str, print_: str) -> None:
    assert typeset(ascii_) == print_


def test_small_numbers_keep_their_factor() -> None:
    assert typeset("a calibrated entry has 2e-4, or 2.5e-12") == "a calibrated entry has 2·10⁻⁴, or 2.5·10⁻¹²"


def test_cards_are_typeset_and_code_in_them_is_not() -> None:
    typed = "x >= 1e-6 um^2"
    card = (
        f"{typed}\n\n- `{typed}`\n\n```\n{typed}\n```\n\n    {typed}\n\n| {typed} | `{typed}` |\n|---|---|\n"
    )
    made = str(markdown(card, below=1))
    assert made.count("x ≥ 10⁻⁶ µm²") == 2, "a paragraph and a cell"
    assert made.count("x &gt;= 1e-6 um^2") == 4, "code in a line, in a cell, in a fence, indented"
    assert str(inline(f"{typed}, `{typed}`")) == "x ≥ 10⁻⁶ µm², <code>x &gt;= 1e-6 um^2</code>"
