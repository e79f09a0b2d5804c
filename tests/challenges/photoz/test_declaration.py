"""The declaration of the photo-z challenge hangs together, and a small release of it is what it declares."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blindsky.challenges import registry
from blindsky.challenges.challenge import Challenge
from blindsky.challenges.release import Release

TRACKS = ("representative", "biased", "nir")


@pytest.fixture(scope="module")
def photoz() -> Challenge:
    return registry.get("photoz")


def test_tracks_and_sizes_are_the_published_ones(photoz: Challenge) -> None:
    assert tuple(t.name for t in photoz.tracks) == TRACKS
    sizes = {name: (size.train, size.test) for name, size in photoz.sizes.items()}
    assert sizes == {"tiny": (2_000, 2_000), "small": (10_000, 20_000), "full": (44_404, 399_356)}


def test_slices_of_a_family_part_the_cases(photoz: Challenge) -> None:
    """Every galaxy lies in one slice of magnitude, redshift and type."""
    rng = np.random.default_rng(0)
    table = {
        "i_obs": np.append(rng.uniform(16, 25.3, 500), [22, 23, 24, 24.7]),
        "z_true": np.append(rng.uniform(0, 3, 500), [0, 0.5, 1.5, 3]),
        "type_class": rng.integers(3, size=504),
    }
    for family in ("magnitude", "redshift", "type"):
        masks = [s.mask(table) for s in photoz.slices if s.family == family]
        np.testing.assert_array_equal(np.sum(masks, axis=0), 1)


@pytest.mark.parametrize("track", TRACKS)
def test_a_density_board_falls_back_where_there_is_no_oracle(photoz: Challenge, track: str) -> None:
    (density,) = [b for b in photoz.on(track).boards if b.name == "density"]
    assert density.primary == ("excess_nats", "mean_log_p") and density.requires == "pdf"


def test_a_release_holds_what_is_declared(photoz_original: Release) -> None:
    public = photoz_original.public
    declared = {p.name for p in public.track.public}
    train, test = public.table("train"), public.table("test")
    beside = {c for name in ("filters", "templates", "derived") for c in public.table(name)}
    assert set(train) | beside == declared
    assert set(test) == set(train) - {"redshift", "survey"} and not (beside - {"object_id"}) & set(train)
    assert (public.rows("train"), public.rows("test")) == (300, 200)
    assert set(train["survey"]) == {"bright", "deep"}
    assert (train["survey"] == "bright").sum() == 255  # 85 %
    truth = next(photoz_original.truth())
    assert "oracle_logp" in truth and "oracle_pdf" not in truth
    np.testing.assert_array_equal(truth["object_id"], test["object_id"])


def test_the_oracle_is_the_ceiling(photoz_original: Release) -> None:
    card = json.loads((photoz_original.private / "references" / "oracle" / "0001" / "card.json").read_text())
    truth = next(photoz_original.truth())
    scores = card["parts"]["all"]["metrics"]
    # its own densities against its own columns, which differ in the floor alone
    assert scores["excess_nats"]["value"] == pytest.approx(0, abs=1e-9)
    assert scores["mean_log_p"]["value"] == pytest.approx(truth["oracle_logp"].mean(), abs=1e-6)
    assert scores["crps"]["value"] == pytest.approx(truth["oracle_crps"].mean())
    assert scores["nz_w1"]["value"] <= 2 * scores["nz_w1"]["high"]
    declared = {m.key for m in photoz_original.public.challenge.metrics}
    assert set(scores) == declared  # every metric has what it needs
    assert set(card["figures"]["all"]) == {f.key for f in photoz_original.public.challenge.figures}
    assert {s["name"] for s in card["slices"]} == {s.name for s in photoz_original.public.challenge.slices}
