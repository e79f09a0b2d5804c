"""What stars and quasars share: magnitudes from colours, and the template that difference imaging subtracts.

Sources of this kind carry ``mag_i``, their mean i magnitude, which decides about a spectrum, and where a template is
subtracted ``template_u`` ... ``template_y``, the mean noiseless flux of ten epochs in the year before the survey.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from blindsky.challenges.transients.bands import BANDS, NODES, ZERO_POINT
from blindsky.challenges.transients.draws import Uniform
from blindsky.scoring.measurements import Array, FloatArray, Table

LN_FLUX = -0.4 * np.log(10.0)  # of a magnitude
WAVELENGTH: FloatArray = NODES[2]  # Angstrom: half of a band's photons are bluer
EVENTS = Uniform(59520.0, 60750.0)  # MJD at which events have their time 0
TEMPLATE_YEAR, TEMPLATE_EPOCHS = (59215.0, 59580.0), 10  # MJD

Offset = Callable[[Table, Array, FloatArray, Array], Array]  # parameters, index, t, band -> magnitudes (m,)


def fluxes(reference: FloatArray, at: int, colours: Sequence[float]) -> FloatArray:
    """FLUXCAL (n, 6) of magnitudes (n,) in band number ``at`` and colours u-g, g-r, r-i, i-z, z-y."""
    beyond = -np.concatenate([[0.0], np.cumsum(colours)])  # m_b - m_u
    return np.asarray(np.exp(LN_FLUX * (reference[:, None] + (beyond - beyond[at]) - ZERO_POINT)))


def template_epochs(stream: np.random.Generator, n: int) -> FloatArray:
    """MJD (n, 10) of the images that make the template, ascending."""
    return np.sort(stream.uniform(*TEMPLATE_YEAR, (n, TEMPLATE_EPOCHS)), axis=1)


def template_columns(template: FloatArray) -> Table:
    """Template fluxes (n, 6) as columns."""
    return {f"template_{band}": template[:, k] for k, band in enumerate(BANDS)}


def template_of(parameters: Table) -> FloatArray:
    """Template fluxes (n, 6) from their columns."""
    return np.stack([parameters[f"template_{band}"] for band in BANDS], axis=1)


def single(column: Array, place: Array) -> Array:
    """Elements of a parameter (n,) or of a flattened (n, 6) at ``place`` (m,), as float32: enough for a magnitude."""
    return column.astype(np.float32).ravel()[place]


@dataclass(frozen=True)
class VariableStar:
    """A star whose magnitude varies about its mean by ``offset``; its flux is what differs from the template.

    population(stream, n) draws the parameters: r, in magnitudes, and those that ``offset`` reads.
    """

    name: str
    target: int
    colours: tuple[float, ...]
    population: Callable[[np.random.Generator, int], Table]
    offset: Offset

    def draw(self, stream: np.random.Generator, n: int) -> Table:
        """Parameters (n,), mean i magnitude and template. Stream: population, epochs (n, 10)."""
        parameters = self.population(stream, n)
        parameters["mag_i"] = parameters["r"] - self.colours[2]
        t = template_epochs(stream, n).ravel()
        who = np.repeat(np.arange(n), TEMPLATE_EPOCHS)
        changes = [self.offset(parameters, who, t, np.full(len(t), band)) for band in range(len(BANDS))]
        mean = (
            np.exp(LN_FLUX * np.stack(changes, axis=1)).reshape(n, TEMPLATE_EPOCHS, len(BANDS)).mean(axis=1)
        )
        return parameters | template_columns(fluxes(parameters["r"], 2, self.colours) * mean)

    def flux(
        self, parameters: Table, index: Array, t: FloatArray, band: Array, stream: np.random.Generator
    ) -> Array:
        """Noiseless difference flux (m,) of objects ``index`` (m,) at MJD ``t`` in ``band``; nothing is drawn."""
        place = len(BANDS) * index + band
        bright = np.exp(np.float32(LN_FLUX) * self.offset(parameters, index, t, band))
        bright *= single(fluxes(parameters["r"], 2, self.colours), place)
        return np.asarray(bright - single(template_of(parameters), place))
