"""The only place where the truth of a field and a catalogue meet.

What comes out are rows: one for each source of the truth, then one for each claim. A case is a block of the field, and
all weights belong to blocks: a source to its own, a claim to that of the source it was matched to, or else to the one
it points at. What is not defined on a row is NaN there and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from blindsky.challenges.hi.field import Field
from blindsky.challenges.hi.population import snr
from blindsky.scoring import catalogue
from blindsky.scoring.catalogue import SCORES, Match
from blindsky.scoring.measurements import Array, FloatArray, Measured, Table

SOURCE, CLAIM = 0, 1  # kinds of rows
DETECTABLE = 5.0  # S/N
BLEND = (20.0, 1e6)  # arcsec and Hz, to the next source
BRIGHT = (10e-3, 30.0)  # Jy at 1.4 GHz, and how near in arcsec
FIFTHS = 5  # of the band
RATIOS = ("line_flux_integral", "hi_size", "w20")  # properties told as claimed over true value
_TOLD = catalogue.COLUMNS[1:]  # of the source, or else of the claim

Indices = NDArray[np.intp]


def geometry(blocks: Table) -> Field:
    """The field whose blocks these are; what its sky was made with is not known."""
    first = {axis: int(np.min(blocks[f"{axis}0"])) for axis in ("x", "y", "chan")}
    end = {axis: int(np.max(blocks[f"{axis}1"])) for axis in first}
    side = {axis: int(np.max(blocks[f"{axis}1"] - blocks[f"{axis}0"])) for axis in first}
    return Field(
        nx=end["x"],
        ny=end["y"],
        nchan=end["chan"] - first["chan"],
        k0=first["chan"],
        noise=1.0,
        density=1.0,
        flux_min=0.0,
        block=(side["x"], side["y"], side["chan"]),
        noise_side=0,
    )


def measure(tables: Mapping[str, Table], claims: Table) -> Measured:
    """All of a field, in one go.

    tables : ``test``, the blocks with block, x0, x1, y0, y1, chan0, chan1 (n,); ``truth_sources``, block and columns of
    SDC2 and, where known, snr and f_in; ``test_channels``, and ``truth_continuum`` (ra, dec, flux in Jy at 1.4 GHz),
    where there are such.
    claims : (k,) columns of SDC2 and, where given, conf.

    Rows: kind.
    Of sources found, 1 or 0; found5, the same where snr >= 5.
    Of claims gain and strict_gain, what they add to the value and to that of the one-to-one variant; hit, 1 or 0; bad,
    1 near a source and unlike it, or 0; snr_claimed; conf.
    Of accepted claims score_<property>, from 0 to 1; off_<property>: claimed over true value minus 1 of ``RATIOS``,
    arcsec of position, km/s at rest of central_freq, deg claimed minus true of pa and i.
    Of all rows, those of a source for accepted claims: the properties of SDC2; snr, f_in,
    gamma; fifth, which of the band; blended, 1 where another source is near; near_continuum, 1 near a bright continuum
    source. Of other claims their own; f_in and what lies near them, which is hidden, is not known.
    """
    sources, blocks = tables["truth_sources"], tables["test"]
    field = geometry(blocks)
    claims = {  # ids from 2^53 on are not told apart as floats
        name: np.asarray(column) if name == "id" else np.asarray(column, np.float64)
        for name, column in claims.items()
    }
    found, one = catalogue.match(sources, claims), catalogue.strict(sources, claims)
    n, k = len(sources["id"]), found.n_det
    rows: Table = {
        name: np.concatenate([own, other]) for name, (own, other) in _told(tables, field, claims).items()
    }
    for column in rows.values():
        column[n + found.claim] = column[found.truth]
    rows["kind"] = np.repeat(np.array([SOURCE, CLAIM], np.int8), [n, k])
    hit: FloatArray = np.zeros(n)
    hit[found.truth] = 1
    rows["found"] = _first(hit, k)
    if "snr" in rows:
        rows["found5"] = np.where(rows["snr"] >= DETECTABLE, rows["found"], np.nan)
    accepted, bad = np.zeros(k), np.zeros(k)
    accepted[found.claim] = bad[found.bad] = 1
    of_claims = {"gain": found.gains, "strict_gain": one.gains, "hit": accepted, "bad": bad}
    of_claims |= {"conf": claims["conf"]} if "conf" in claims else {}
    of_claims |= _accepted(sources, claims, found)
    rows |= {name: _last(column, n) for name, column in of_claims.items()}
    case = _cases(blocks, field, sources, claims)
    case[n + found.claim] = case[found.truth]
    if "test_channels" in tables:
        rows["snr_claimed"] = _last(_snr(field, claims, tables["test_channels"]), n)
    return Measured(rows, case=case)


def _told(
    tables: Mapping[str, Table], field: Field, claims: Table
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """What is known of the place and kind of sources (n,), and of claims (k,) by what they say."""
    sources = tables["truth_sources"]
    unknown: FloatArray = np.full(len(claims["id"]), np.nan)
    told: dict[str, tuple[Array, Array]] = {name: (sources[name], claims[name]) for name in _TOLD}
    told["fifth"] = _fifth(field, sources), _fifth(field, claims)
    told["blended"] = _blended(sources), unknown
    if "f_in" in sources:
        told["f_in"] = sources["f_in"], unknown
    if "snr" in sources:
        known = "test_channels" in tables
        told["snr"] = sources["snr"], _snr(field, claims, tables["test_channels"]) if known else unknown
    if "test_channels" in tables:
        gamma = tables["test_channels"]["gamma"]
        told["gamma"] = gamma[_plane(field, sources)], gamma[_plane(field, claims)]
    if "truth_continuum" in tables:
        bright = _bright(tables["truth_continuum"])
        told["near_continuum"] = _beside_any(sources, bright), unknown
    return {name: (np.asarray(a, np.float64), np.asarray(b, np.float64)) for name, (a, b) in told.items()}


def _plane(field: Field, table: Table) -> Indices:
    """Plane of the cube nearest to each row's frequency; the first or the last one for rows outside the band."""
    local = np.nan_to_num(field.channel(table["central_freq"]) - field.k0)
    return np.rint(np.clip(local, 0, field.nchan - 1)).astype(np.intp)


