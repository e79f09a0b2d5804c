"""Challenges by name, brought by this package or by any other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from blindsky.challenges import registry
from blindsky.challenges.challenge import Challenge
from blindsky.challenges.errors import InputFault


def test_another_package_brings_a_challenge(toy: Challenge) -> None:
    assert {"photoz", "toy"} <= set(registry.names())
    assert list(registry.names()) == sorted(registry.names())
    assert toy.name == "toy" and registry.get("toy") is toy


def test_names_load_nothing() -> None:
    script = "import sys; from blindsky.challenges import registry; registry.names(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"toychallenge", "blindsky.challenges.photoz", "pyarrow", "pandas", "torch", "scipy"}


def test_a_challenge_there_is_none_of() -> None:
    with pytest.raises(
        InputFault, match=r"no challenge 'photz': did you mean photoz\? Known are: .*photoz.*toy"
    ):
        registry.get("photz")
    with pytest.raises(InputFault, match="no challenge '': Known are"):
        registry.get("")


def test_a_track_there_is_none_of(toy: Challenge) -> None:
    assert registry.track(toy, "biased").name == "biased"
    with pytest.raises(
        InputFault, match=r"toy has no track 'bias': did you mean biased\? Known are: plain, biased"
    ):
        registry.track(toy, "bias")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    points = {
        name: EntryPoint(name, value, registry.GROUP)
        for name, value in {
            "gone": "no_such_package:CHALLENGE",
            "empty": "toychallenge:NOTHING",
            "wrong": "toychallenge:BASELINES",
            "alias": "toychallenge:CHALLENGE",
        }.items()
    }
    registry.get.cache_clear()
    monkeypatch.setattr(registry, "_found", lambda: points)
    yield
    registry.get.cache_clear()


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", r"the challenge 'gone' can't be loaded from no_such_package:CHALLENGE \(No module named"),
        (
            "empty",
            r"can't be loaded from toychallenge:NOTHING \(.*no attribute 'NOTHING'\)\. Install its package",
        ),
        ("wrong", "toychallenge:BASELINES is a tuple, expected the Challenge 'wrong'"),
        ("alias", "toychallenge:CHALLENGE is 'toy', expected the Challenge 'alias'"),
    ],
)
def test_a_package_whose_challenge_is_broken(name: str, message: str) -> None:
    with pytest.raises(InputFault, match=message):
        registry.get(name)
