"""Every declaration hangs together: what it names by a word is there, on each of its tracks."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from blindsky.challenges import registry
from blindsky.challenges.errors import MissingExtra

NAMES = ("photoz", "lens", "transients", "deblending", "hi", "toy")
TRACKS = [(name, track.name) for name in NAMES for track in registry.get(name).tracks]


@pytest.mark.parametrize(("name", "track"), TRACKS)
def test_names_point_somewhere(name: str, track: str) -> None:
    asked = registry.get(name).on(track)
    keys = {m.key for m in asked.metrics}
    assert len(keys) == len(asked.metrics)
    fields = {f.name for f in asked.prediction.fields}
    for board in asked.boards:
        assert {*board.primary, *board.metrics, *(board.compare or ())} <= keys
        assert board.requires is None or board.requires in fields
        assert all(asked.metric(key).direction != "none" for key in board.primary)
    for metric in asked.metrics:
        assert set(metric.null_from) <= keys
        assert (metric.null is not None) == (metric.interval == "null")
    for some in asked.slices:
        assert not some.metrics or set(some.metrics) & keys
    assert len({s.name for s in asked.slices}) == len(asked.slices)
    assert len({f.key for f in asked.figures}) == len(asked.figures)
    assert asked.prediction.key in {p.name for p in asked.tracks[0].public}


@pytest.mark.parametrize("name", NAMES)
def test_importers_and_exporters_are_functions(name: str) -> None:
    challenge = registry.get(name)
    for target in (
        *challenge.importers.values(),
        *challenge.exporters.values(),
        *challenge.converters.values(),
    ):
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("name", ["lens", "deblending", "hi"])
def test_a_sky_without_torch_says_which_extra_draws_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    challenge = registry.get(name)
    monkeypatch.setattr(sys.modules[challenge.sky.__module__], "find_spec", lambda package: None)
    with pytest.raises(MissingExtra, match=r'pip install "blindsky\[torch\]"'):
        challenge.sky(challenge.tracks[0], challenge.sizes["tiny"], {})
