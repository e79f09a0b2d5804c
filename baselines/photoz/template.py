"""Template fitting: chi-square of the public templates with a flux floor, times a prior. Needs no label.

blindsky baseline photoz/template --release ID

The method of BPZ (Benitez 2000): for each template T and redshift z the best amplitude is analytic,
chi2 = S - max(N, 0)^2 / D with S = sum o^2/V, N = sum o g/V, D = sum g^2/V over the bands, and
p(z) ~ sum_T p(class of T, z | m_i) / (templates of the class) exp(-chi2 / 2). Two matrix products a chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.baselines.baseline import Settings
from blindsky.baselines.photoz import densities
from blindsky.challenges.challenge import rows
from blindsky.challenges.errors import InputFault
from blindsky.challenges.photoz import igm
from blindsky.challenges.release import Public
from blindsky.scoring.measurements import FloatArray, Table

FLOOR = 0.03  # of the flux, in quadrature: templates aren't galaxies
CHUNK = 64  # rows at once: 64 x 30 x 301 float32 are 2.3 MB, which stay in the cache (twice as fast as 512)
FIRST_SP, FIRST_IRR = 0.5, 2.5  # type_t: E are 0 and 1/3, Sp 2/3 to 7/3, Irr 8/3 to 5
MAGNITUDES: FloatArray = np.arange(20.0, 28.0, 0.05)  # nodes of the prior; brighter than 20 it is that of 20


class RedshiftPrior(NamedTuple):
    """p(z | class, m) ~ z^a exp(-(z/z_m)^a), z_m = z0 + k (m - 20); Eq. 23 and table 1 of Benitez 2000."""

    a: float
    z0: float
    k: float


E = RedshiftPrior(2.465, 0.431, 0.0913)
SP = RedshiftPrior(1.806, 0.390, 0.0636)
IRR = RedshiftPrior(0.906, 0.0626, 0.123)


def band_fluxes(
    wavelength: NDArray[np.float64],
    spectra: NDArray[np.float64],
    knots: tuple[NDArray[np.float64], NDArray[np.float64]],
    nodes: NDArray[np.float64],
) -> FloatArray:
    """Mean f_nu of spectra through one filter at each redshift, up to a factor common to all filters.

    wavelength : (W,) Angstrom, rest frame.    spectra : (T, W) f_lambda.    nodes : (k,) redshifts.
    knots : wavelength in Angstrom and transmission of the filter.    Returns (T, k).

    F ~ (1 + z) Int f(l) T_igm R(l (1+z)) l dl / Int R(l_o) dl_o / l_o: integrated over the rest frame, so
    that one product serves all templates.
    """
    fine = np.linspace(knots[0][0], knots[0][-1], 4096)
    norm = np.trapezoid(np.interp(fine, *knots) / fine, fine)
    widths = np.gradient(wavelength)
    out = np.empty((len(spectra), len(nodes)))
    for k, z in enumerate(nodes):
        first, last = np.searchsorted(wavelength * (1 + z), knots[0][[0, -1]])
        observed = wavelength[first:last] * (1 + z)
        weight = np.interp(observed, *knots) * igm.transmission(observed, z) * observed * widths[first:last]
        out[:, k] = spectra[:, first:last] @ weight / norm
    return out


def log_prior(type_class: NDArray[np.int64], nodes: NDArray[np.float64]) -> NDArray[np.float32]:
    """Ln of p(class, z | m) shared among the templates of a class, shape (magnitudes, templates, k)."""
    elliptical, spiral = 0.35 * np.exp(-0.450 * (MAGNITUDES - 20)), 0.50 * np.exp(-0.147 * (MAGNITUDES - 20))
    shares = np.stack([elliptical, spiral, 1 - elliptical - spiral], axis=1)  # (M, 3), Eq. 24
    log_p = np.empty((len(MAGNITUDES), 3, len(nodes)))
    for c, (a, z0, k) in enumerate((E, SP, IRR)):
        z_m = np.maximum(z0 + k * (MAGNITUDES - 20), 0.05)[:, None]
        p = nodes**a * np.exp(-((nodes / z_m) ** a))
        p *= (shares[:, c] / np.count_nonzero(type_class == c))[:, None] / densities.integral(p, nodes)
        log_p[:, c] = np.log(np.maximum(p, np.finfo(np.float32).tiny))
    return log_p.astype(np.float32)[:, type_class]


@dataclass(frozen=True)
class Template:
    """model : template fluxes in the bands, (bands, templates * k).    prior : (magnitudes, templates, k)."""

    bands: tuple[str, ...]
    model: NDArray[np.float32]
    prior: NDArray[np.float32]
    nodes: FloatArray

    def predict(self, test: Table) -> Table:
        """Densities over the nodes, summed over the templates."""
        n = rows(test)
        density = np.empty((n, len(self.nodes)), np.float32)
        for first in range(0, n, CHUNK):
            chunk = {name: column[first : first + CHUNK] for name, column in test.items()}
            density[first : first + CHUNK] = self._density(chunk)
        return densities.answer(test, density, self.nodes)

    def _density(self, test: Table) -> NDArray[np.float32]:
        flux = _stack(test, "flux", self.bands)  # (n, bands)
        variance = _stack(test, "flux_err", self.bands) ** 2 + (FLOOR * flux) ** 2
        projected = (flux / variance).astype(np.float32) @ self.model  # (n, templates * k)
        power = (1 / variance).astype(np.float32) @ self.model**2
        log_p = np.maximum(projected, 0) ** 2 / power / 2  # (S - chi2) / 2: S is the same for all templates
        magnitude = 31.4 - 2.5 * np.log10(np.maximum(flux[:, self.bands.index("i")], 1e-3))
        node = np.rint((magnitude - MAGNITUDES[0]) / (MAGNITUDES[1] - MAGNITUDES[0]))
        log_p = log_p.reshape(len(flux), *self.prior.shape[1:])
        log_p += self.prior[np.clip(node, 0, len(MAGNITUDES) - 1).astype(np.int64)]
        log_p -= log_p.max(axis=(1, 2), keepdims=True)
        return np.asarray(np.exp(log_p, out=log_p).sum(axis=1))


def _stack(test: Table, kind: str, bands: tuple[str, ...]) -> FloatArray:
    return np.stack([test[f"{kind}_{band}"].astype(np.float64) for band in bands], axis=1)


def train(public: Public, settings: Settings) -> Template:
    """Model fluxes from the release's own templates and filters; InputFault without an i band."""
    filters = public.table("filters")
    bands = tuple(b for b in public.json("bands")["bands"] if b in filters["band"])
    if "i" not in bands:
        has = ", ".join(bands)
        message = f"the prior of template fitting reads the i band, and release {public.release_id} has {has}"
        raise InputFault(message)
    nodes = densities.grid(public)
    shown = public.table("templates")
    wavelength = np.asarray(shown["wavelength"][0], np.float64)  # one grid for all
    spectra = np.stack(list(shown["f_lambda"])).astype(np.float64)
    type_class = np.digitize(shown["type_t"].astype(np.float64), (FIRST_SP, FIRST_IRR))
    with settings.progress("computing model fluxes", len(bands), "bands") as bar:
        models = []
        for band in bands:
            models.append(band_fluxes(wavelength, spectra, _knots(filters, band), nodes))
            bar.advance()
    model = np.stack(models)  # (bands, T, k)
    model /= model[bands.index("i")].copy()
    return Template(
        bands=bands,
        model=model.reshape(len(bands), -1).astype(np.float32),
        prior=log_prior(type_class, nodes),
        nodes=nodes,
    )


def _knots(filters: Table, band: str) -> tuple[FloatArray, FloatArray]:
    inside = filters["band"] == band
    wavelength, transmission = (filters[name][inside] for name in ("wavelength", "transmission"))
    return wavelength.astype(np.float64), transmission.astype(np.float64)
