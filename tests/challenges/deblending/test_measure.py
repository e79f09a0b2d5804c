"""What measuring a deblending prediction leaves: each column by hand, missed objects, hostile and shuffled rows."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from blindsky.challenges.deblending.bands import LSST, SPACE
from blindsky.challenges.deblending.measure import (
    FALSE,
    NOBODY,
    OBJECT,
    UNSCORED,
    measure_known,
    measure_pair,
    measure_scene,
)
from blindsky.challenges.deblending.slices import OF_SCENES
from blindsky.challenges.skies import Ragged

NAN = np.nan
N = 24
pairs, scenes, known = (
    partial(measure_pair, bands=SPACE),
    partial(measure_scene, bands=LSST),
    partial(measure_known, bands=LSST),
)


def disc(x, y, radius):
    """Pixels within a radius, (N, N)."""
    yy, xx = np.mgrid[:N, :N]
    return np.hypot(xx - x, yy - y) <= radius


def light(x, y, flux, width=2.0, n=N):
    """A round Gaussian, (n, n) float32."""
    yy, xx = np.mgrid[:n, :n]
    image = np.exp(-0.5 * ((xx - x) ** 2 + (yy - y) ** 2) / width**2)
    return (flux * image / (2 * np.pi * width**2)).astype(np.float32)


def pair_tables(**more):
    """Two pairs; the second's companion does not count."""
    objects = {
        "obj": np.array([0, 1, 0, 1]),
        "flux_f160w": np.array([100.0, 50.0, 30.0, 60.0]),
        "mag_f160w": np.array([21.0, 22.0, 23.0, 21.5]),
        "scored": np.array([True, True, True, False]),
    }
    found = {"obj": objects["obj"], "flux": np.array([110.0, 40.0, 30.0, 0.0])}
    for table in (objects, found):
        table.update({name: column for name, column in more.items() if name in ("mask",)})
    counts = np.array([2, 2])
    return {"blend_id": np.array([7, 8])}, Ragged(counts, objects), Ragged(counts, found)


def changed(table, **columns):
    return Ragged(table.counts, {**table.columns, **columns})


def reordered(table, order):
    return Ragged(table.counts, {name: column[order] for name, column in table.columns.items()})


def test_pairs():
    measured = pairs(*pair_tables())
    rows = measured.rows
    assert list(measured.case) == [0, 0, 1, 1]
    assert set(rows) == {"obj", "mag", "ratio", "pair_ratio", "flux_sum"}
    np.testing.assert_allclose(rows["ratio"], [1.1, 0.8, 1, 0])
    np.testing.assert_allclose(rows["pair_ratio"], [np.log10(1.1 / 0.8), NAN, NAN, NAN])
    np.testing.assert_allclose(rows["flux_sum"], [0, NAN, 30 / 90 - 1, NAN], atol=1e-15)
    np.testing.assert_allclose(rows["mag"], [21, 22, 23, 21.5])


def test_masks_of_pairs():
    cases, objects, found = pair_tables()
    true = np.stack([disc(9, 9, 3), disc(12, 9, 3), disc(9, 9, 3), disc(20, 20, 2)])
    given = np.stack([disc(9, 9, 3), disc(12, 9, 2), disc(9, 9, 0) & False, disc(20, 20, 2)])
    rows = pairs(cases, changed(objects, mask=true.astype(np.uint8)), changed(found, mask=given)).rows
    inner = disc(12, 9, 2).sum() / disc(12, 9, 3).sum()
    np.testing.assert_allclose(rows["iou"], [1, inner, 0, NAN])
    overlap = (given[0] & given[1]).sum() / (true[0] & true[1]).sum()
    np.testing.assert_allclose(rows["iou_overlap"], [overlap, NAN, NAN, NAN])
    assert "iou" not in pairs(cases, objects, changed(found, mask=given)).rows
    assert "iou" not in pairs(cases, changed(objects, mask=true), found).rows


def test_places_of_pairs():
    """Distances of galaxies that count and have a flux."""
    cases, objects, found = pair_tables()
    at = {"x": np.array([9.0, 15, 9, 4]), "y": np.array([9.0, 9, 9, 4])}
    sent = {"x": at["x"] + [3, 0, 1, 0], "y": at["y"] + [4, 2, 0, 0]}
    rows = pairs(cases, changed(objects, **at), changed(found, **sent)).rows
    np.testing.assert_allclose(rows["distance"], [5, 2, 1, NAN])
    missed = changed(found, **sent, flux=np.array([110.0, 0, 30, 9]))
    np.testing.assert_allclose(
        pairs(cases, changed(objects, **at), missed).rows["distance"], [5, NAN, 1, NAN]
    )
    assert "distance" not in pairs(cases, objects, changed(found, **sent)).rows
    assert "distance" not in pairs(cases, changed(objects, **at), found).rows


