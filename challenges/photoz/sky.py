"""The mock sky of the photo-z challenge: galaxies drawn, observed and selected, and what the oracle knows.

One block holds ``BLOCK_ROWS`` galaxies of observed i < 25.3, all from the block's own stream. The i band of a
galaxy depends on nothing but its magnitude (fluxes are ratios to i), so it is observed first, and the rest is
drawn for the galaxies that pass. This is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.photoz import features, filters, labels, oracle, photometry, prior, templates
from blindsky.challenges.skies import Block, Selection
from blindsky.scoring.measurements import FloatArray, Table

BLOCK_ROWS = 8192
CANDIDATES = 4 * BLOCK_ROWS  # drawn at a time; about 30 % are bright enough
PDF_ROWS = 20_000  # largest test split whose oracle densities are stored whole


class Setting(NamedTuple):
    """What a track means to the sky: its bands, and whether labels are chosen as spectroscopic surveys do."""

    bands: tuple[str, ...]
    spectroscopic: bool


SETTINGS = {
    "representative": Setting(filters.LSST, False),
    "biased": Setting(filters.LSST, True),
    "nir": Setting((*filters.LSST, *filters.NISP), False),
}


@dataclass
class PhotozSky:
    """The sky of one track; ``G`` (96, 601, B) the model fluxes, ``device`` where the oracle computes."""

    setting: Setting
    survey: photometry.Survey
    G: FloatArray
    keep_pdf: bool
    device: str = "cpu"
    block_rows: int = BLOCK_ROWS

    def files(self) -> Mapping[str, Table | dict[str, Any]]:
        """Filters, the thirty public templates, the grid of the densities, the bands and their softening."""
        bands = self.setting.bands
        grid = {"z_min": oracle.GRID.low, "z_max": oracle.GRID.high, "n": oracle.GRID.n}
        return {
            "filters": filters.table(bands),
            "templates": templates.public_table(),
            "grid": grid,
            "bands": {
                "bands": list(bands),
                "softening_njy": dict(zip(bands, features.softening_of(self.survey), strict=True)),
            },
        }

    def selection(self, split: str, rows: int) -> Selection | None:
        """The spectroscopic walk over the train split, or None where every drawn row counts."""
        if split == "train" and self.setting.spectroscopic:
            return labels.SpectroscopicSelection(rows)
        return None

    def draw(self, split: str, block: int, rows: int, stream: np.random.Generator) -> Block:
        """The first ``rows`` galaxies of a block; candidates for labels where the track selects them."""
        truth, observed, f5 = self._galaxies(stream)
        candidates = None
        if split == "train" and self.setting.spectroscopic:
            i = photometry.magnitude(observed[:, self.setting.bands.index("i")])
            candidates = labels.candidates(truth["z_true"].astype(np.float64), i, stream)

        truth = {name: column[:rows] for name, column in truth.items()}
        observed, f5 = observed[:rows], f5[:rows]
        error = photometry.reported_error(observed, f5, self.survey.photons)
        public: Table = {}
        for prefix, columns in (("flux", observed), ("flux_err", error)):
            names = (f"{prefix}_{band}" for band in self.setting.bands)
            public |= dict(zip(names, np.ascontiguousarray(columns.T, dtype=np.float32), strict=True))

        if split == "test":
            return self._with_oracle(public, truth, observed, f5)
        public["redshift"] = truth["z_true"].astype(np.float32)
        public["survey"] = np.full(len(observed), "all")
        truth["redshift_is_wrong"] = np.zeros(len(observed), dtype=np.bool_)
        if candidates is None:
            return Block(public, {"train_truth": truth})
        candidates = {name: column[:rows] for name, column in candidates.items()}
        return Block(public, {"train_truth": truth, labels.CANDIDATES: candidates})

    @cached_property
    def _oracle(self) -> oracle.Oracle:
        return oracle.Oracle(self.G, self.survey)

    def _with_oracle(self, public: Table, truth: Table, observed: FloatArray, f5: FloatArray) -> Block:
        pdf = oracle.submittable(self._oracle.density(observed, f5, self.device))
        known = oracle.columns(truth["z_true"].astype(np.float64), pdf)
        reference: Table = {"z_point": known["oracle_z_mode"], "pdf": pdf}
        if self.keep_pdf:
            known["oracle_pdf"] = pdf
        return Block(public, {"truth": truth, "oracle": known}, {"oracle": reference})

    def _galaxies(self, stream: np.random.Generator) -> tuple[Table, FloatArray, FloatArray]:
        """A full block: truth columns (n,), observed fluxes and 5-sigma fluxes in nJy (n, B)."""
        n, i = self.block_rows, self.setting.bands.index("i")
        m, common, observed_i, f5_i = self._bright_enough(stream)

        node = prior.magnitude_node(m)
        u_class, u_z, u_template = stream.random((3, n))
        type_class = prior.draw_class(u_class, node)
        z = prior.draw_redshift(u_z, node, type_class)
        template = templates.draw(u_template, type_class)

        cell = np.minimum((z * 200).astype(np.intp), len(prior.Z_NODES) - 2)
        share = (z * 200 - cell)[:, None]
        ratios = self.G[template, cell] * (1 - share) + self.G[template, cell + 1] * share
        others = [band for band in range(len(self.setting.bands)) if band != i]
        true = photometry.flux(m)[:, None] * ratios[:, others]
        observed, f5 = np.empty((2, n, len(self.setting.bands)))
        observed[:, others], f5[:, others] = photometry.observe(
            true, common, self.survey.only(others), stream
        )
        observed[:, i], f5[:, i] = observed_i, f5_i
        known = templates.templates()
        truth: Table = {
            "z_true": z,
            "i_true": m,
            "type_t": known.type_t[template],
            "type_class": type_class,
            "ebv": known.ebv[template],
            "k3": known.k3[template],
        }
        return truth, observed, f5

    def _bright_enough(self, stream: np.random.Generator) -> tuple[FloatArray, ...]:
        """A block of galaxies of observed i < 25.3: true m, depth offset, observed i, its 5-sigma flux."""
        survey = self.survey.only([self.setting.bands.index("i")])
        limit = photometry.flux(np.array(photometry.GOLD_LIMIT))
        found: list[FloatArray] = []
        count = 0
        while count < self.block_rows:
            m = prior.draw_magnitude(stream.random(CANDIDATES))
            common = photometry.COMMON_DEPTH_SCATTER * stream.standard_normal(CANDIDATES)
            observed, f5 = photometry.observe(photometry.flux(m)[:, None], common, survey, stream)
            passed = observed[:, 0] > limit
            found.append(np.stack([m, common, observed[:, 0], f5[:, 0]])[:, passed])
            count += int(passed.sum())
        return tuple(np.concatenate(found, axis=1)[:, : self.block_rows])


def simulate(track: Track, size: Size, options: Mapping[str, str]) -> PhotozSky:
    """The sky of a track and size. Option ``depth``: ``y10`` (default) or ``y1``."""
    setting = SETTINGS[track.name]
    survey = photometry.survey(setting.bands, options.get("depth", "y10"))
    return PhotozSky(setting, survey, templates.model_table(setting.bands), size.test <= PDF_ROWS)