def _fifth(field: Field, table: Table) -> Array:
    return np.asarray(_plane(field, table) * FIFTHS // field.nchan)


def _snr(field: Field, claims: Table, channels: Table) -> FloatArray:
    """S/N by what the claims say of themselves (k,); NaN where they say nothing that could be."""
    with np.errstate(all="ignore"):
        return snr(field, claims, channels)


def _everywhere(table: Table) -> Table:
    """Places on the sky, whatever their frequency."""
    n = len(table["ra"])
    return {"ra": table["ra"], "dec": table["dec"], "central_freq": np.full(n, np.mean(catalogue.BAND))}


def _blended(sources: Table) -> FloatArray:
    """1 for sources that have another one near, 0 for others."""
    n = len(sources["id"])
    pairs = catalogue.near(sources, sources, reach=np.full(n, BLEND[0]), width=np.full(n, BLEND[1]))
    return (np.bincount(pairs.truth, minlength=n) > 1).astype(np.float64)


def _bright(continuum: Table) -> Table:
    return {name: np.asarray(continuum[name])[continuum["flux"] > BRIGHT[0]] for name in ("ra", "dec")}


def _beside_any(rows: Table, bright: Table) -> FloatArray:
    """1 for rows that have a bright continuum source before or behind them, 0 for others."""
    n = len(bright["ra"])
    pairs = catalogue.near(
        _everywhere(bright), _everywhere(rows), reach=np.full(n, BRIGHT[1]), width=np.ones(n)
    )
    return (np.bincount(pairs.claim, minlength=len(rows["ra"])) > 0).astype(np.float64)


def _first(column: Array, k: int) -> FloatArray:
    """A column of sources, NaN for the claims."""
    return np.append(np.asarray(column, np.float64), np.full(k, np.nan))


def _last(column: Array, n: int) -> FloatArray:
    """A column of claims, NaN for the sources."""
    return np.append(np.full(n, np.nan), np.asarray(column, np.float64))


def _cases(blocks: Table, field: Field, sources: Table, claims: Table) -> NDArray[np.int64]:
    """Row of the block of each source, and of the one that each claim points at."""
    order = np.argsort(blocks["block"], kind="stable")
    own = order[np.searchsorted(blocks["block"], sources["block"], sorter=order)]
    row_at = np.empty(field.blocks, dtype=np.intp)
    row_at[field.block_of(blocks["x0"], blocks["y0"], blocks["chan0"])] = np.arange(len(order))
    x, y = field.pixel(claims["ra"], claims["dec"])
    pointed = row_at[field.block_of(x, y, field.channel(claims["central_freq"]))]
    return np.concatenate([own, pointed]).astype(np.int64)


def _accepted(sources: Table, claims: Table, found: Match) -> dict[str, FloatArray]:
    """Scores and errors of accepted claims, (k,) each, NaN for others."""
    i, j = found.truth, found.claim
    claimed = {name: np.asarray(claims[name], np.float64)[j] for name in catalogue.COLUMNS[1:]}
    true = {name: np.asarray(sources[name], np.float64)[i] for name in catalogue.COLUMNS[1:]}
    off = {name: claimed[name] / true[name] - 1 for name in RATIOS}
    off["position"] = catalogue.separations(true["ra"], true["dec"], claimed["ra"], claimed["dec"])
    shift = claimed["central_freq"] - true["central_freq"]
    off["central_freq"] = -shift / true["central_freq"] * catalogue.LIGHT / 1000
    off["pa"] = (claimed["pa"] - true["pa"] + 180) % 360 - 180
    off["i"] = claimed["i"] - true["i"]
    numbers = {f"score_{name}": found.scores[:, c] for c, name in enumerate(SCORES)}
    numbers |= {f"off_{name}": error for name, error in off.items()}
    columns = {}
    for name, known in numbers.items():
        columns[name] = np.full(found.n_det, np.nan)
        columns[name][j] = known
    return columns
