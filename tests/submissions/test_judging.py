"""Judging: the card says what the public scoring functions say, whatever the rows' order; tricks do not pay.

The adversarial entries are those of the photo-z specification, on a release of 200 galaxies.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import blindsky
from blindsky.baselines import baseline as baselines
from blindsky.challenges import registry, tables
from blindsky.challenges.cards import read_card
from blindsky.challenges.challenge import Challenge, Size
from blindsky.challenges.generation import generate
from blindsky.challenges.prediction import Grid
from blindsky.challenges.release import Release
from blindsky.challenges.tables import to_arrow
from blindsky.scoring import calibration, density, regression, tomography
from blindsky.scoring.measurements import Table
from blindsky.submissions.arena import Arena
from blindsky.submissions.canonical import write_canonical
from blindsky.submissions.faults import PredictionRefused
from blindsky.submissions.judging import NotAsAccepted, measure, score_due

GRID = Grid(0.0, 3.0, 301)
Card = dict[str, Any]


def write(path: Path, table: Table) -> Path:
    import pyarrow.parquet as pq

    pq.write_table(to_arrow(table), path)
    return path


def values(card: Card, part: str = "all") -> dict[str, float | None]:
    return {key: metric["value"] for key, metric in card["parts"][part]["metrics"].items()}


def without_provenance(card: Card) -> Card:
    provenance = {k: v for k, v in card["provenance"].items() if k != "scored"}
    return {**card, "entry": None, "replicates": None, "provenance": provenance}


@pytest.fixture(scope="session")
def photoz(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """200 galaxies to predict, always the same."""
    challenge = replace(registry.get("photoz"), sizes={"tiny": Size(300, 200)})
    folder = tmp_path_factory.mktemp("photoz")
    return generate(challenge, "representative", "tiny", folder, release_id="photoz-judged", key=b"k" * 32)


@pytest.fixture(scope="session")
def answers(photoz: Release, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    """What two baselines and the cheats answer, by name."""
    folder = tmp_path_factory.mktemp("answers")
    found: dict[str, Table] = {}
    for name in ("knn", "trainz"):
        model = baselines.get(f"photoz/{name}").fit(photoz.public, baselines.Settings())
        baselines.predict_to_file(model, photoz.public, folder / f"{name}.parquet")
        found[name] = tables.read(folder / f"{name}.parquet")
    knn = found["knn"]
    n, shuffled = len(knn["object_id"]), np.random.default_rng(1).permutation(len(knn["object_id"]))
    found["permuted ids"] = {**knn, "object_id": knn["object_id"][shuffled]}
    found["reordered"] = {name: column[shuffled] for name, column in knn.items()}
    found["constant"] = {"object_id": knn["object_id"], "z_point": np.full(n, 0.9)}
    delta = np.zeros((n, GRID.n), np.float32)
    delta[np.arange(n), np.rint(knn["z_point"] / GRID.step).astype(int)] = 1
    found["delta"] = {**knn, "pdf": delta}
    found["uniform"] = {**knn, "pdf": np.ones((n, GRID.n), np.float32)}
    return found


@pytest.fixture(scope="session")
def card(
    photoz: Release, answers: dict[str, Table], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Card]:
    """The card of an answer, made once."""
    known: dict[str, Card] = {}
    folder = tmp_path_factory.mktemp("cards")

    def make(name: str) -> Card:
        if name not in known:
            known[name] = blindsky.score(write(folder / f"{name}.parquet", answers[name]), photoz.root)
        return known[name]

    return make


@pytest.fixture(scope="session")
def ceiling(photoz: Release) -> Card:
    return read_card(photoz.private / "references" / "oracle" / "0001")[0]


# What a card says


def test_the_card_says_what_the_public_functions_say(
    photoz: Release, answers: dict[str, Table], card: Callable[[str], Card]
) -> None:
    truth = tables.read(photoz.private / "truth.parquet")
    order = np.argsort(answers["knn"]["object_id"])[
        np.searchsorted(np.sort(answers["knn"]["object_id"]), truth["object_id"])
    ]
    for part, inside in (("all", truth["part"] != ""), ("public", truth["part"] == "public")):
        z = truth["z_true"][inside].astype(np.float64)
        point = answers["knn"]["z_point"][order][inside]
        pdf = answers["knn"]["pdf"][order][inside]
        pit = density.measure(z, pdf, GRID.low, GRID.high)["pit"]
        bounds = {"low": GRID.low, "high": GRID.high}
        direct = {
            **{
                m: getattr(density, m)(z, pdf, **bounds)
                for m in ("cde_loss", "mean_log_p", "crps", "f05", "f15")
            },
            **{m: getattr(calibration, m)(pit) for m in ("pit_ks", "pit_cvm", "pit_ad", "pit_outlier")},
            **{m: getattr(regression, m)(z, point) for m in ("mu", "mean_bias", "sigma_nmad", "sigma_iqr")},
            **{m: getattr(regression, m)(z, point) for m in ("sigma", "out15", "out3", "hsc_loss")},
            "nz_w1": calibration.nz_w1(z, pdf, **bounds),
        }
        found = values(card("knn"), part)
        for key, value in direct.items():
            assert found[key] == pytest.approx(value, rel=1e-6, abs=1e-9), (part, key)
        bias = tomography.tomo_bias(z, point)
        assert [found[f"tomo_bias_{k}"] for k in range(1, 6)] == pytest.approx(list(bias), rel=1e-9)


def test_the_parts_are_the_public_30_percent_and_the_rest(
    card: Callable[[str], Card], photoz: Release
) -> None:
    part = tables.read(photoz.private / "truth.parquet", ["part"])["part"]
    sizes = {name: p["n"] for name, p in card("knn")["parts"].items()}
    assert sizes == {"public": (part == "public").sum(), "private": (part == "private").sum(), "all": 200}
    assert 40 < sizes["public"] < 80


def test_intervals_hold_the_value(card: Callable[[str], Card]) -> None:
    for part in card("knn")["parts"].values():
        for key, metric in part["metrics"].items():
            if metric["interval"] in ("percentile", "signed", "binomial") and metric["value"] is not None:
                assert metric["low"] <= metric["value"] <= metric["high"], key


def test_the_ceiling_is_ahead_of_every_entry(card: Callable[[str], Card], ceiling: Card) -> None:
    best = values(ceiling)
    assert best["excess_nats"] == pytest.approx(0.0, abs=1e-6)
    for name in ("knn", "trainz", "delta", "uniform", "permuted ids"):
        for key in ("excess_nats", "cde_loss", "crps"):
            assert best[key] < values(card(name))[key], (name, key)


def test_the_order_of_rows_changes_nothing(card: Callable[[str], Card]) -> None:
    assert without_provenance(card("reordered")) == without_provenance(card("knn"))


def test_the_same_numbers_as_text_give_the_same_card(
    photoz: Release, answers: dict[str, Table], card: Callable[[str], Card], tmp_path: Path
) -> None:
    lines = [
        f"{i},{z!r}"
        for i, z in zip(*(answers["knn"][k].tolist() for k in ("object_id", "z_point")), strict=True)
    ]
    (tmp_path / "p.csv").write_text("\n".join(["object_id,z_point", *lines]) + "\n")
    points = {k: answers["knn"][k] for k in ("object_id", "z_point")}
    as_text = blindsky.score(tmp_path / "p.csv", photoz.root)
    as_table = blindsky.score(write(tmp_path / "p.parquet", points), photoz.root)
    assert without_provenance(as_text) == without_provenance(as_table)
    both, alone = values(card("knn")), values(as_text)
    assert alone == pytest.approx({key: both[key] for key in alone}, rel=1e-12)
    assert "cde_loss" not in alone


# Tricks


def test_shuffled_ids_do_not_beat_a_guess_from_the_labels_alone(card: Callable[[str], Card]) -> None:
    guess = card("trainz")["parts"]["all"]["metrics"]
    shuffled = values(card("permuted ids"))
    for key in ("excess_nats", "crps"):
        assert shuffled[key] > guess[key]["low"], key
    assert shuffled["excess_nats"] > 2 * values(card("knn"))["excess_nats"]
    assert shuffled["sigma_nmad"] > 0.6 * values(card("trainz"))["sigma_nmad"]


def test_perfect_pit_without_information_loses_to_a_real_method(card: Callable[[str], Card]) -> None:
    guess, real = values(card("trainz")), values(card("knn"))
    assert guess["pit_ks"] < real["pit_ks"]
    assert guess["excess_nats"] > real["excess_nats"]
    assert guess["cde_loss"] > real["cde_loss"]


def test_a_constant_has_no_tomography_and_no_density(card: Callable[[str], Card]) -> None:
    found = card("constant")["parts"]["all"]["metrics"]
    undefined = {"value": None, "low": None, "high": None}
    for key in ("tomo_bias_1", "tomo_bias_5", "tomo_bias_max", "tomo_bias_rms"):
        assert {k: found[key][k] for k in undefined} == undefined
    assert not {"cde_loss", "excess_nats", "pit_ks", "nz_w1", "tomo_bias_pdf_1"} & found.keys()
    assert card("constant")["fields"] == ["z_point"]
    assert found["sigma_nmad"]["value"] > 2 * values(card("knn"))["sigma_nmad"]


@pytest.mark.parametrize("name", ["delta", "uniform"])
def test_densities_that_say_too_much_or_nothing_lose(card: Callable[[str], Card], name: str) -> None:
    found, real = values(card(name)), values(card("knn"))
    assert found["excess_nats"] > real["excess_nats"] + 0.5
    assert found["cde_loss"] > real["cde_loss"]
    assert found["sigma_nmad"] == real["sigma_nmad"]


def test_a_uniform_density_has_the_score_of_a_closed_form(card: Callable[[str], Card]) -> None:
    assert values(card("uniform"))["cde_loss"] == pytest.approx(-1 / 3, abs=1e-6)
    assert values(card("uniform"))["mean_log_p"] == pytest.approx(-np.log(3), abs=1e-6)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda pdf: np.where(np.arange(GRID.n) == 7, -0.01, pdf), "negative"),
        (lambda pdf: np.where(np.arange(GRID.n) == 7, np.nan, pdf), "not_finite"),
        (lambda pdf: 0 * pdf, "zero"),
    ],
)
def test_densities_that_are_none_are_refused(
    photoz: Release, answers: dict[str, Table], tmp_path: Path, spoil: Callable[[Any], Any], code: str
) -> None:
    table = {**answers["knn"], "pdf": answers["knn"]["pdf"].copy()}
    table["pdf"][3] = spoil(table["pdf"][3])
    with pytest.raises(PredictionRefused) as refused:
        blindsky.score(write(tmp_path / "p.parquet", table), photoz.root)
    (fault,) = refused.value.report.faults
    assert (fault.row, fault.id, fault.column) == (4, table["object_id"][3], "pdf")
    assert code in fault.code


# Truth and prediction belong together


def canonical(release: Release, folder: Path, slope: float = 0.8) -> Path:
    """The toy's numbers times a slope, as they are stored."""
    test = release.public.table("test", ["object_id", "x"])
    table = {"object_id": test["object_id"], "estimate": np.clip(slope * test["x"].astype(float), -6, 6)}
    write_canonical(write(folder / "sent.parquet", table), release.public, folder / "stored.parquet")
    return folder / "stored.parquet"


