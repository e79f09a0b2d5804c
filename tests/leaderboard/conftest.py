"""A small declaration and cards made by hand, so that the site is tested without any challenge's own code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.challenge import Board, Challenge, Figure, Size, Slice, Track
from blindsky.challenges.prediction import Column, Prediction
from blindsky.leaderboard import EntryView, ReleaseView
from blindsky.scoring.measurements import Measured, Measurements, Table
from blindsky.scoring.metric import Metric, Requirement, Statistic

DIGESTS = {"data": "d" * 64, "truth": "e" * 64, "scorer": "f" * 64}


def _never(measurements: Measurements) -> Statistic:
    raise AssertionError("the site computes no metric")


def _measure(truth: Table, prediction: Table) -> Measured:
    raise AssertionError("the site measures nothing")


def _metric(key: str, direction: Any, **more: Any) -> Metric:
    made = {
        "title": f"Title of {key}",
        "prepare": _never,
        "needs": (),
        "formula": "f(x) < 1",
        "reference": "A & B",
    }
    return Metric(key=key, direction=direction, **(made | more))


METRICS = (
    _metric("excess", "low", unit="nat"),
    _metric("loss", "low"),
    _metric("bias", "target", interval="signed", requirements=(Requirement(0.01, "Survey"),)),
    _metric("norm", "low", interval="null"),
    _metric("share", "none", interval="binomial"),
)

CHALLENGE = Challenge(
    name="toy",
    title="Toy",
    task="regression",
    description="A toy.",
    tracks=(Track(name="easy", title="Easy", description="An <easy> track.", public=()),),
    sizes={"tiny": Size(10, 10), "full": Size(99, 99)},
    prediction=Prediction((Column("x"),)),
    metrics=METRICS,
    boards=(
        Board(
            "main",
            "Main board",
            ("excess", "loss"),
            ("loss", "bias", "norm", "share"),
            compare=("loss", "norm"),
        ),
        Board("bias", "Bias board", ("bias",), ("bias",), requires="extra"),
    ),
    slices=(Slice("bright", (), lambda t: np.ones(1, bool), "magnitude"),),
    figures=(Figure("pit", "PIT", "histogram", lambda m, c: None),),
    sky=lambda track, size, options: None,  # type: ignore[arg-type,return-value]
    measure=_measure,
)

MakeEntry = Callable[..., EntryView]
MakeRelease = Callable[..., ReleaseView]


@pytest.fixture
def entry() -> MakeEntry:
    """A card around given values: {part: {key: value}}, intervals of +-``width``, replicates about the value."""

    def make(
        name: str,
        loss: float | None = 1.0,
        *,
        values: Mapping[str, Mapping[str, float | None]] | None = None,
        width: float = 0.05,
        kind: str = "submission",
        team: str | None = None,
        method: str = "method",
        state: str = "valid",
        fields: tuple[str, ...] = ("x", "extra"),
        seed: int | None = None,
        digests: Mapping[str, str] = DIGESTS,
        **more: Any,
    ) -> EntryView:
        default = {"loss": loss, "bias": 0.002, "norm": 0.1, "share": 0.25}
        parts = {part: dict(default) for part in ("public", "private", "all")}
        for part, given in (values or {}).items():
            parts[part] |= given
        shared = np.random.default_rng(0 if seed is None else seed).normal(size=200)
        kinds = {m.key: m.interval for m in METRICS}
        card = {
            "schema": 1,
            "entry": {
                "id": name,
                "kind": kind,
                "team": name if team is None else team,
                "method": method,
                "submitted": "2026-11-21T11:30:00Z",
                "description": more.pop("description", ""),
            },
            "state": state,
            "fields": list(fields),
            "parts": {
                part: {
                    "n": 600,
                    "metrics": {
                        key: {
                            "value": v,
                            "low": None if v is None else v - width,
                            "high": None if v is None else v + width,
                            "interval": kinds[key],
                        }
                        for key, v in chosen.items()
                    },
                }
                for part, chosen in parts.items()
            },
            "slices": more.pop("slices", []),
            "figures": more.pop("figures", {}),
            "notes": more.pop("notes", []),
            "provenance": {
                **digests,
                "submission": "a" * 64,
                "blindsky": "0.1.0",
                "versions": {"numpy": "2"},
            },
        }
        replicates = {
            f"{part}/{key}": v + width / 2 * shared
            for part, chosen in parts.items()
            for key, v in chosen.items()
            if v is not None and key != "norm"
        }
        return EntryView(card, replicates, state, more.pop("reason", ""))

    return make


@pytest.fixture
def release() -> MakeRelease:
    """A release around entries."""

    def make(*entries: EntryView, status: Any = "open", **more: Any) -> ReleaseView:
        given = {"release_id": "toy-easy-tiny-1", "title": "Toy: Easy", "digests": DIGESTS} | more
        return ReleaseView(
            challenge=CHALLENGE,
            track="easy",
            size="tiny",
            status=status,
            created="2026-11-21T11:00:00Z",
            entries=entries,
            **given,
        )

    return make
