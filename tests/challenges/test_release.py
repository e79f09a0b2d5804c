"""What a release says of its scorer."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest

from blindsky.challenges import registry
from blindsky.challenges.challenge import Challenge
from blindsky.challenges.release import scorer_digest


@pytest.fixture
def asked() -> Challenge:
    return registry.get("photoz").on("biased")


def with_metric(challenge: Challenge, key: str, **changed: object) -> Challenge:
    metrics = tuple(replace(m, **changed) if m.key == key else m for m in challenge.metrics)  # type: ignore[arg-type]
    return replace(challenge, metrics=metrics)


def test_what_the_declaration_says_of_a_score_is_part_of_the_scorer(asked: Challenge) -> None:
    w1 = asked.metric("nz_w1").prepare
    assert isinstance(w1, partial)
    others = [
        with_metric(asked, "pit_ks", interval="percentile"),
        with_metric(asked, "mu", target=0.1),
        with_metric(asked, "out15", direction="none"),
        with_metric(asked, "nz_w1", prepare=partial(w1, high=2.0)),
        replace(asked, boards=(replace(asked.boards[0], primary=("cde_loss",)), *asked.boards[1:])),
        replace(asked, slices=asked.slices[1:]),
    ]
    digests = {scorer_digest(challenge) for challenge in (asked, *others)}
    assert len(digests) == 1 + len(others)


def test_words_are_no_part_of_the_scorer(asked: Challenge) -> None:
    assert scorer_digest(with_metric(asked, "mu", title="Another title")) == scorer_digest(asked)


def test_every_process_has_the_same_scorer(asked: Challenge) -> None:
    code = (
        "from blindsky.challenges import registry, release;"
        "print(release.scorer_digest(registry.get('photoz').on('biased')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == scorer_digest(asked)
