"""The published results: the paper's numbers, on the panels of our figures."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens.figures import CUTS, FIGURES
from blindsky.challenges.lens.metrics import METRICS
from blindsky.challenges.lens.published import PUBLISHED

# AUROC, TPR0, TPR10 of the paper's table
TABLE = {
    ("space", "LASTRO EPFL"): (0.93, 0.00, 0.08),
    ("space", "CMU-DeepLens-Resnet"): (0.92, 0.22, 0.29),
    ("ground", "CMU-DeepLens-Resnet-ground3"): (0.98, 0.09, 0.45),
    ("ground", "Manchester SVM"): (0.93, 0.22, 0.35),
}


def test_the_table_is_that_of_the_paper() -> None:
    found = {(branch, r.entry): r.values for branch, p in PUBLISHED.items() for r in p.results()}
    assert len(found) == 24
    for name, values in TABLE.items():
        assert tuple(found[name][key] for key in ("auroc", "tpr0", "tpr10")) == values
    assert {key for values in found.values() for key in values} <= {m.key for m in METRICS}


@pytest.mark.parametrize("branch", ["space", "ground"])
def test_curves_lie_behind_panels_that_exist(branch: str) -> None:
    curves = {f.key: PUBLISHED[branch].curves(f.key) for f in FIGURES}
    assert {key for key, found in curves.items() if found} == {"roc", "roc_log", *(f"cut_{v}" for v in CUTS)}
    for key, found in curves.items():
        assert {c["panel"] for c in found} <= (
            {"tpr"} if key.startswith("roc") else {"auroc", "tpr0", "tpr10", "share"}
        )
        for c in found:
            x, y = np.array(c["x"]), np.array(c["y"])
            assert len(x) == len(y) > 10
            assert np.all(x > 0) and np.all(np.abs(y - 0.5) <= 0.501), "read off a figure"
    assert len([c for c in curves["cut_r_ein"] if c["panel"] == "share"]) == 1
    of_cuts = {
        panel: {c["label"] for c in curves["cut_npix"] if c["panel"] == panel}
        for panel in ("auroc", "tpr0", "tpr10")
    }
    assert of_cuts["tpr0"] == of_cuts["tpr10"] == of_cuts["auroc"] != set()
    assert len(curves["roc"]) == {"space": 14, "ground": 10}[branch]


def test_a_published_roc_has_its_published_rate() -> None:
    curve = next(c for c in PUBLISHED["space"].curves("roc_log") if c["label"] == "LASTRO EPFL")
    assert curve["y"][curve["x"].index(1e-3)] == pytest.approx(0.503, abs=0.001)


@pytest.mark.parametrize("branch", ["space", "ground"])
def test_an_entry_has_one_name_in_the_table_and_on_its_curve(branch: str) -> None:
    """Told by the numbers: the curve under a name has the rates that the table has under it."""
    table = {r.entry: r.values for r in PUBLISHED[branch].results()}
    curves = {c["label"]: c for c in PUBLISHED[branch].curves("roc_log")}
    assert set(curves) == set(table)
    for name, curve in curves.items():
        for key, fpr in (("tpr_fpr3", 1e-3), ("tpr_fpr2", 1e-2)):
            assert curve["y"][curve["x"].index(fpr)] == pytest.approx(table[name][key], abs=1e-3)
    of_cuts = {c["label"] for c in PUBLISHED[branch].curves("cut_r_ein") if c["panel"] != "share"}
    assert of_cuts <= set(table)
