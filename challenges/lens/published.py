"""What was published of the first strong-lens finding challenge: its table and its curves, beside ours in grey."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, partial
from importlib.resources import files
from typing import Any

from blindsky.challenges.challenge import Published, Result

# column of published_entries.csv by key of ours
_VALUES = {
    "tpr_fpr3": "tpr_at_fpr_1e-3",
    "auroc": "auroc_table",
    "tpr0": "tpr0_table",
    "tpr10": "tpr10_table",
    "tpr_fpr2": "tpr_at_fpr_1e-2",
}
_FIGURES = {
    "r_ein_arcsec": "cut_r_ein",
    "flux_sigma": "cut_flux_sigma",
    "npix": "cut_npix",
    "contrast": "cut_contrast",
}
_SPELLED = {  # entries that the figures of the paper spell otherwise than its table
    "CMU-DeepLens-ResNet": "CMU-DeepLens-Resnet",
    "CMU-DeepLens-ResNet-aug": "CMU-DeepLens-Resnet-aug",
    "CMU-DeepLens-ResNet-ground3": "CMU-DeepLens-Resnet-ground3",
    "Kapteyn": "Kapteyn Resnet",
    "LASTRO EPFL (CNN)": "LASTRO EPFL",
    "Manchester-NA2": "Manchester2",
}
_EVERY = 4  # of the hundred points of a curve; an eye sees no more
_TITLE = "Published in Metcalf et al. 2019"
_NOTE = (
    "Results of the original challenge, on another test set: not ranked here. AUROC, TPR0 and TPR10 are from the "
    "paper's table, rates at fixed FPR were read from its figures (within 0.005). TPR0 and TPR10 depend on the number "
    "of non-lenses, which was 50,000 to 60,000 there."
)


def _lines(name: str) -> Iterator[dict[str, str]]:
    text = (files("blindsky.challenges.lens") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    for line in csv.DictReader(text.splitlines()):
        if "method" in line:
            line["method"] = _SPELLED.get(line["method"], line["method"])
        yield line


def results(branch: str) -> tuple[Result, ...]:
    """The entries of one branch, ``space`` or ``ground``, in the order of the paper's table."""
    return tuple(
        Result(line["entry"], line["kind"], {key: float(line[column]) for key, column in _VALUES.items()})
        for line in _lines("published_entries")
        if line["branch"] == branch
    )


def curves(branch: str, figure: str) -> tuple[Mapping[str, Any], ...]:
    """The published curves behind a figure of one branch; none behind most."""
    return _curves(branch).get(figure, ())


@cache
def _curves(branch: str) -> dict[str, tuple[Mapping[str, Any], ...]]:
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    for line in _lines("published_roc"):
        if line["set"] == branch:
            for figure in ("roc", "roc_log"):
                found[figure, "tpr", line["method"]].append((float(line["fpr"]), float(line["tpr"])))
    shares: dict[str, str] = {}  # the population is everybody's: one method's reading of it is enough
    for line in _lines("published_cut_curves"):
        figure, method, cut = _FIGURES[line["variable"]], line["method"], float(line["cut"])
        if line["branch"] != branch or cut <= 0:
            continue
        for panel in ("auroc", "tpr0", "tpr10"):
            found[figure, panel, method].append((cut, float(line[panel])))
        if shares.setdefault(figure, method) == method:
            found[figure, "share", "lenses of the original"].append((cut, float(line["fraction_of_lenses"])))
    by_figure: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for (figure, panel, label), points in found.items():
        kept = points if panel == "tpr" else points[::_EVERY]
        x, y = (list(column) for column in zip(*kept, strict=True))
        by_figure[figure].append({"panel": panel, "label": label, "x": x, "y": y})
    return {figure: tuple(curves) for figure, curves in by_figure.items()}


PUBLISHED = {
    branch: Published(_TITLE, _NOTE, partial(results, branch), partial(curves, branch))
    for branch in ("space", "ground")
}
