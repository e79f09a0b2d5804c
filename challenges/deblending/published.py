"""Published results of the COIN study (Boucaud et al. 2020) on its own test set, beside ours in grey.

The table is recomputed from the study's catalogue by this challenge's own metrics (tests hold that); the binned values
are of the same catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from blindsky.challenges.challenge import Published, Result
from blindsky.challenges.curves import plain
from blindsky.challenges.deblending.figures import Bins
from blindsky.challenges.deblending.slices import DIFFERENCES, SEPARATIONS

_NETWORK, _CLASSICAL = "network", "SExtractor"
_RESULTS = (
    Result("blend2mask2flux", _NETWORK, {"mape": 7.632, "missing": 0.0}),
    Result("blend2flux", _NETWORK, {"mape": 8.120, "missing": 0.0}),
    Result("SExtractor", _CLASSICAL, {"mape": 45.327, "mape_clip": 38.832, "missing": 0.114}),
)
_FOUND = {"SExtractor": (0.170, 0.532, 0.884, 0.987, 0.998)}  # both galaxies, by separation
_ERRORS = {  # % of central galaxy and companion, by separation
    "blend2flux": ((11.9, 8.5, 7.3, 7.0, 9.3), (10.7, 8.4, 7.3, 7.1, 9.8)),
    "blend2mask2flux": ((11.6, 8.0, 6.6, 6.2, 7.5), (10.8, 8.4, 7.1, 7.2, 7.6)),
}
_BIAS = {  # median dm of the central galaxy, by difference in magnitude
    "blend2flux": (0.018, 0.011, 0.011, 0.000, 0.008, -0.028),
    "blend2mask2flux": (0.023, 0.015, 0.013, 0.003, 0.012, -0.023),
    "SExtractor": (-0.086, -0.029, 0.016, 0.081, 0.112, 0.123),
}


def _curve(panel: str, label: str, x: list[float], y: tuple[float, ...]) -> Mapping[str, Any]:
    return {"panel": panel, "label": label, "x": x, "y": list(y)}


def curves(figure: str) -> tuple[Mapping[str, Any], ...]:
    """The published curves behind a figure; none behind most."""
    if figure == "difference":
        at = plain(Bins.of(np.array(DIFFERENCES)).middles)
        return tuple(_curve("central", name, at, y) for name, y in _BIAS.items())
    if figure == "separation":
        at = plain(Bins.of(np.array(SEPARATIONS)).middles)
        errors = [
            _curve(panel, name, at, y)
            for name, both in _ERRORS.items()
            for panel, y in zip(("central", "companion"), both, strict=True)
        ]
        return (*errors, *(_curve("found", name, at, y) for name, y in _FOUND.items()))
    return ()


PUBLISHED = Published(
    "Published in Boucaud et al. 2020",
    "Results on real stamps from Hubble, another test set: not ranked here. Recomputed from the study's catalogue; a "
    "galaxy that SExtractor did not find counts as a miss, as it does here and did not there.",
    lambda: _RESULTS,
    curves,
)
