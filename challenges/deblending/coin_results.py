"""The published catalogue of the COIN study: a test of pairs without images, and three predictions to be handed in.

blindsky import deblending/coin-results output_catalog.csv
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blindsky.challenges.deblending.bands import SPACE
from blindsky.challenges.deblending.coin import (
    FWHM,
    ZERO_POINT,
    Shuffle,
    both_of,
    camera,
    check_fluxes,
    columns,
    numbers,
)
from blindsky.challenges.deblending.labels import both_types
from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import Imported, Rows
from blindsky.challenges.skies import Block, Ragged
from blindsky.scoring.measurements import Table

SEXTRACTOR_ZERO_POINT = 25.67
RESULTS = {"blend2flux": "b2f", "blend2mask2flux": "b2m2f", "sextractor": "sex"}


def coin_results(files: Sequence[Path], shuffle: Shuffle) -> Imported:
    """The catalogue of Boucaud et al. 2020 as a test without images; its three predictions lie beside it."""
    del shuffle
    if len(files) != 1 or not files[0].is_file():
        message = "expected one file, the catalogue of the paper (output_catalog.csv)"
        raise InputFault(message)
    path = files[0]
    fluxes = [f"g{k}_flux_{short}" for k in (1, 2) for short in RESULTS.values()]
    known = [f"g{k}_{name}" for k in (1, 2) for name in ("mag", "rad", "flux")]
    redshifts = ["g1_z", "g2_z"]
    text = [f"g{k}_type" for k in (1, 2)]
    raw = columns(path, ["distance", *known, *redshifts, *fluxes, *text])
    c = numbers(path, raw, ["distance", *known]) | numbers(path, raw, [*redshifts, *fluxes], empty=True)
    flux, magnitude = (np.stack([c[f"g{k}_{name}"] for k in (1, 2)], axis=1) for name in ("flux", "mag"))
    check_fluxes(path.name, flux, magnitude, ZERO_POINT)
    n = len(c["distance"])
    ids = np.arange(1, n + 1)
    lists = {
        "obj": np.tile(np.arange(2, dtype=np.int16), n),
        "flux_f160w": flux.ravel(),
        "mag_f160w": magnitude.ravel(),
        "type": both_of(np.array(raw["g1_type"]), np.array(raw["g2_type"])),
        "r_half": both_of(c["g1_rad"], c["g2_rad"]) * SPACE.pixel,
        "z": both_of(c["g1_z"], c["g2_z"]),
        "scored": np.ones(2 * n, dtype=bool),
    }
    truth: Table = {
        "n_objects": np.full(n, 2, np.int16),
        "separation": c["distance"],
        "sep_fwhm": c["distance"] * SPACE.pixel / FWHM,
        "dm": c["g1_mag"] - c["g2_mag"],
        "types": both_types(np.array([raw["g1_type"], raw["g2_type"]]).T),
    }
    published: dict[str, Table] = {}
    for name, short in RESULTS.items():
        flux = both_of(c[f"g1_flux_{short}"], c[f"g2_flux_{short}"])
        if name == "sextractor":
            flux = flux * 10 ** (0.4 * (ZERO_POINT - SEXTRACTOR_ZERO_POINT))
        table: Table = {"blend_id": np.repeat(ids, 2), "obj": lists["obj"].astype(np.int64)}
        published[f"published_{name}"] = table | {"flux": np.nan_to_num(flux)}
    counts = np.full(n, 2)
    block = Block(
        {"psf_fwhm": np.full((n, 1), FWHM, np.float32)},
        {"truth": truth},
        long={"objects": Ragged(counts, {"obj": lists["obj"]})},
        hidden={"truth_objects": Ragged(counts, lists)},
    )
    notes = (
        f"{n:,} pairs without images; the published predictions can be handed in: "
        + ", ".join(f"public/{name}.parquet" for name in published),
        "a galaxy that was not found has flux 0",
    )
    return Imported((), [Rows(block, ids)], {"cameras": camera(ZERO_POINT), **published}, notes, "pair")