def test_slots_are_told_by_their_number_not_by_the_order_of_rows():
    cases, objects, found = pair_tables()
    expected = pairs(cases, objects, found).rows
    for order in ([1, 0, 2, 3], [0, 1, 3, 2]):
        for tables in (
            (reordered(objects, order), found),
            (objects, reordered(found, order)),
            (reordered(objects, order), reordered(found, order)),
        ):
            rows = pairs(cases, *tables).rows
            for name, column in expected.items():
                np.testing.assert_array_equal(rows[name], column)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda o, f: (o, changed(f, flux=np.array([1, 2, 3, -1.0]))), "flux finite and >= 0"),
        (lambda o, f: (o, changed(f, flux=np.array([1, 2, 3, NAN]))), "flux finite and >= 0"),
        (lambda o, f: (o, changed(f, obj=np.array([0, 1, 0, 2]))), "one row of the prediction for each"),
        (lambda o, f: (o, changed(f, obj=np.array([0, 1, 0, 0]))), "one row of the prediction for each"),
        (lambda o, f: (o, Ragged(np.array([3, 1]), f.columns)), "one row of the prediction for each"),
        (lambda o, f: (Ragged(np.array([3, 1]), o.columns), f), "two objects in each blend"),
        (
            lambda o, f: (changed(o, obj=np.array([0, 1, 0, 0])), changed(f, obj=np.array([0, 1, 0, 0]))),
            "one row of the prediction for each",
        ),
    ],
)
def test_pairs_that_are_none(change, match):
    cases, objects, found = pair_tables()
    with pytest.raises(ValueError, match=match):
        pairs(cases, *change(objects, found))


def fluxes(factor, n):
    return {f"flux_{band}": factor * np.arange(1.0, n + 1) for band in LSST.names}


def scene_tables():
    """Three blends. The first: one object found twice, one missed, one that does not count found. The second: nothing
    found. The third: one found, in another order of rows.
    """
    objects = {
        "obj": np.array([0, 1, 2, 0, 1, 0, 1]),
        "x": np.array([5.0, 15.0, 9.0, 5.0, 15.0, 5.0, 15.0]),
        "y": np.array([5.0, 15.0, 18.0, 5.0, 15.0, 5.0, 15.0]),
        "scored": np.array([1, 1, 0, 1, 1, 1, 1], bool),
        "snr": np.arange(7.0),
        **fluxes(100.0, 7),
    }
    found = {
        "det": np.array([3, 1, 9, 0]),
        "x": np.array([8.0, 5.5, 9.0, 15.0]),
        "y": np.array([5.0, 5.0, 18.0, 16.0]),
        **fluxes(50.0, 4),
    }
    found["flux_u"] = np.zeros(4)
    return (
        {"sigma": np.full((3, 6), 2.0)},
        Ragged(np.array([3, 2, 2]), objects),
        Ragged(np.array([3, 0, 1]), found),
    )


