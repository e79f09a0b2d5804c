"""The networks on releases as they are generated: trained a moment, answered, checked and measured for real."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import import_module

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from blindsky.baselines.baseline import Settings, predict_to_file  # noqa: E402
from blindsky.baselines.deblending import BASELINES, unet, unet_scene  # noqa: E402
from blindsky.challenges import registry  # noqa: E402
from blindsky.challenges.challenge import Size  # noqa: E402
from blindsky.challenges.generation import generate  # noqa: E402
from blindsky.scoring.metric import value  # noqa: E402
from blindsky.submissions.canonical import write_canonical  # noqa: E402
from blindsky.submissions.checking import check  # noqa: E402
from blindsky.submissions.judging import measure  # noqa: E402

KEY = bytes(range(32))
NETWORKS = {b.name: b for b in BASELINES if b.extra == "torch"}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """(track, isolated) -> a release of 24 and 10 blends."""
    deblending = registry.get("deblending")
    sizes = {"tiny": Size(24, 10)}
    small = replace(deblending, sizes=sizes, tracks=tuple(replace(t, sizes=None) for t in deblending.tracks))
    folder = tmp_path_factory.mktemp("deblending")

    def draw(track, isolated):
        name = f"{track.replace('_', '-')}-{isolated}"
        return generate(
            small, track, "tiny", folder, release_id=name, key=KEY, options={"isolated": isolated}
        )

    return draw


@pytest.mark.parametrize(
    ("name", "track", "isolated"),
    [
        ("cnn_flux", "pair_shift", "no"),
        ("unet", "pair", "yes"),
        ("unet_scene", "scene", "no"),
        ("unet_scene", "scene_known", "yes"),
    ],
)
def test_answers_pass_the_check_and_are_measured(release, tmp_path, monkeypatch, name, track, isolated):
    for module in (unet, unet_scene):
        monkeypatch.setattr(module, "UNet", partial(unet.UNet, filters=2))
    baseline = NETWORKS[name]
    module = import_module(f"blindsky.baselines.deblending.{name}")
    assert track in baseline.tracks
    held = release(track, isolated)
    model = module.train(held.public, Settings(epochs=1))
    out = tmp_path / "answer.parquet"
    predict_to_file(model, held.public, out)
    result = check(out, held.public)
    assert result.ok, result
    asked = held.public.challenge.prediction
    assert set(result.fields) == set(baseline.fields) & set(asked.names)
    canonical = tmp_path / "canonical.parquet"
    write_canonical(out, held.public, canonical)
    parts, _ = measure(held, canonical)
    primary = held.public.challenge.boards[0].primary[0]
    metric = held.public.challenge.metric(primary)
    assert all(np.isfinite(value(metric.prepare(part), len(part))) for part in parts.values())


def test_they_are_declared_as_networks():
    assert set(NETWORKS) == {"cnn_flux", "unet", "unet_scene"}
    assert all(b.heavy and b.seeded for b in NETWORKS.values())
