"""Everything in a run of stamps before a pixel is computed, drawn from the block's stream in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from blindsky.challenges.lens import critical, environment, population
from blindsky.challenges.lens.impostors import draw_kinds, impostors
from blindsky.challenges.lens.light import Discs, Ridges, Sersics
from blindsky.challenges.lens.mass import Deflectors, Perturbers
from blindsky.challenges.lens.pictures import Picture
from blindsky.challenges.lens.rays import Sources
from blindsky.challenges.lens.settings import Setting
from blindsky.scoring.measurements import Array, FloatArray, Table

GENEROUS_IMPOSTORS = 0.25  # share of impostors among the non-lenses of a shifted sky


@dataclass(frozen=True)
class Scene:
    """Stamps 0 ... n-1. ``r_ein`` (n,) arcsec; ``n_images`` (n,), 0 without source; ``known`` further truth columns."""

    deflectors: Deflectors
    sources: Sources
    sersics: Sersics
    discs: Discs
    ridges: Ridges
    has_source: Array
    r_ein: FloatArray
    n_images: Array
    bright: Array
    known: Table

    def of(self, stamps: slice) -> Scene:
        """A run of stamps, numbered from its start."""
        rows = np.arange(stamps.start, stamps.stop)
        return Scene(
            deflectors=self.deflectors.take(rows),
            sources=self.sources.of(stamps),
            sersics=self.sersics.of(stamps),
            discs=self.discs.of(stamps),
            ridges=self.ridges.of(stamps),
            has_source=self.has_source[rows],
            r_ein=self.r_ein[rows],
            n_images=self.n_images[rows],
            bright=self.bright[rows],
            known={name: column[rows] for name, column in self.known.items()},
        )


def draw_scene(
    stream: np.random.Generator,
    setting: Setting,
    n: int,
    shifted: bool,
    pictures: Sequence[Picture] = (),
) -> Scene:
    """A scene of ``n`` stamps; ``shifted`` for the test split of a shifted track, ``pictures`` for real sources."""
    generous = setting.generous or shifted
    has_source = stream.random(n) < setting.lens_share
    kind = draw_kinds(stream, GENEROUS_IMPOSTORS if shifted else setting.impostors, has_source)
    g = population.geometry(stream, setting.einstein_radii, n)
    d = population.deflectors(stream, g, setting.cameras[0].pixel, generous, setting.axis_ratio)
    galaxy = population.lens_galaxies(stream, setting, g, d, kind == "spiral", shifted)
    others = environment.companions(stream, setting, g, d, galaxy.magnitude)
    r_ca = critical.caustic_radius(d)
    source = population.sources(stream, setting, d, r_ca, g.z_source, shifted, pictures)
    nuclei, ridges = impostors(stream, setting, kind, g.z_lens, d, galaxy)
    if generous:
        subhaloes = population.subhaloes(stream, d)
        d = replace(
            d, perturbers=_joined(environment.members(setting, others, d, galaxy.magnitude), subhaloes)
        )

    behind = np.flatnonzero(has_source)
    n_images = np.zeros(n, dtype=np.int8)
    n_images[behind] = critical.count_images(d.take(behind), source.x[behind], source.y[behind])
    reference = setting.bands.index(setting.reference)
    nothing = np.where(has_source, 0.0, np.nan)
    known: Table = {
        "z_lens": g.z_lens,
        "z_source": g.z_source + nothing,
        "mag_lens": galaxy.magnitude,
        "mag_source": -2.5 * np.log10(source.flux[:, reference]) + nothing,
        "impostor": kind,
        "early": galaxy.early,
        "sigma_v": g.sigma,
        "q_mass": d.q,
        "phi_mass": d.phi,
        "gamma1": d.g1,
        "gamma2": d.g2,
        "slope": d.slope,
        "x_source": source.x + nothing,
        "y_source": source.y + nothing,
        "r_source": source.radius + nothing,
    }
    return Scene(
        deflectors=d,
        sources=source.select(has_source),
        sersics=Sersics.join([galaxy.bulge, others.light, nuclei]),
        discs=galaxy.disc,
        ridges=ridges,
        has_source=has_source,
        r_ein=critical.einstein_radius(d),
        n_images=n_images,
        bright=galaxy.bright,
        known=known,
    )


def _joined(a: Perturbers, b: Perturbers) -> Perturbers:
    return Perturbers(
        *(np.concatenate(pair) for pair in zip(vars(a).values(), vars(b).values(), strict=True))
    )