def test_scenes():
    measured = scenes(*scene_tables())
    rows = measured.rows
    assert list(measured.case) == [0, 0, 0, 0, 1, 1, 2, 2]
    assert list(rows["kind"]) == [OBJECT, OBJECT, UNSCORED, FALSE, OBJECT, OBJECT, OBJECT, OBJECT]
    assert list(rows["obj"]) == [0, 1, 2, NOBODY, 0, 1, 0, 1]
    # the nearer of two detections of an object; that of one that does not count is no false one
    np.testing.assert_array_equal(rows["hit"], [1, 0, NAN, NAN, 0, 0, 0, 1])
    np.testing.assert_array_equal(rows["false"], [0, 0, 0, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(rows["ratio_r"], [100 / 100, *[NAN] * 6, 200 / 700])
    np.testing.assert_allclose(rows["ratio_u"], [0, *[NAN] * 6, 0])
    np.testing.assert_allclose(rows["deblend_error"], [0, 1, NAN, 1, 1, 1, 1, 5 / 7])
    np.testing.assert_allclose(rows["distance"], [0.5, *[NAN] * 6, 1])
    np.testing.assert_allclose(rows["n_true"], [3, NAN, NAN, NAN, 2, NAN, 2, NAN])
    np.testing.assert_allclose(rows["n_found"], [3, NAN, NAN, NAN, 0, NAN, 1, NAN])
    np.testing.assert_allclose(rows["snr"], [0, 1, 2, NAN, 3, 4, 5, 6])
    assert not {"iou", "recon", "residual_chi2", "mag"} & set(rows)


def test_a_row_that_says_nothing_was_found():
    cases, objects, found = scene_tables()
    expected = scenes(cases, objects, found).rows
    said = {
        name: np.concatenate([column[:3], [-1 if name == "det" else NAN], column[3:]])
        for name, column in found.columns.items()
    }
    rows = scenes(cases, objects, Ragged(np.array([3, 1, 1]), said)).rows
    for name, column in expected.items():
        np.testing.assert_array_equal(rows[name], column)


def test_nothing_found_in_a_whole_chunk():
    cases, objects, found = scene_tables()
    nothing = {name: column[:0] for name, column in found.columns.items()}
    nothing["image"] = np.empty((0, 1, N, N), np.float32)
    images = np.stack([light(5, 5, 100)] * 7)
    truth = changed(objects, isolated=images, e1=np.zeros(7), e2=np.zeros(7), r_half=np.full(7, 0.5))
    rows = scenes(cases, truth, Ragged(np.zeros(3, int), nothing)).rows
    scored = objects.columns["scored"]
    for name, missed in (("hit", 0), ("deblend_error", 1), ("recon", 1), ("cosine", 0)):
        np.testing.assert_array_equal(rows[name], np.where(scored, missed, NAN))
    assert np.isnan(rows["ratio_r"]).all()
    np.testing.assert_allclose(rows["conservation"][[0, 3, 5]], -1)


def test_detections_without_any_truth():
    cases, objects, found = scene_tables()
    nothing = Ragged(np.zeros(3, int), {name: column[:0] for name, column in objects.columns.items()})
    measured = scenes(cases, nothing, found)
    assert list(measured.case) == [0, 0, 0, 2]
    assert list(measured.rows["kind"]) == [FALSE] * 4
    np.testing.assert_allclose(measured.rows["n_found"], [3, NAN, NAN, 1])


def test_the_order_of_detections():
    cases, objects, found = scene_tables()
    expected = scenes(cases, objects, found).rows
    for order in ([1, 0, 2, 3], [2, 1, 0, 3], [1, 2, 0, 3]):
        rows = scenes(cases, objects, reordered(found, order)).rows
        for name, column in expected.items():
            np.testing.assert_array_equal(rows[name], column)


def test_two_detections_in_one_place_are_told_apart_by_their_number():
    cases, objects, found = scene_tables()
    twin = changed(found, x=np.array([5.5, 5.5, 9.0, 15.0]))
    for order in ([0, 1, 2, 3], [1, 0, 2, 3]):
        rows = scenes(cases, objects, reordered(twin, order)).rows
        assert rows["ratio_r"][0] == 1  # det 1 of flux 100, not det 3 of flux 50


def test_masks_of_scenes():
    cases, objects, found = scene_tables()
    true = np.stack([disc(5, 5, 3)] * 7).astype(np.uint8)
    true[3] = 0
    given = np.stack([disc(0, 0, 1), disc(5, 5, 2), disc(5, 5, 3), disc(20, 20, 2)])
    rows = scenes(cases, changed(objects, mask=true), changed(found, mask=given)).rows
    # missed objects have 0, even where there was nothing to see
    inner = disc(5, 5, 2).sum() / disc(5, 5, 3).sum()
    np.testing.assert_allclose(rows["iou"], [inner, 0, NAN, NAN, 0, 0, 0, 0])
    # the three of the first blend are one disc, the second of the next is alone with an empty one, the last two alike
    np.testing.assert_allclose(rows["overlap"], [1, 1, 1, NAN, 0, 0, 1, 1])
    # each galaxy is in one bin
    chosen = [s.mask(rows) for s in OF_SCENES if s.needs == ("overlap",)]
    np.testing.assert_array_equal(np.sum(chosen, axis=0), ~np.isnan(rows["overlap"]))


def image_tables(bands=1):
    """The tables with images: half of the first object's light, the second blend empty, the last one exact."""
    cases, objects, found = scene_tables()
    truth = objects.columns
    isolated = np.stack([light(x, y, 100) for x, y in zip(truth["x"], truth["y"], strict=True)])
    predicted = np.stack([0 * isolated[0], 0.5 * isolated[0], isolated[2], isolated[6]])[:, None]
    if bands == 6:
        predicted = np.concatenate([predicted * factor for factor in (9, 9, 1, 9, 9, 9)], axis=1)
    total = np.stack([isolated[:3].sum(axis=0), isolated[3:5].sum(axis=0), isolated[5:].sum(axis=0)])
    image = np.stack([total * factor for factor in (9, 9, 1, 9, 9, 9)], axis=1)
    shapes = {"e1": np.full(7, 0.1), "e2": np.full(7, -0.1), "r_half": np.full(7, 0.5)}
    return (
        {**cases, "image": image},
        changed(objects, isolated=isolated, **shapes),
        changed(found, image=predicted),
    )


@pytest.mark.parametrize("bands", [1, 6])
def test_images(bands):
    cases, objects, found = image_tables(bands)
    rows = scenes(cases, objects, found).rows
    np.testing.assert_allclose(rows["recon"], [0.5, 1, NAN, NAN, 1, 1, 1, 0], atol=1e-7)
    np.testing.assert_allclose(rows["cosine"], [1, 0, NAN, NAN, 0, 0, 0, 1], atol=1e-7)
    isolated = objects.columns["isolated"].astype(np.float64)
    flux = isolated.sum(axis=(1, 2))
    kept = [(flux[0] / 2 + flux[2]) / flux[:3].sum() - 1, -1, flux[6] / flux[5:].sum() - 1]
    np.testing.assert_allclose(rows["conservation"][[0, 4, 6]], kept, atol=1e-6)
    left = np.stack([isolated[0] / 2 + isolated[1], isolated[3] + isolated[4], isolated[5]])
    chi2 = (left**2).sum(axis=(1, 2)) / (4 * N * N)
    np.testing.assert_allclose(rows["residual_chi2"][[0, 4, 6]], chi2, rtol=1e-6)
    hits = [0, 7]
    for name, expected in (("e1_true", 0.1), ("e2_true", -0.1), ("e1", 0), ("e2", 0)):
        np.testing.assert_allclose(rows[name][hits], expected, atol=1e-5)
        assert np.isnan(np.delete(rows[name], hits)).all()
    # without the blend's own image all but its residual is there
    assert "residual_chi2" not in scenes({"sigma": cases["sigma"]}, objects, found).rows


def test_shapes_of_images_that_are_none():
    cases, objects, found = image_tables()
    image = found.columns["image"].copy()
    image[1] = 0  # no light: round, not left out
    image[3] = 0
    image[3, 0, 15, [13, 17]], image[3, 0, [13, 17], 15] = (
        1.0,
        -0.5,
    )  # Qxx = 8, Qyy = -4, under their weight alike
    rows = scenes(cases, objects, changed(found, image=image)).rows
    assert (rows["e1"][0], rows["e2"][0]) == (0, 0)
    np.testing.assert_allclose(
        (rows["e1"][7], rows["e2"][7]), (1, 0), atol=1e-12
    )  # (8 + 4)/(8 - 4) is no shape


def known_tables():
    cases, objects, _ = scene_tables()
    found = {"obj": objects.columns["obj"], **fluxes(150.0, 7)}
    return cases, objects, Ragged(objects.counts, found)


def test_known_scenes():
    cases, objects, found = known_tables()
    found.columns["flux_r"][1] = 0
    measured = known(cases, objects, found)
    rows = measured.rows
    assert list(measured.case) == [0, 0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(rows["deblend_error"], [0.5, 1, NAN, 0.5, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(rows["ratio_g"], [1.5, 1.5, NAN, 1.5, 1.5, 1.5, 1.5])
    assert not rows["false"].any()
    assert "distance" not in rows
    order = [2, 0, 1, 4, 3, 5, 6]
    again = known(cases, objects, reordered(found, order)).rows
    for name, column in rows.items():
        np.testing.assert_array_equal(again[name], column)


def test_known_scenes_of_other_objects():
    cases, objects, found = known_tables()
    with pytest.raises(ValueError, match="one row of the prediction for each object"):
        known(cases, objects, changed(found, obj=found.columns["obj"] + 1))
    with pytest.raises(ValueError, match="one row of the prediction for each object"):
        known(cases, objects, Ragged(np.array([2, 2, 2]), {n: c[:6] for n, c in found.columns.items()}))
