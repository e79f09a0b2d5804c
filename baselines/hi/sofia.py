"""SoFiA 2, where it is installed: the settings of team SoFiA in SDC2, region by region, its catalogues converted.

blindsky baseline hi/sofia --release ID

The program is called, never linked: it is free software under another licence (Westmeier et al. 2021, MNRAS 506, 3962).
Each region becomes a FITS file of its own in a temporary folder, so that its memory is that of one region.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from blindsky.baselines.baseline import ProgressFactory, Settings
from blindsky.baselines.hi.calibration import clipped, nothing
from blindsky.baselines.hi.fields import cube_of, field_of, truth_of
from blindsky.baselines.hi.regions import Region, regions
from blindsky.baselines.hi.search import MB, megabytes
from blindsky.challenges.errors import MachineFault
from blindsky.challenges.hi.columns import SDC2
from blindsky.challenges.hi.cube import Voxels
from blindsky.challenges.hi.sofia import convert
from blindsky.challenges.release import Public
from blindsky.scoring.catalogue import match, value
from blindsky.scoring.measurements import Table

PROGRAM = "sofia"
VOXELS = 1 << 28  # of a region with its margins: 1 GB, of which SoFiA takes some 2.5
RELIABLE = 0.1  # the least that is kept
TRIED = (RELIABLE, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
SETTINGS = {  # axshen/SKA-SDC2-SoFiA
    "pipeline.verbose": "false",
    "scaleNoise.enable": "true",
    "scaleNoise.mode": "spectral",
    "scaleNoise.statistic": "mad",
    "scaleNoise.fluxRange": "negative",
    "scfind.kernelsXY": "0, 3, 6",
    "scfind.kernelsZ": "0, 3, 7, 15, 31",
    "scfind.threshold": "3.8",
    "scfind.replacement": "2.0",
    "scfind.statistic": "mad",
    "scfind.fluxRange": "negative",
    "linker.radiusXY": "2",
    "linker.radiusZ": "2",
    "linker.minSizeXY": "3",
    "linker.minSizeZ": "3",
    "reliability.enable": "true",
    "reliability.threshold": str(RELIABLE),
    "reliability.scaleKernel": "0.3",
    "reliability.minSNR": "1.5",
    "reliability.plot": "false",
    "parameter.wcs": "true",
    "parameter.physical": "true",
    "output.writeCatASCII": "true",
    "output.writeCatXML": "false",
    "output.overwrite": "true",
}
NOTHING = (1, 8)  # exit status where it found no source: 8 says so, older ones end with a general error


def program() -> str:
    """The path of the program; MachineFault where there is none."""
    found = shutil.which(PROGRAM)
    if found is None:
        message = (
            "the baseline sofia runs SoFiA 2, and no program sofia is on the path. Compile it from "
            "https://gitlab.com/SoFiA-Admin/SoFiA-2 (a C compiler and wcslib are enough), put the program on the path "
            "and run this again"
        )
        raise MachineFault(message)
    return found


def extract(cube: Voxels, region: Region, path: Path) -> None:
    """The outer box of a region as a FITS file with its own place on the sky and in frequency."""
    from astropy.io import fits

    data = cube.tile(*region.tile)
    z, y, x = region.origin
    header = fits.Header()
    for name, card in cube.header.items():
        if name not in ("SIMPLE", "BITPIX", "EXTEND") and not name.startswith("NAXIS"):
            header[name] = card
    header["CRPIX1"] -= x
    header["CRPIX2"] -= y
    header["CRPIX3"], header["CRVAL3"] = 1.0, float(cube.frequencies[z])
    fits.PrimaryHDU(data, header).writeto(path)


def run(cube: Path, workers: int) -> Path | None:
    """Run SoFiA on a file; its catalogue beside it, or None where it found nothing. MachineFault where it fails."""
    settings = SETTINGS | {"input.data": str(cube), "pipeline.threads": str(workers)}
    parameters = cube.with_suffix(".par")
    parameters.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    environment = os.environ | {"OMP_NUM_THREADS": str(workers)}
    done = subprocess.run(
        [program(), str(parameters)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cube.parent,
        check=False,
    )
    catalogue = cube.with_name(f"{cube.stem}_cat.txt")
    if done.returncode == 0 and catalogue.exists():
        return catalogue
    said = (done.stdout + done.stderr).strip()
    if done.returncode in NOTHING and "No " in said:
        return None
    message = (
        f"SoFiA ended with status {done.returncode}. Its last words: {said[-500:]!r}. "
        "Run it by hand on the cube to see more, or take the baseline matched_filter"
    )
    raise MachineFault(message)


def search(
    cube: Voxels, folder: Path, workers: int, progress: ProgressFactory, budget: int = VOXELS
) -> list[Path]:
    """The catalogues of the regions of a cube, in a folder."""
    catalogues: list[Path] = []
    with progress("searching", megabytes(cube), "MB") as bar:
        for k, region in enumerate(regions(cube.shape, budget)):
            part = folder / f"region_{k:05d}.fits"
            extract(cube, region, part)
            found = run(part, workers)
            part.unlink()
            if found is not None:
                catalogues.append(found)
            bar.advance(4 * region.voxels / MB)
    return catalogues


@dataclass(frozen=True)
class Runner:
    """SoFiA with its settings.   reliability : from which on a source is claimed."""

    reliability: float
    workers: int
    progress: ProgressFactory

    def catalogue(self, public: Public, split: str) -> Table:
        """A catalogue of the field of a split, columns SDC2; of what two regions found alike the brighter.

        At least one row, since a catalogue without any is none: where nothing was found, the centre of the field.
        """
        cube = cube_of(public, split)
        with tempfile.TemporaryDirectory() as name:
            found = search(cube, Path(name), self.workers, self.progress)
            claims = clipped(convert(found, threshold=self.reliability))
        if not len(claims["id"]):
            claims = nothing(cube, field_of(public, split))
        return {name: claims[name] for name in SDC2}


def best_reliability(catalogues: list[Path], truth: Table) -> float:
    """That of the largest training score among those that keep a row; the least where none does."""
    claims = {tried: convert(catalogues, threshold=tried) for tried in TRIED}
    values = {tried: value(match(truth, rows)) for tried, rows in claims.items() if len(rows["id"])}
    return max(values, key=values.__getitem__, default=RELIABLE)


def train(public: Public, settings: Settings) -> Runner:
    """Search the training field, and choose the reliability; MachineFault where the program is not installed."""
    program()  # its absence shows before anything is read
    with tempfile.TemporaryDirectory() as name:
        found = search(cube_of(public, "train"), Path(name), settings.workers, settings.progress)
        return Runner(best_reliability(found, truth_of(public)), settings.workers, settings.progress)
