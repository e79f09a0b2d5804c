"""Catalogues of SoFiA 2 (Westmeier et al. 2021) become predictions: its columns, in the units and meanings asked here.

SoFiA fits ellipses to moment maps and counts position angles of the approaching side; a prediction has the diameter at
1 Msun/pc^2 and the angle of the receding side. Catalogues of overlapping regions become one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.errors import InputFault
from blindsky.challenges.hi.columns import SDC2
from blindsky.challenges.hi.cosmology import distances, mass, redshift
from blindsky.challenges.hi.field import ARCSEC, BEAM_AREA, BEAM_SIGMA, C_KMS, CHANNEL, PIXEL
from blindsky.challenges.hi.population import SIZE
from blindsky.scoring.measurements import Array, FloatArray, Table

Mode = Literal["relation", "gauss"]
MODES: tuple[Mode, ...] = ("relation", "gauss")
SAME = (10.5, 1.2e6)  # arcsec and Hz within which two regions found the same galaxy
UNRESOLVED = (57.3, 8.5)  # deg and arcsec: inclination and size where the ellipse tells nothing
_SIGMAS = 2.0  # an ellipse's axis in standard deviations, as SoFiA measures it
_NEEDED = {  # column -> units that are understood
    "ra": ("deg",),
    "dec": ("deg",),
    "freq": ("Hz",),
    "f_sum": ("Jy*Hz", "Jy/beam"),
    "w20": ("Hz", "pix"),
    "rel": ("",),
    "ell_maj": ("pix",),
    "ell_min": ("pix",),
    "ell_pa": ("deg",),
    "kin_pa": ("deg",),
}
_ALSO = {
    "Jy Hz": "Jy*Hz",
    "Jy.Hz": "Jy*Hz",
    "beam-1 Jy": "Jy/beam",
    "Jy/BEAM": "Jy/beam",
    "JY/BEAM": "Jy/beam",
    "-": "",
}
_LONGEST = 1 << 28  # bytes of a catalogue


class Catalogue(NamedTuple):
    """What SoFiA wrote: numbers (n,) and unit of each column."""

    columns: Table
    units: Mapping[str, str]


def convert(path: Path | Sequence[Path], *, mode: Mode = "relation", threshold: float = 0.0) -> Table:
    """A prediction, columns SDC2, from a catalogue of SoFiA 2 in ASCII or VOTable, or from those of several regions.

    mode : hi_size from the mean relation of size and mass, or from the fitted ellipse as a Gaussian disc (``gauss``).
    threshold : of the reliability, inclusive.
    Rows keep their order and are numbered from 1. Of a galaxy that two regions found, the larger flux is kept.
    Without any catalogue there are no rows. InputFault for anything that is not such a catalogue, or was made of a cube
    without a frequency axis.
    """
    if mode not in MODES:
        message = f"there is no mode {mode!r}. Known are: {', '.join(MODES)}"
        raise InputFault(message)
    paths = [path] if isinstance(path, Path) else list(path)
    parts = [_converted(read(each), each, mode, threshold) for each in paths]
    region = np.repeat(np.arange(len(parts)), [len(part["ra"]) for part in parts])
    none = np.empty(0)
    whole = {name: np.concatenate([none, *(part[name] for part in parts)]) for name in SDC2[1:]}
    kept = merged(whole, region)
    return {"id": np.arange(1, 1 + len(kept)), **{name: column[kept] for name, column in whole.items()}}


def merged(found: Table, region: Array) -> NDArray[np.intp]:
    """Rows to keep, ascending: of two within 10.5 arcsec and 1.2 MHz in different regions, that of the larger flux.

    region : (n,), number of the catalogue of each row.
    """
    from scipy.spatial import KDTree

    order = np.argsort(-found["line_flux_integral"], kind="stable")
    ra, dec = np.radians(found["ra"][order]), np.radians(found["dec"][order])
    places = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    pairs = KDTree(places).query_pairs(2 * np.sin(SAME[0] / ARCSEC / 2), output_type="ndarray")
    frequency, region = found["central_freq"][order], np.asarray(region)[order]
    close = np.abs(np.diff(frequency[pairs], axis=1)[:, 0]) < SAME[1]
    pairs = np.sort(pairs[close & (np.diff(region[pairs], axis=1)[:, 0] != 0)], axis=1)
    alive = np.ones(len(order), dtype=bool)
    for first, second in pairs[np.lexsort(pairs.T[::-1])]:
        if alive[first]:
            alive[second] = False
    return np.sort(order[alive])


def _converted(found: Catalogue, path: Path, mode: Mode, threshold: float) -> Table:
    """The columns but ``id`` of the rows that are reliable enough."""
    if "freq" not in found.columns:
        axis = next((name for name in ("v_opt", "v_rad", "v_app") if name in found.columns), None)
        seen = f"column {axis}: its cube has a velocity axis" if axis else "no column with the frequency"
        message = (
            f"{path} has no column freq ({seen}). Run SoFiA on the cube with the FREQ axis, with parameter.wcs = true; "
            "velocities are not turned into frequencies here"
        )
        raise InputFault(message)
    missing = [name for name in _NEEDED if name not in found.columns]
    if missing:
        message = f"{path} lacks the columns {', '.join(missing)}. Expected a source catalogue of SoFiA 2"
        raise InputFault(message)
    for name, known in _NEEDED.items():
        if found.units[name] not in known:
            expected = " or ".join(unit or "no unit" for unit in known)
            message = f"{path}: column {name} is in {found.units[name] or 'no unit'!r}; expected {expected}"
            raise InputFault(message)
    good = found.columns["rel"] >= threshold
    c = {name: found.columns[name][good] for name in _NEEDED}
    frequency = c["freq"]
    if not (frequency > 0).all():
        message = f"{path} has frequencies that are not above 0. Expected Hz"
        raise InputFault(message)
    flux = c["f_sum"] if found.units["f_sum"] == "Jy*Hz" else c["f_sum"] * (CHANNEL / BEAM_AREA)
    width = c["w20"] if found.units["w20"] == "Hz" else c["w20"] * CHANNEL
    size, inclination = _shape(flux, frequency, c["ell_maj"], c["ell_min"], mode)
    return {
        "ra": c["ra"],
        "dec": c["dec"],
        "hi_size": size,
        "line_flux_integral": flux,
        "central_freq": frequency,
        # SoFiA's kinematic angle is that of the approaching side, and below 0 where it found none
        "pa": np.where(c["kin_pa"] < 0, c["ell_pa"], c["kin_pa"] + 180) % 360,
        "i": inclination,
        "w20": width * C_KMS / frequency,
    }


def _shape(
    flux: Array, frequency: Array, major: Array, minor: Array, mode: Mode
) -> tuple[FloatArray, FloatArray]:
    """hi_size in arcsec and inclination in deg (n,), from ellipses in pixels of which the beam is taken away."""
    distance = distances(redshift(frequency))
    hydrogen = mass(np.maximum(flux, 0), distance.luminosity)
    a2, b2 = ((PIXEL * axis / _SIGMAS) ** 2 - (PIXEL * BEAM_SIGMA) ** 2 for axis in (major, minor))
    resolved = (a2 > 0) & (b2 > 0)
    parsec = 1e6 * distance.angular / ARCSEC  # per arcsec
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = hydrogen / (2 * np.pi * a2 * parsec**2)  # Msun/pc^2, face-on
        resolved &= centre > 1
        inclination = np.degrees(np.arccos(np.minimum(np.sqrt(b2 / a2), 1)))
        gauss = 2 * np.sqrt(a2 * 2 * np.log(centre))
    inclination = np.where(resolved, inclination, UNRESOLVED[0])
    if mode == "gauss":
        return np.where(resolved, gauss, UNRESOLVED[1]), inclination
    return relation(hydrogen, distance.angular), inclination


def relation(hydrogen: Array, distance: Array) -> FloatArray:
    """Mean diameter in arcsec of an HI mass in Msun at an angular-diameter distance in Mpc (Wang et al. 2016)."""
    slope, zero, _ = SIZE
    kpc = 10**zero * hydrogen**slope
    return np.asarray(kpc * 1e-3 / distance * ARCSEC)


def read(path: Path) -> Catalogue:
    """A catalogue of SoFiA 2 as it is, ASCII or VOTable; only columns of numbers. InputFault where it is none."""
    if path.stat().st_size > _LONGEST:
        message = f"{path} has {path.stat().st_size:,} bytes, more than any catalogue. Name the file *_cat.txt of SoFiA"
        raise InputFault(message)
    text = path.read_bytes().decode("utf-8", errors="replace")
    names, units, rows = _votable(path, text) if text.lstrip().startswith("<") else _ascii(path, text)
    columns: Table = {}
    for k, name in enumerate(names):
        if name == "name":
            continue
        try:
            columns[name] = np.array([row[k] for row in rows], dtype=np.float64)
        except ValueError:
            bad = next(i for i, row in enumerate(rows) if not _is_number(row[k]))
            message = (
                f"{path}: source {bad + 1} has {rows[bad][k][:40]!r} in column {name}; expected a number"
            )
            raise InputFault(message) from None
    return Catalogue(columns, {n: _ALSO.get(u, u) for n, u in zip(names, units, strict=True)})


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


Cells = tuple[list[str], list[str], list[list[str]]]


def _ascii(path: Path, text: str) -> Cells:
    """Names and units stand under the column numbers, right-aligned with them; a name of a source holds a blank."""
    head = [line for line in text.splitlines() if line.startswith("#")]
    at = next((i for i, line in enumerate(head) if re.fullmatch(r"#\s+1(\s+\d+)+\s*", line)), None)
    if not head or "SoFiA" not in head[0] or at is None or len(head) < at + 3:
        message = f"{path} has no table head of SoFiA 2. Name its ASCII catalogue *_cat.txt or its VOTable *_cat.xml"
        raise InputFault(message)
    ends = [match.end() for match in re.finditer(r"\d+", head[at])]
    cuts = list(zip([1, *ends[:-1]], ends, strict=True))
    names, units = ([line[first:last].strip() for first, last in cuts] for line in head[at + 1 : at + 3])
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            cells = line.rsplit(None, len(names) - 1)
            if len(cells) != len(names):
                message = (
                    f"{path}, line {number}: {len(cells)} columns, expected {len(names)}. It may be cut short"
                )
                raise InputFault(message)
            rows.append(cells)
    return names, units, rows


def _votable(path: Path, text: str) -> Cells:
    fields: list[tuple[str, str]] = []
    rows: list[list[str]] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        match tag.rpartition(":")[2]:
            case "FIELD":
                fields.append((attributes.get("name", ""), attributes.get("unit", "")))
            case "TR":
                rows.append([])
            case "TD" if rows:
                rows[-1].append("")

    def inside(data: str) -> None:
        if rows and rows[-1]:
            rows[-1][-1] += data

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.CharacterDataHandler = begin, inside
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        message = f"{path} is not readable as a VOTable ({error}). It may be cut short: write it again"
        raise InputFault(message) from error
    odd = next((i for i, row in enumerate(rows) if len(row) != len(fields)), None)
    if not fields or odd is not None:
        what = "has no FIELD" if odd is None else f"has {len(rows[odd])} cells in row {odd + 1}"
        message = f"{path} {what}; expected a VOTable of SoFiA 2 with one cell per FIELD"
        raise InputFault(message)
    return [name for name, _ in fields], [unit for _, unit in fields], rows
