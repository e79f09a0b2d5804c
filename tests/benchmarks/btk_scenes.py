"""Scenes by BlendingToolKit, blends a second: run by itself, in the environment that BlendingToolKit needs.

Usage: python btk_scenes.py CATALOGUE, a CatSim catalogue in FITS such as its own sample. Prints JSON.
"""

import json
import sys
import time

import btk
import btk.catalog
import btk.draw_blends
import btk.sampling_functions
import btk.survey

BATCH, BATCHES = 32, 3


def main(catalogue: str) -> None:
    """Six-band LSST stamps of 24 arcsec with two to six galaxies, and the image of each galaxy alone."""
    generator = btk.draw_blends.CatsimGenerator(
        btk.catalog.CatsimCatalog.from_file(catalogue),
        btk.sampling_functions.DefaultSampling(
            stamp_size=24.0, min_number=2, max_number=6, max_shift=3.0, max_mag=27.0, seed=1
        ),
        btk.survey.get_surveys("LSST"),
        batch_size=BATCH,
        seed=1,
    )
    next(generator)
    seconds = []
    for _ in range(BATCHES):
        start = time.process_time()
        next(generator)
        seconds.append(time.process_time() - start)
    print(json.dumps({"rate": BATCH / min(seconds)}))


if __name__ == "__main__":
    main(sys.argv[1])
