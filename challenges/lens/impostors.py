"""Galaxies that look like lenses and are not: rings, spirals, mergers, edge-on discs, chance alignments."""

from __future__ import annotations

import numpy as np

from blindsky.challenges import colours
from blindsky.challenges.draws import choose
from blindsky.challenges.lens.light import GAUSSIAN, Ridges, Sersics
from blindsky.challenges.lens.mass import Deflectors
from blindsky.challenges.lens.population import LensGalaxy
from blindsky.challenges.lens.settings import Setting
from blindsky.scoring.measurements import Array, FloatArray

KINDS = ("ring", "spiral", "merger", "edgeon", "chance")


def draw_kinds(stream: np.random.Generator, share: float, has_source: Array) -> Array:
    """Kind of every stamp (n,), empty for most; never where a source is."""
    n = len(has_source)
    drawn = choose(stream, {kind: 1 / len(KINDS) for kind in KINDS}, n)
    return np.where((stream.random(n) < share) & ~has_source, drawn, "")


def _blue(stream: np.random.Generator, setting: Setting, magnitude: FloatArray, z: FloatArray) -> FloatArray:
    template = choose(stream, {"Im": 0.6, "Scd": 0.4}, len(z))
    return colours.fluxes(magnitude, setting.reference, template, z, setting.bands)


def _sersics(
    stamp: Array, x: FloatArray, y: FloatArray, flux: FloatArray, radius: FloatArray, n: float | FloatArray
) -> Sersics:
    """Round profiles; callers flatten them where they must."""
    m = len(stamp)
    return Sersics(
        stamp, x, y, flux, radius, np.broadcast_to(n, m).astype(np.float64), np.ones(m), np.zeros(m)
    )


def impostors(
    stream: np.random.Generator, setting: Setting, kind: Array, z: FloatArray, d: Deflectors, lens: LensGalaxy
) -> tuple[Sersics, Ridges]:
    """Light that makes impostors of the stamps marked in ``kind``; spirals are made with the lens galaxy itself."""
    parts = [
        function(stream, setting, np.flatnonzero(kind == name), z, d, lens)
        for name, function in (
            ("ring", _rings),
            ("merger", _mergers),
            ("edgeon", _edge_on),
            ("chance", _chance),
        )
    ]
    return Sersics.join([s for s, _ in parts]), Ridges.join([r for _, r in parts])


def _no_ridges(bands: int) -> Ridges:
    empty = np.zeros(0)
    return Ridges(np.zeros(0, dtype=np.int64), empty, empty, np.zeros((0, bands)), *(empty for _ in range(6)))


def _rings(
    stream: np.random.Generator, setting: Setting, at: Array, z: FloatArray, d: Deflectors, lens: LensGalaxy
) -> tuple[Sersics, Ridges]:
    """A blue annulus with up to four knots, 0.1 to 1 of the galaxy's light."""
    m = len(at)
    magnitude = lens.magnitude[at] - 2.5 * np.log10(stream.uniform(0.1, 1, m))
    flux = _blue(stream, setting, magnitude, z[at])
    radius, q = stream.uniform(0.6, 3, m), stream.uniform(0.6, 1, m)
    width, angle = radius * stream.uniform(0.15, 0.3, m), stream.uniform(0, np.pi, m)
    owner = np.repeat(np.arange(m), stream.integers(0, 5, m))
    k = len(owner)
    share = stream.uniform(0.03, 0.15, k)
    smooth = 1 - np.bincount(owner, share, minlength=m)
    ridges = Ridges(
        stamp=at,
        x=d.x[at],
        y=d.y[at],
        flux=flux * smooth[:, None],
        radius=radius,
        width=width,
        q=q,
        angle=angle,
        middle=np.zeros(m),
        length=np.full(m, 2 * np.pi),
    )
    turn = stream.uniform(0, 2 * np.pi, k)
    along = radius[owner] / np.sqrt(q[owner]) * np.cos(turn)
    across = radius[owner] * np.sqrt(q[owner]) * np.sin(turn)
    c, s = np.cos(angle[owner]), np.sin(angle[owner])
    x, y = d.x[at[owner]] + c * along - s * across, d.y[at[owner]] + s * along + c * across
    size = GAUSSIAN * width[owner] * stream.uniform(0.4, 0.9, k)
    return _sersics(at[owner], x, y, flux[owner] * share[:, None], size, 0.5), ridges


