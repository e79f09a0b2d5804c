"""The colours of the site: readable in light, dark and print, and told apart by eyes that lack a kind of cone.

Contrast after WCAG 2.2; colour vision deficiencies by the matrices of Machado, Oliveira & Fernandes 2009 (severity 1).
"""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from blindsky.leaderboard.templating import assets

Colour = NDArray[np.float64]

EYES = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
CURVES = ("accent", "ink", "hue-1", "hue-2", "hue-3", "hue-4")


def themes() -> dict[str, dict[str, Colour]]:
    """Linear light of every colour of the light theme, the dark one and print."""
    blocks = re.findall(r":root \{(.*?)\}", assets("site.css")[0], flags=re.S)
    found = [dict(re.findall(r"--([\w-]+): #([0-9a-f]{3,6})\b", block)) for block in blocks]
    full = [block for block in found if "paper" in block]
    assert len(full) == 3
    return {
        name: {key: linear(value) for key, value in {**full[0], **block}.items()}
        for name, block in zip(("light", "dark", "print"), full, strict=True)
    }


def linear(text: str) -> Colour:
    text = text if len(text) == 6 else "".join(2 * c for c in text)
    c = np.array([int(text[k : k + 2], 16) for k in (0, 2, 4)]) / 255
    return np.asarray(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4))


def contrast(a: Colour, b: Colour) -> float:
    low, high = sorted((float(XYZ[1] @ a), float(XYZ[1] @ b)))
    return (high + 0.05) / (low + 0.05)


def lab(colour: Colour) -> Colour:
    t = XYZ @ np.clip(colour, 0, 1) / (XYZ @ np.ones(3))
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("on", ["paper", "raised"])
def test_text_has_the_contrast_that_reading_needs(theme: str, on: str) -> None:
    colours = themes()[theme]
    for name in ("ink", "soft", "accent"):
        assert contrast(colours[name], colours[on]) >= 4.5, name


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_curves_stand_out_from_the_paper(theme: str) -> None:
    colours = themes()[theme]
    for name in CURVES:
        assert contrast(colours[name], colours["paper"]) >= 3, name


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_no_two_curves_look_alike(theme: str, eye: str) -> None:
    """Ten just noticeable differences (2.3 each) are 23; a board's curves also differ in number and dashes."""
    seen = {name: lab(EYES[eye] @ themes()[theme][name]) for name in CURVES}
    for a, b in combinations(CURVES, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 18, (a, b)


def test_no_rule_names_a_colour_of_its_own() -> None:
    rules = re.sub(r":root \{.*?\}", "", assets("site.css")[0], flags=re.S)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb\(|hsl\(", rules), "it would not follow the theme"
