"""What every method here promises, on small releases of every track."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings, predict_to_file
from blindsky.baselines.deblending import BASELINES
from blindsky.challenges import registry, tables
from blindsky.challenges.challenge import Size
from blindsky.challenges.errors import InputFault
from blindsky.challenges.generation import generate
from blindsky.submissions.checking import check

TRACKS = ("pair", "pair_shift", "scene", "scene_known")
METHODS = {b.name: b for b in BASELINES if b.extra in (None, "sep") and find_spec(b.extra or "numpy")}
PIXELS = {
    "sep_coin": {"mask"},
    "sep_scene": {"mask"},
    "symmetric": {"mask", "image"},
    "linfit": {"mask", "image"},
}


@pytest.fixture(scope="module", params=TRACKS)
def release(request, tmp_path_factory):
    asked = registry.get("deblending")
    tracks = tuple(replace(t, sizes=None) for t in asked.tracks)
    small = replace(asked, sizes={"small": Size(24, 8)}, tracks=tracks)
    folder = tmp_path_factory.mktemp("deblending")
    return generate(small, request.param, "small", folder, release_id="r", key=bytes(range(32)))


@pytest.mark.parametrize("name", METHODS)
def test_an_answer_passes_the_check_and_does_not_depend_on_the_batch(release, name, tmp_path):
    public, baseline = release.public, METHODS[name]
    if baseline.tracks is not None and public.track.name not in baseline.tracks:
        with pytest.raises(InputFault):
            baseline.fit(public, Settings())
        return
    model = baseline.fit(public, Settings(workers=2))
    out = tmp_path / "prediction.parquet"
    predict_to_file(model, public, out)
    result = check(out, public)
    assert result.ok, result
    prediction = public.challenge.prediction
    pixels = {p.name for p in prediction.pixels}
    assert set(result.fields) & pixels == PIXELS.get(name, set()) & pixels
    assert set(result.fields) <= set(baseline.fields)
    whole = tables.read(out)
    test = public.table("test")
    backwards = model.predict({column: values[::-1] for column, values in test.items()})
    starts = np.flatnonzero(np.diff(backwards["blend_id"], prepend=-1))
    order = np.concatenate(np.split(np.arange(len(backwards["blend_id"])), starts[1:])[::-1])
    for column, values in backwards.items():
        np.testing.assert_allclose(values[order], whole[column], rtol=1e-6, err_msg=column)


def test_any_pixels_get_an_answer(release):
    public = release.public
    prediction = public.challenge.prediction
    test = {column: values[:4].copy() for column, values in public.table("test").items()}
    test["image"][0] = 0
    test["image"][1] = -test["image"][1]
    test["image"][2] = 1e9
    test["image"][3] *= 1e6
    for baseline in METHODS.values():
        if baseline.tracks is not None and public.track.name not in baseline.tracks:
            continue
        answer = baseline.fit(public, Settings()).predict(test)
        assert set(answer["blend_id"]) == set(test["blend_id"])
        named = answer[prediction.item.name] >= 0
        for column in prediction.columns:
            if column.name in answer:
                values = answer[column.name][named]
                assert np.isfinite(values).all() and (values >= column.low).all(), baseline.name
