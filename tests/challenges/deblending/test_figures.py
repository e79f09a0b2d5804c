"""Figures and pictures of a deblending entry: against plain arithmetic, and blank where they would tell too much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blindsky.challenges.deblending import CHALLENGE, pictures
from blindsky.challenges.deblending.measure import FALSE, OBJECT
from blindsky.challenges.deblending.published import PUBLISHED
from blindsky.challenges.skies import Ragged
from blindsky.leaderboard import figures as drawing
from blindsky.leaderboard.coarse import coarsened
from blindsky.scoring.measurements import Measurements, Table

FIGURES = {f.key: f for f in CHALLENGE.figures}


def pairs(n: int, seed: int = 1) -> tuple[Measurements, Table]:
    """Measured pairs and the columns of their cases, row by row."""
    rng = np.random.default_rng(seed)
    ratio = np.where(rng.random(2 * n) < 0.1, 0.0, rng.lognormal(0, 0.2, 2 * n))
    case = np.repeat(np.arange(n), 2)
    rows: Table = {
        "obj": np.tile([0, 1], n),
        "ratio": ratio,
        "mag": rng.uniform(20, 23, 2 * n),
        "snr": rng.lognormal(5, 1, 2 * n),
        "blendedness": rng.beta(1, 4, 2 * n),
        "iou": rng.random(2 * n),
    }
    separation, dm = rng.uniform(2, 60, n), rng.uniform(-2, 2, n)
    columns: Table = {
        "separation": separation[case],
        "dm": dm[case],
        "part": np.where(rng.random(n) < 0.5, "public", "private")[case],
    }
    return Measurements(rows, case=case), columns


def scenes(n: int, seed: int = 2) -> tuple[Measurements, Table]:
    rng = np.random.default_rng(seed)
    true, extra = rng.integers(2, 7, n), rng.integers(0, 2, n)
    counts = true + extra
    case = np.repeat(np.arange(n), counts)
    number = np.arange(len(case)) - np.repeat(np.cumsum(counts) - counts, counts)
    spurious = number >= true[case]
    hit = np.where(spurious, np.nan, rng.random(len(case)) < 0.7)
    ratio = np.where(hit == 1, rng.lognormal(0, 0.1, len(case)), np.nan)
    first = number == 0
    rows: Table = {
        "kind": np.where(spurious, FALSE, OBJECT),
        "hit": hit,
        "false": spurious.astype(float),
        "distance": np.where(hit == 1, 1.0, np.nan),
        "deblend_error": np.where(hit == 1, np.minimum(np.abs(ratio - 1), 1), 1.0),
        "ratio_g": ratio * rng.lognormal(0, 0.05, len(case)),
        "ratio_r": ratio,
        "snr": np.where(spurious, np.nan, rng.lognormal(4, 1, len(case))),
        "blendedness": np.where(spurious, np.nan, rng.beta(1, 2, len(case))),
        "n_true": np.where(first, true[case], np.nan),
        "n_found": np.where(first, np.bincount(case[hit == 1], minlength=n)[case] + extra[case], np.nan),
    }
    return Measurements(rows, case=case), {"part": np.full(len(case), "public")}


def drawn(key: str, m: Measurements, columns: Table) -> dict[str, Any] | None:
    figure = FIGURES[key]
    data = figure.data(m, columns)
    if data is not None and figure.kind != "gallery":
        for shown in (data, coarsened(figure.kind, data)):
            assert str(drawing.draw(figure.kind, shown, uid="u", title="t")).startswith("<svg")
    return data


def panel(data: dict[str, Any] | None, key: str) -> dict[str, Any]:
    assert data is not None
    return next(p for p in data["panels"] if p["key"] == key)["series"][0]  # type: ignore[no-any-return]


def test_errors_by_separation() -> None:
    m, columns = pairs(2000)
    data = drawn("separation", m, columns)
    for slot, name in ((0, "central"), (1, "companion")):
        mine = m["obj"] == slot
        found = panel(data, name)
        for x, y, (low, high) in zip(
            found["x"], found["y"], ((0, 6), (6, 10), (10, 15), (15, 25), (25, 64)), strict=True
        ):
            inside = mine & (columns["separation"] >= low) & (columns["separation"] < high)
            assert x == (low + high) / 2
            assert y == pytest.approx(100 * np.abs(m["ratio"][inside] - 1).mean(), rel=1e-5)
    both = (m["ratio"].reshape(-1, 2) > 0).all(axis=1)
    near = columns["separation"][::2] < 6
    assert panel(data, "found")["y"][0] == pytest.approx(both[near].mean(), rel=1e-5)


def test_bias_by_difference_is_a_median_of_those_with_a_flux() -> None:
    m, columns = pairs(2000)
    data = drawn("difference", m, columns)
    mine = (m["obj"] == 0) & (m["ratio"] > 0) & (columns["dm"] >= 0) & (columns["dm"] < 2 / 3)
    found = panel(data, "central")
    k = found["x"].index(pytest.approx(1 / 3, rel=1e-4))
    assert found["y"][k] == pytest.approx(np.median(-2.5 * np.log10(m["ratio"][mine])), rel=1e-4)
    assert found["low"][k] <= found["y"][k] <= found["high"][k]


@given(n=st.integers(0, 60), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_bins_of_fewer_than_ten_blends_are_blank(n: int, seed: int) -> None:
    m, columns = pairs(n, seed)
    columns["part"] = np.full(len(columns["part"]), "public")
    for key in (
        "separation",
        "difference",
        "error_blendedness",
        "error_snr",
        "magnitudes",
        "residuals",
        "iou",
    ):
        data = drawn(key, m, columns)
        if n < 10:
            assert data is None
    data = drawn("separation", m, columns)
    if data is not None and any(p["key"] == "central" for p in data["panels"]):
        for x in panel(data, "central")["x"]:
            low, high = next(
                (a, b) for a, b in ((0, 6), (6, 10), (10, 15), (15, 25), (25, 64)) if (a + b) / 2 == x
            )
            s = columns["separation"][::2]
            assert np.count_nonzero((s >= low) & (s < high)) >= 10


def test_pairs_and_scenes_have_their_own_figures() -> None:
    m, columns = pairs(500)
    assert drawn("numbers", m, columns) is None and drawn("colours", m, columns) is None
    m, columns = scenes(500)
    for key in ("magnitudes", "residuals", "iou"):
        assert drawn(key, m, columns) is None


def test_scenes() -> None:
    m, columns = scenes(800)
    data = drawn("numbers", m, columns)
    assert data is not None
    first = np.isfinite(m["n_true"])
    three = first & (m["n_true"] == 3)
    shares = [np.mean(m["n_found"][three] == k) for k in range(8)]
    for known, share in zip(data["values"][1], shares, strict=False):
        assert known is None or known == pytest.approx(share)
    error = drawn("error_blendedness", m, columns)
    inside = (m["kind"] == OBJECT) & (m["blendedness"] >= 0.2) & (m["blendedness"] < 0.4)
    k = [round(x, 3) for x in panel(error, "error")["x"]].index(round(float(np.sqrt(0.08)), 3))
    assert panel(error, "error")["y"][k] == pytest.approx(m["deblend_error"][inside].mean(), rel=1e-4)
    assert panel(error, "recall")["y"][k] == pytest.approx(m["hit"][inside].mean(), rel=1e-4)
    colour = panel(drawn("colours", m, columns), "nmad")
    assert colour["y"][-1] == pytest.approx(0.054, rel=0.4)  # 1.086 times the scatter of the ratio


def test_numbers_below_ten_are_hidden_before_the_reveal() -> None:
    m, columns = scenes(60)
    data = drawn("numbers", m, columns)
    assert data is not None
    first = np.isfinite(m["n_true"])
    for k, row in zip(range(2, 7), data["values"], strict=True):
        mine = m["n_found"][first & (m["n_true"] == k)]
        for j, value in enumerate(row[:-1]):
            assert (value is None) == (np.count_nonzero(mine == j) < 10)


def test_galleries_wait_for_the_reveal_and_order_blends() -> None:
    m, columns = pairs(100)
    worst = drawn("worst", m, columns)
    assert worst is not None
    error = np.minimum(np.abs(m["ratio"] - 1), 1).reshape(-1, 2).mean(axis=1)
    assert error[worst["rows"]].tolist() == sorted(error, reverse=True)[:8]
    best = drawn("best", m, columns)
    assert best is not None and error[best["rows"]].max() <= np.sort(error)[7]
    missed = drawn("missed", m, columns)
    assert missed is not None
    assert all((m["ratio"].reshape(-1, 2)[k] == 0).any() for k in missed["rows"])
    assert all("missed" in note for note in missed["notes"])
    columns["part"] = np.full(len(m), "public")
    assert all(drawn(key, m, columns) is None for key in ("best", "median", "worst", "missed"))
    m, columns = scenes(50)
    columns["part"][::2] = "private"
    assert all(drawn(key, m, columns) is not None for key in ("best", "median", "worst", "missed"))


def test_published_curves_lie_on_our_bins() -> None:
    m, columns = pairs(2000)
    for key in ("separation", "difference"):
        data = FIGURES[key].data(m, columns)
        assert data is not None
        panels = {p["key"]: p["series"][0]["x"] for p in data["panels"]}
        known = PUBLISHED.curves(key)
        assert known and all(curve["panel"] in panels for curve in known)
        for curve in known:
            np.testing.assert_allclose(curve["x"], panels[curve["panel"]], rtol=1e-5)
    assert PUBLISHED.curves("iou") == ()


CAMERA = {"cameras": [{"bands": ["f160w"], "image": "image"}], "reference": "f160w"}


def test_a_picture_shows_blend_truth_answer_and_rest() -> None:
    image = np.zeros((2, 1, 16, 16), np.float32)
    image[:, 0, 4:8, 4:8] = 50
    image[0, 0, 12, 12] = 90
    mask = np.zeros((3, 16, 16), np.uint8)
    mask[:, 4:8, 4:8] = 1
    table: Table = {"image": image, "sigma": np.ones((2, 1), np.float32)}
    truth = Ragged(np.array([2, 1]), {"mask": mask})
    isolated = Ragged(np.array([2, 1]), {"isolated": np.where(mask, 25.0, 0.0)})
    found = Ragged(np.array([1, 0]), {"mask": mask[:1]})
    hidden = {"truth_objects": truth, "truth_isolated": isolated}
    shown = pictures.answer(table, hidden, found, lambda name: CAMERA)
    assert shown.shape == (2, 34, 34, 3) and shown.dtype == np.uint8
    answer, rest = shown[:, 18:, :16], shown[:, 18:, 18:]
    assert answer[0, 4, 4].tolist() == pictures.LINE[0].tolist()  # the border of what was called
    assert answer[1, 4, 4].tolist() != pictures.LINE[0].tolist()
    grey = 128
    assert abs(int(rest[0, 5, 5, 0]) - grey) <= 1 and rest[0, 12, 12, 0] == 255  # covered; left over
    assert rest[1, 5, 5, 0] == 255
    rgb = pictures.render(table, lambda name: CAMERA)
    np.testing.assert_array_equal(shown[:, :16, :16], rgb)
    assert pictures.samples({"blend_id": np.arange(3)})[0].rows == (0, 1, 2)


def test_what_images_leave_is_their_residual() -> None:
    rng = np.random.default_rng(1)
    image = rng.normal(0, 2, (1, 6, 8, 8)).astype(np.float32)
    bands = ["u", "g", "r", "i", "z", "y"]
    camera = {"cameras": [{"bands": bands}], "reference": "r"}
    table: Table = {"image": image, "sigma": np.full((1, 6), 2.0)}
    found = Ragged(np.array([2]), {"image": np.stack([image[0, 2] / 4, 3 * image[0, 2] / 4])})
    mask = np.zeros((2, 8, 8), np.uint8)
    shown = pictures.answer(
        table, {"truth_objects": Ragged(np.array([2]), {"mask": mask})}, found, lambda name: camera
    )
    assert np.all(np.abs(shown[0, 10:, 10:].astype(int) - 128) <= 1)