def _mergers(
    stream: np.random.Generator, setting: Setting, at: Array, z: FloatArray, d: Deflectors, lens: LensGalaxy
) -> tuple[Sersics, Ridges]:
    """A second nucleus, and one or two tidal arcs whose circles lie about neither."""
    m = len(at)
    distance, angle = stream.uniform(0.5, 2, m), stream.uniform(0, 2 * np.pi, m)
    template = choose(stream, {"E": 0.5, "Sbc": 0.5}, m)
    magnitude = lens.magnitude[at] + stream.uniform(0, 1.5, m)
    flux = colours.fluxes(magnitude, setting.reference, template, z[at], setting.bands)
    x, y = d.x[at] + distance * np.cos(angle), d.y[at] + distance * np.sin(angle)
    radius = np.maximum(0.5 * lens.radius[at], 0.1)
    nucleus = _sersics(at, x, y, flux, radius, stream.uniform(1, 4, m))

    owner = np.repeat(np.arange(m), stream.integers(1, 3, m))
    k = len(owner)
    bend, where = stream.uniform(1, 4, k), stream.uniform(0, 2 * np.pi, k)
    off = bend * stream.uniform(0.3, 1, k)
    tail = lens.magnitude[at[owner]] - 2.5 * np.log10(stream.uniform(0.03, 0.2, k))
    ridges = Ridges(
        stamp=at[owner],
        x=d.x[at[owner]] + off * np.cos(where),
        y=d.y[at[owner]] + off * np.sin(where),
        flux=colours.fluxes(tail, setting.reference, np.full(k, "Sbc"), z[at[owner]], setting.bands),
        radius=bend,
        width=stream.uniform(0.15, 0.4, k),
        q=np.ones(k),
        angle=np.zeros(k),
        middle=stream.uniform(0, 2 * np.pi, k),
        length=np.deg2rad(stream.uniform(40, 160, k)),
    )
    return nucleus, ridges


def _edge_on(
    stream: np.random.Generator, setting: Setting, at: Array, z: FloatArray, d: Deflectors, lens: LensGalaxy
) -> tuple[Sersics, Ridges]:
    """A thin disc that passes the centre tangentially."""
    m = len(at)
    distance, angle = stream.uniform(0.5, 2, m), stream.uniform(0, 2 * np.pi, m)
    magnitude = lens.magnitude[at] - 2.5 * np.log10(stream.uniform(0.05, 0.5, m))
    disc = Sersics(
        stamp=at,
        x=d.x[at] + distance * np.cos(angle),
        y=d.y[at] + distance * np.sin(angle),
        flux=_blue(stream, setting, magnitude, z[at]),
        radius=stream.uniform(0.3, 0.8, m),
        n=np.ones(m),
        q=stream.uniform(0.1, 0.2, m),
        angle=angle + np.pi / 2,
    )
    return disc, _no_ridges(len(setting.bands))


def _chance(
    stream: np.random.Generator, setting: Setting, at: Array, z: FloatArray, d: Deflectors, lens: LensGalaxy
) -> tuple[Sersics, Ridges]:
    """Two blue galaxies on opposite sides, like the images of one source."""
    m = len(at)
    angle, distance = stream.uniform(0, 2 * np.pi, m), stream.uniform(0.6, 1.8, m)
    magnitude, behind = stream.uniform(22.5, 25, m), z[at] + stream.uniform(0.2, 1, m)
    pair = []
    for turn in (0.0, np.pi):
        towards = angle + turn + np.deg2rad(stream.normal(0, 10, m))
        r = distance * stream.uniform(0.8, 1.1, m)
        flux = _blue(stream, setting, magnitude + stream.uniform(0, 0.7, m), behind)
        x, y = d.x[at] + r * np.cos(towards), d.y[at] + r * np.sin(towards)
        pair.append(_sersics(at, x, y, flux, stream.uniform(0.12, 0.35, m), 1.0))
    return Sersics.join(pair), _no_ridges(len(setting.bands))
