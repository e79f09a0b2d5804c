"""Pixels of single galaxies against printed digits, GalSim where it is installed, and the renderer of the lens sky."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blindsky.challenges.deblending import pairs, render, scenes
from blindsky.challenges.deblending.bands import PAIR, PAIR_SHIFT, SCENE, Setting
from blindsky.challenges.deblending.galaxies import KNOTS, Galaxies

torch = pytest.importorskip("torch")


def galaxy(setting: Setting, **given: Any) -> Galaxies:
    """One galaxy; what is not given is 0, or makes no difference."""
    bands = len(setting.sigma)
    plain = {
        **dict.fromkeys(("magnitude", "z", "angle", "bulge_radius", "amplitude", "phase", "knot_share"), 0.0),
        **dict.fromkeys(("radius", "bulge_q", "disc_radius", "disc_q", "pitch"), 1.0),
        **{"bulge_n": 2.0, "arms": 2.0, "x": 64.0, "y": 64.0},
    }
    columns = {name: np.array([float(given.pop(name, value))]) for name, value in plain.items()}
    for name in ("bulge_flux", "disc_flux"):
        columns[name] = np.full((1, bands), float(given.pop(name, 0.0)))
    for name in ("knot_x", "knot_y", "knot_sigma", "knot_weight"):
        some = np.atleast_1d(given.pop(name, 0.0))
        columns[name] = np.pad(some, (0, KNOTS - len(some)))[None].astype(float)
    assert not given
    one = np.zeros(1, dtype=np.int64)
    return Galaxies(blend=one, listed=one == 0, kind=np.array(["any"]), **columns)


def image(setting: Setting, one: Galaxies, band: int = 0) -> np.ndarray:
    fwhm = np.array(setting.fwhm)[None]
    return render.isolated(one, fwhm, setting, "cpu")[0, band].astype(np.float64)


@pytest.mark.parametrize(
    ("n", "expected", "total"),
    [
        (1.0, (0.01168090, 0.00783353, 0.00661505), None),
        (4.0, (0.01623420, 0.00719955, 0.00582408), 0.979459),
    ],
)
def test_printed_pixels(n: float, expected: tuple[float, ...], total: float | None) -> None:
    """Moffat 0.7 arcsec, beta 3.5; R_e 0.8 arcsec, q 0.8, angle 0.3, 0.2 arcsec pixels, shift (0.03, -0.02) arcsec."""
    setting = replace(SCENE, size=101, fwhm=(0.7,) * 6)
    one = galaxy(
        setting,
        x=50 + 0.03 / 0.2,
        y=50 - 0.02 / 0.2,
        bulge_flux=1,
        bulge_radius=4,
        bulge_q=0.8,
        angle=0.3,
        bulge_n=n,
    )
    found = image(setting, one)
    np.testing.assert_allclose([found[50, 50], found[50, 53], found[53, 50]], expected, rtol=5e-4)
    if total is not None:
        assert found.sum() == pytest.approx(total, abs=1e-3)


@pytest.mark.parametrize("setting", [PAIR, SCENE], ids=["pair", "scene"])
@pytest.mark.parametrize("n", [1.0, 2.5, 4.0])
@pytest.mark.parametrize(
    ("radius", "q", "angle", "x", "y"), [(5.0, 0.6, 0.7, 64.0, 64.0), (1.2, 0.8, 2.1, 60.3, 58.7)]
)
def test_galsim_draws_the_same(
    setting: Setting, n: float, radius: float, q: float, angle: float, x: float, y: float
) -> None:
    """2e-3 of the peak and 1e-3 of the flux."""
    galsim = pytest.importorskip("galsim")
    accurate = galsim.GSParams(maximum_fft_size=16384, folding_threshold=1e-4, maxk_threshold=1e-4)
    profile = galsim.Sersic(n=n, half_light_radius=radius, gsparams=accurate).shear(
        q=q, beta=angle * galsim.radians
    )
    psf = galsim.Moffat(beta=setting.beta, fwhm=setting.fwhm[0] / setting.bands.pixel, gsparams=accurate)
    stamp = galsim.ImageD(setting.size, setting.size, xmin=0, ymin=0)
    galsim.Convolve([profile, psf], gsparams=accurate).drawImage(
        stamp, scale=1.0, center=galsim.PositionD(x, y)
    )
    one = galaxy(setting, x=x, y=y, bulge_flux=1, bulge_radius=radius, bulge_n=n, bulge_q=q, angle=angle)
    ours, theirs = image(setting, one), stamp.array
    assert np.abs(ours - theirs).max() < 2e-3 * theirs.max()
    assert ours.sum() == pytest.approx(theirs.sum(), abs=1e-3)


def by_the_lens_sky(kind: str, setting: Setting, x: float, y: float, **columns: float) -> np.ndarray:
    """The same object sampled in real space on a grid twice as fine, then convolved."""
    from blindsky.challenges.lens import light, painting, psf

    pixel = setting.bands.pixel
    camera = painting.Camera(setting.size, pixel, ("r",))
    at = [np.array([(p - 0.5 * (setting.size - 1)) * pixel]) for p in (x, y)]
    objects = getattr(light, kind)(
        np.zeros(1, dtype=np.int64), *at, np.ones((1, 1)), **{k: np.array([v]) for k, v in columns.items()}
    )
    canvas = torch.zeros(1, 1, camera.cells, camera.cells)
    painting.paint(canvas, camera, objects, np.full((1, 1), 1e-9))
    kernel = psf.transfer(camera, np.array([setting.fwhm[0]]), np.array([setting.beta]))
    return np.asarray(psf.observe(canvas, torch.as_tensor(kernel), camera)[0, 0], dtype=np.float64)


@pytest.mark.parametrize(("arms", "pitch"), [(2.0, 0.35), (2.0, 0.5), (4.0, 0.4), (4.0, 0.54)])
def test_spiral_arms(arms: float, pitch: float) -> None:
    shape = {"angle": 0.8, "amplitude": 0.25, "arms": arms, "pitch": pitch, "phase": 1.1}
    one = galaxy(PAIR, x=70, y=58, disc_flux=1, disc_radius=6, disc_q=0.7, **shape)
    found = image(PAIR, one)
    expected = by_the_lens_sky("Discs", PAIR, 70, 58, radius=6 * 0.06, q=0.7, **shape)
    smooth = image(PAIR, replace(one, amplitude=np.zeros(1)))
    assert np.abs(found - expected).max() < 2e-3 * expected.max()
    assert np.abs(found - smooth).max() > 0.01 * smooth.max()


def test_knots() -> None:
    """A Gaussian is a Sersic profile of n = 1/2."""
    one = galaxy(
        PAIR, x=60, y=66, disc_flux=1, knot_share=1, knot_x=[5.3, -3.1], knot_y=[-2.2, 4.6],
        knot_sigma=[1.5, 2.5], knot_weight=[0.7, 0.3],
    )  # fmt: skip
    knots = ((65.3, 63.8, 1.5, 0.7), (56.9, 70.6, 2.5, 0.3))
    expected = sum(
        w * by_the_lens_sky("Sersics", PAIR, x, y, radius=s * 1.17741 * 0.06, n=0.5, q=1.0, angle=0.0)
        for x, y, s, w in knots
    )
    assert np.abs(image(PAIR, one) - expected).max() < 2e-3 * np.max(expected)


@pytest.mark.parametrize("setting", [PAIR, PAIR_SHIFT, SCENE], ids=["pair", "shift", "scene"])
def test_a_point_is_where_it_is_said_to_be(setting: Setting) -> None:
    """Its x is the column, y the row, counted from the centre of the first pixel; a point has the PSF's width."""
    found = image(setting, galaxy(setting, x=70, y=41, bulge_flux=1))
    assert np.unravel_index(found.argmax(), found.shape) == (41, 70)
    at = np.arange(setting.size)
    assert found.sum() == pytest.approx(1, abs=2e-4)
    assert (found.sum(axis=0) * at).sum() / found.sum() == pytest.approx(70, abs=0.01)
    assert (found.sum(axis=1) * at).sum() / found.sum() == pytest.approx(41, abs=0.01)
    np.testing.assert_allclose(found[41, 60:81], found[41, 60:81][::-1], atol=1e-6)
    np.testing.assert_allclose(found[41, 60:81], found[31:52, 70], atol=1e-6)


