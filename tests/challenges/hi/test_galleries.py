"""Galleries, map and plates of HI: what they name is what they say it is."""

from __future__ import annotations

import re

import numpy as np
import pytest

from blindsky.challenges.hi.columns import SDC2
from blindsky.challenges.hi.field import TINY
from blindsky.challenges.hi.galleries import GALLERIES, MAP
from blindsky.challenges.hi.interference import channels
from blindsky.challenges.hi.measure import measure
from blindsky.challenges.hi.pictures import CLAIM, PLACE
from blindsky.challenges.hi.plates import _noise
from blindsky.challenges.hi.population import complete, draw
from blindsky.challenges.randomness import Streams
from blindsky.scoring.measurements import Measurements, Table

FIGURES = {f.key: f for f in (*GALLERIES, MAP)}


@pytest.fixture(scope="module")
def judged() -> tuple[Table, Measurements]:
    """Every second source claimed, its width half as large again, and 30 claims of nothing."""
    table = channels(TINY, "core")
    truth = complete(TINY, draw(TINY, "core", Streams(bytes(32), "galleries")), table)
    n = len(truth["z"])
    truth["id"] = np.arange(n)
    truth["block"] = TINY.block_of(truth["x"], truth["y"], truth["chan"])
    claims = {name: truth[name][::2] for name in SDC2} | {"w20": 1.5 * truth["w20"][::2]}
    rng = np.random.default_rng(1)
    ra, dec = TINY.world(rng.uniform(0, 191, 30), rng.uniform(0, 191, 30))
    false = {name: claims[name][:30].copy() for name in SDC2} | {"ra": ra, "dec": dec}
    false["central_freq"] = rng.uniform(1.0425e9, 1.0575e9, 30)
    false["id"] = 10_000 + np.arange(30)
    claims = {name: np.concatenate([claims[name], false[name]]) for name in SDC2}
    blocks = {"block": np.arange(TINY.blocks), **TINY.block_table()}
    part = np.full(TINY.blocks, "train")
    known = {"truth": {"block": blocks["block"], "part": part}, "truth_sources": truth}
    measured = measure({**known, "test": blocks, "test_channels": table}, claims)
    return truth, Measurements(measured.rows, case=measured.case)


def columns(m: Measurements, *parts: str) -> Table:
    return {"part": np.resize(np.array(parts), len(m))}


@pytest.mark.parametrize("key", FIGURES)
def test_a_hidden_field_is_not_shown(judged: tuple[Table, Measurements], key: str) -> None:
    _, m = judged
    assert FIGURES[key].data(m, columns(m, "public")) is None
    assert FIGURES[key].data(m, columns(m, "train")) is not None
    assert FIGURES[key].data(m, columns(m, "public", "private")) is not None


def test_every_gallery_shows_its_kind(judged: tuple[Table, Measurements]) -> None:
    truth, m = judged
    shown = {}
    for key in ("best", "middle", "missed", "false"):
        data = FIGURES[key].data(m, columns(m, "train"))
        assert data is not None
        assert set(data["places"]) == {*PLACE, *CLAIM}
        assert len(data["rows"]) == len(data["notes"]) == 4
        shown[key] = data
    for key, note in (
        ("best", r"S/N [\d.]+, \d+ Jy Hz, score [01]\.\d\d"),
        ("missed", r"S/N [\d.]+, \d+ Jy Hz"),
        ("false", r"claimed S/N [\d.]+, \d+ Jy Hz"),
    ):
        assert all(re.fullmatch(note, text) for text in shown[key]["notes"]), key
    missed = set(truth["ra"][1::2][truth["snr"][1::2] >= 5])
    assert set(shown["missed"]["places"]["ra"]) <= missed
    assert max(truth["snr"][1::2]) == pytest.approx(
        truth["snr"][truth["ra"] == shown["missed"]["places"]["ra"][0]][0]
    )
    for key in ("best", "middle"):
        places = shown[key]["places"]
        assert set(places["ra"]) <= set(truth["ra"][::2])
        np.testing.assert_allclose(places["claimed_w20"], 1.5 * np.array(places["w20"]))
        np.testing.assert_allclose(places["claimed_freq"], places["central_freq"])
    assert not set(shown["false"]["places"]["ra"]) & set(truth["ra"])
    assert shown["false"]["places"]["claimed_w20"] == [None] * 4
    assert shown["missed"]["places"]["claimed_freq"] == [None] * 4


def test_the_map_holds_every_place_of_its_kind(judged: tuple[Table, Measurements]) -> None:
    truth, m = judged
    data = MAP.data(m, columns(m, "train"))
    assert data is not None
    found, missed, false = data["panels"][0]["series"]
    assert [one["label"] for one in (found, missed, false)] == ["found", "missed", "false"]
    np.testing.assert_allclose(
        sorted(missed["y"]), np.sort(truth["central_freq"][1::2][truth["snr"][1::2] >= 5]) / 1e6, atol=1e-3
    )
    assert len(found["x"]) + len(false["x"]) <= len(truth["z"][::2]) + 30
    assert len(false["x"]) >= 25
    low, high = data["panels"][0]["y_range"]
    assert all(low <= y <= high for one in (found, missed, false) for y in one["y"])


def test_the_noise_is_that_of_the_channels() -> None:
    plates = [_noise({"test": channels(TINY, track)}) for track in ("core", "survey")]
    core, survey = (plate.data["panels"] for plate in plates)
    assert [p["key"] for p in core] == ["rms_jy_beam"]
    assert [p["key"] for p in survey] == ["rms_jy_beam", "gamma"]
    assert ["gamma" in plate.caption for plate in plates] == [False, True]  # only where it is drawn
    assert max(survey[1]["series"][0]["y"]) == pytest.approx(
        channels(TINY, "survey")["gamma"].max(), rel=1e-3
    )
    # 28.2 uJy/beam at 1042 MHz, times .25
    assert core[0]["series"][0]["y"][0] == pytest.approx(0.25 * 28.2, rel=0.005)