@pytest.mark.parametrize("change", ["fewer rows", "more rows", "other order"])
def test_rows_of_another_release_are_not_measured(toy_original: Release, tmp_path: Path, change: str) -> None:
    path = canonical(toy_original, tmp_path)
    table = tables.read(path)
    index = {
        "fewer rows": np.arange(149),
        "more rows": np.arange(20_000) % 150,
        "other order": np.arange(150)[::-1],
    }[change]
    write(path, {name: column[index] for name, column in table.items()})
    with pytest.raises(NotAsAccepted, match="does not belong"):
        measure(toy_original, path)


def test_batches_of_truth_and_prediction_stay_together(
    toy_original: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = canonical(toy_original, tmp_path)
    whole, part = measure(toy_original, path)
    monkeypatch.setattr("blindsky.submissions.judging._BATCH", 7)
    pieces, part_again = measure(toy_original, path)
    assert np.array_equal(part, part_again)
    for name, measurements in whole.items():
        for column, rows in measurements.rows.items():
            assert np.array_equal(rows, pieces[name].rows[column])


def test_a_stored_card_is_that_of_the_public_interface(toy_release: Release, tmp_path: Path) -> None:
    arena = Arena(tmp_path)
    canonical(toy_release, tmp_path)
    made = arena.submit(tmp_path / "sent.parquet", "toy-original", team="A", method="m")
    score_due(arena)
    folder = arena.card_folder(made.id)
    assert folder is not None
    stored, replicates = read_card(folder)
    made_again = blindsky.score(tmp_path / "sent.parquet", toy_release.root)
    assert without_provenance(stored) == without_provenance(json.loads(json.dumps(made_again)))
    assert stored["entry"]["team"] == "A"
    low, high = np.quantile(replicates["all/mse"], [0.025, 0.975])
    metric = stored["parts"]["all"]["metrics"]["mse"]
    assert (metric["low"], metric["high"]) == pytest.approx((low, high), rel=1e-12)


# The truth is not there to be seen


def test_check_works_without_the_truth(toy_release: Release, toy: Challenge, tmp_path: Path) -> None:
    canonical(toy_release, tmp_path)
    before = blindsky.check(tmp_path / "sent.parquet", toy_release.root)
    shutil.rmtree(toy_release.private)
    assert before.ok
    assert blindsky.check(tmp_path / "sent.parquet", toy_release.root) == before


WATCHER = """
import sys
opened = []
looks = ("open", "os.listdir", "os.scandir")
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event in looks else None)
from blindsky.cli import main
sys.argv = ["blindsky", *sys.argv[1:]]
try:
    main()
finally:
    hits = [path for path in opened if "private" in path]
    print("OPENED", len(opened), hits, file=sys.stderr)
"""


@pytest.mark.parametrize(("verb", "sees"), [("check", False), ("score", True)])
def test_check_opens_nothing_private(toy_release: Release, tmp_path: Path, verb: str, sees: bool) -> None:
    """``score`` shows that the watcher would see it."""
    canonical(toy_release, tmp_path)
    arena = Arena(tmp_path)
    arena.submit(tmp_path / "sent.parquet", "toy-original", team="A", method="m")
    line = {"check": [tmp_path / "sent.parquet", "--release", "toy-original"], "score": ["--all"]}[verb]
    done = subprocess.run(
        [sys.executable, "-c", WATCHER, verb, *line, "--arena", tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    (report,) = [text for text in done.stderr.splitlines() if text.startswith("OPENED")]
    assert report.endswith("[]") != sees


def test_check_maps_nothing_private_either(toy_release: Release, tmp_path: Path) -> None:
    """Arrow opens files below Python's sight, so the private files are made unreadable by being folders."""
    canonical(toy_release, tmp_path)
    for path in toy_release.private.glob("*.*"):
        path.unlink()
        path.mkdir()
    assert blindsky.check(tmp_path / "sent.parquet", toy_release.root).ok