def test_light_is_conserved_and_falls_off_where_stamps_end() -> None:
    inside = image(SCENE, galaxy(SCENE, x=59.5, y=59.5, disc_flux=3e6, disc_radius=3))
    assert inside.sum() == pytest.approx(3e6, rel=1e-4)
    corner = image(PAIR, galaxy(PAIR, x=-0.5, y=-0.5, disc_flux=50, disc_radius=3))
    assert corner.sum() == pytest.approx(50 / 4, rel=1e-3)


@pytest.mark.parametrize(
    ("setting", "draw"), [(PAIR, pairs.pairs), (SCENE, scenes.scenes)], ids=["pair", "scene"]
)
def test_boxes_hold_what_can_be_seen(setting: Setting, draw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the largest box for all: no pixel differs by 0.1 rms, no flux by more than the light that may be lost."""
    few = draw(np.random.default_rng(5), setting, 12)
    fwhm = np.tile(np.array(setting.fwhm), (12, 1))
    sides = render.boxes(few, setting)
    assert len(np.unique(sides)) > 1
    found = render.isolated(few, fwhm, setting, "cpu")
    monkeypatch.setattr(render, "BOXES", (render.BOXES[-1],))
    expected = render.isolated(few, fwhm, setting, "cpu")
    rms = np.array(setting.sigma)[:, None, None]
    assert (np.abs(found - expected) / rms).max() < 0.1
    difference = (found - expected).sum(axis=(2, 3), dtype=np.float64) / few.flux
    assert np.abs(difference).max() < 2 * render.LOST


@pytest.mark.parametrize("side", [256, 512])
def test_large_boxes_fold_little_back(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against boxes of 2,048 pixels: the galaxies of 4,000 pairs that lose most of their light beyond their box."""
    many = pairs.pairs(np.random.default_rng(7), PAIR, 4_000)
    widest = np.where(render.boxes(many, PAIR) == side, many.bulge_radius * many.bulge_n**3, 0)
    few = many.select(np.argsort(-widest)[:12])
    few.blend[:] = 0
    fwhm = np.array(PAIR.fwhm)[None]
    found = render.isolated(few, fwhm, PAIR, "cpu")
    monkeypatch.setattr(render, "BOXES", (2_048,))
    expected = render.isolated(few, fwhm, PAIR, "cpu")
    folded = (found - expected).sum(axis=(2, 3), dtype=np.float64) / few.flux
    assert np.abs(folded).max() < 1.1 * render.LOST


def test_a_galaxy_does_not_depend_on_its_company() -> None:
    few = scenes.scenes(np.random.default_rng(6), SCENE, 6)
    fwhm = np.array(SCENE.fwhm) * np.linspace(0.9, 1.1, 6)[:, None]
    together = render.isolated(few, fwhm, SCENE, "cpu")
    last = few.of(slice(5, 6))
    alone = render.isolated(last, fwhm[5:], SCENE, "cpu")
    scale = alone.max(axis=(2, 3), keepdims=True)
    assert (np.abs(together[few.blend == 5] - alone) / scale).max() < 2e-6
