"""Which claim of a catalogue is which source of the truth, and the SDC2 score of the catalogue (Hartley et al. 2023).

Equal to ``Sdc2Scorer`` of ska-sdc 2.0.0 in every count, and in value to rounding. There the pairs are searched within a
radius that the claim itself names; here they are searched within the windows of the truth, outside which no pair
survives, so no claim can make the search long. A table of sources has the columns of SDC2: id; ra, dec in deg;
hi_size in arcsec; line_flux_integral in Jy Hz; central_freq in Hz; pa, i in deg; w20 in km/s. Those of the truth are
finite, with sizes, fluxes and widths above 0; claims may be any numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blindsky.scoring.measurements import Array, FloatArray, Table
from blindsky.scoring.metric import block

BAND = (0.95e9, 1.15e9)  # Hz, open: rows outside are no source's
CENTRE = (180.0, -30.0)  # deg, of the field
BEAM = 7.0  # arcsec
REST = 1.420405752e9  # Hz
LIGHT = 299_792_458.0  # m/s
ARCSEC = 206_265.0  # per radian, as the scorer has it
FARTHEST = 5.0  # D of a pair that no longer counts
COLUMNS = ("id", "ra", "dec", "hi_size", "line_flux_integral", "central_freq", "pa", "i", "w20")
SCORES = ("position", "central_freq", "flux", "hi_size", "pa", "w20", "i")
_TOLERANCE = {
    "position": 0.3,
    "central_freq": 0.3,
    "flux": 0.1,
    "hi_size": 0.3,
    "pa": 10.0,
    "w20": 0.3,
    "i": 10.0,
}
_STRIP = 20.0  # arcsec of declination: few truths reach into more than three strips
_STRIPS = 180 * 3600 / _STRIP
_CANDIDATES = 2**20  # pairs looked at together
_RADIANS = np.pi / 180

Indices = NDArray[np.intp]


class Pairs(NamedTuple):
    """Rows of the truth and of the claims side by side (m,), with separation in arcsec and difference in Hz."""

    truth: Indices
    claim: Indices
    separation: FloatArray
    shift: FloatArray

    def take(self, rows: Array) -> Pairs:
        """Some of the pairs, in this order."""
        return Pairs(self.truth[rows], self.claim[rows], self.separation[rows], self.shift[rows])

    def joined(self, others: Sequence[Pairs]) -> Pairs:
        """These pairs, then others."""
        together = zip(self, *others, strict=True)
        return Pairs(*map(np.concatenate, together))


@dataclass(frozen=True)
class Match:
    """The claims that count, by row.

    n_det : number of claims.   claim, truth : (m,) rows of accepted pairs, ascending by claim.   distance : (m,) of
    them, D.   n_dup : (m,) how many claims chose that truth.   scores : (m, 7) of the properties ``SCORES``, 0 to 1.
    bad : (k,) rows of claims whose best pair is too far; they are false, too.
    """

    n_det: int
    claim: Indices
    truth: Indices
    distance: FloatArray
    n_dup: NDArray[np.int64]
    scores: FloatArray
    bad: Indices

    @property
    def n_match(self) -> int:
        """Number of claims accepted."""
        return len(self.claim)

    @property
    def n_bad(self) -> int:
        """Number of claims near a truth and unlike it."""
        return len(self.bad)

    @property
    def n_false(self) -> int:
        """Number of claims that are no source, the bad ones with them."""
        return self.n_det - self.n_match

    @cached_property
    def gains(self) -> FloatArray:
        """What each claim adds to the value, (n_det,): mean score over n_dup, -1 for false ones."""
        gains: FloatArray = np.full(self.n_det, -1.0)
        gains[self.claim] = self.scores.mean(axis=1) / self.n_dup
        return gains

    @property
    def score_det(self) -> float:
        """Sum of the gains of accepted claims."""
        return float(self.gains[self.claim].sum())

    @property
    def accuracy(self) -> float:
        """Mean gain of accepted claims, per cent; 0 without any."""
        return 100 * self.score_det / self.n_match if self.n_match else 0.0

    @property
    def accuracies(self) -> dict[str, float]:
        """Mean of each property's score over accepted claims, per cent; none without any."""
        if not self.n_match:
            return {}
        return {name: 100 * float(mean) for name, mean in zip(SCORES, self.scores.mean(axis=0), strict=True)}


def match(truth: Table, claims: Table) -> Match:
    """Each claim with its most similar truth, as SDC2 scored them: several claims may share one.

    truth : (n,) columns of SDC2, ids unique.   claims : (n_det,) columns of SDC2. Claims that repeat an id compete as
    one. Equal pairs go by the id of the claim, then by that of the truth; of a repeated id by row.
    """
    truth, claims = _floats(truth), _floats(claims)
    conv, width = _convolved(truth["hi_size"]), _spectral_size(truth)
    pairs = _within_reach(truth, claims, near(truth, claims, reach=conv, width=width))
    distance = _distance(truth, claims, pairs, conv, width)
    order = np.lexsort((truth["id"][pairs.truth], pairs.claim, distance, claims["id"][pairs.claim]))
    chosen = claims["id"][pairs.claim[order]]
    order = order[np.append(True, chosen[1:] != chosen[:-1])[: len(order)]]
    pairs, distance = pairs.take(order), distance[order]
    n_dup = np.bincount(pairs.truth, minlength=len(conv))[pairs.truth]
    return _matched(truth, claims, pairs, distance, n_dup, width)


def strict(truth: Table, claims: Table) -> Match:
    """One claim for one truth: pairs are taken by D, then by the ids of claim and truth, while both are free.

    Candidates are all pairs within the truth's windows, whatever size the claim has, and the window of frequency is the
    observed width w20 nu/c. Arguments: ``match``.
    """
    truth, claims = _floats(truth), _floats(claims)
    conv = _convolved(truth["hi_size"])
    width = truth["w20"] * 1000 * truth["central_freq"] / LIGHT
    pairs = near(truth, claims, reach=conv, width=width)
    distance = _distance(truth, claims, pairs, conv, width)
    order = np.lexsort((pairs.claim, truth["id"][pairs.truth], claims["id"][pairs.claim], distance))
    order = order[distance[order] < FARTHEST]
    free_truth, free_claim = bytearray(b"\1" * len(conv)), bytearray(b"\1" * len(claims["id"]))
    taken = []
    for k, t, c in zip(order.tolist(), pairs.truth[order].tolist(), pairs.claim[order].tolist(), strict=True):
        if free_truth[t] and free_claim[c]:
            free_truth[t] = free_claim[c] = 0
            taken.append(k)
    kept = np.array(taken, dtype=np.intp)
    return _matched(truth, claims, pairs.take(kept), distance[kept], np.ones(len(kept), np.int64), width)


def value(match: Match, *, weights: Array | None = None) -> float:
    """Sum of the gains: scores of accepted claims over n_dup, minus the number of false ones.

    weights : (n_det,) >= 0, of the claims.   ValueError for weights out of range.
    """
    return float(block(match.n_det, weights)[0] @ match.gains)


def near(truth: Table, claims: Table, *, reach: Array, width: Array) -> Pairs:
    """All pairs within the windows of the truth, both in the band: separation < reach, |difference| < width.

    truth : (n,) ra, dec, central_freq.   claims : (k,) the same, any numbers.   reach : (n,) arcsec.   width : (n,) Hz.
    The first of each pair ascend.

    The claims are sorted by strip of declination, then by frequency; a truth looks into the strips that it reaches. No
    right ascension is sorted, so none needs to be wrapped.
    """
    here = np.flatnonzero(_in_band(truth))
    there = np.flatnonzero(_in_band(claims) & np.isfinite(claims["ra"]) & np.isfinite(claims["dec"]))
    strip, part = _strip(claims["dec"][there]), _part(claims["central_freq"][there])
    order = np.argsort(strip + part, kind="stable")
    there, key = there[order], (strip + part)[order]
    margin = 1e-9  # of the searches alone: what they find is looked at below
    dec, freq = truth["dec"][here], truth["central_freq"][here]
    half, slack = np.asarray(reach)[here] / 3600 + margin, np.asarray(width)[here] * (1 + margin) + 1.0
    first, last = _strip(dec - half), _strip(dec + half)
    low, high = (np.clip(_part(freq + side * slack), 0, 0.6) for side in (-1, 1))
    strips = (last - first + 1).astype(np.int64)
    asks = np.repeat(np.arange(len(here)), strips)
    at = first[asks] + _counting(strips)
    start = np.searchsorted(key, at + low[asks] - margin)
    count = np.maximum(np.searchsorted(key, at + high[asks] + margin, side="right") - start, 0)
    found = []
    ends = np.cumsum(count)
    cuts = np.searchsorted(ends, np.arange(_CANDIDATES, ends[-1] if len(ends) else 0, _CANDIDATES))
    for rows in np.split(np.arange(len(asks)), cuts):
        i = here[np.repeat(asks[rows], count[rows])]
        j = there[np.repeat(start[rows], count[rows]) + _counting(count[rows])]
        found.append(_looked_at(truth, claims, i, j, np.asarray(reach), np.asarray(width)))
    pairs = found[0].joined(found[1:])
    return pairs.take(np.lexsort((pairs.claim, pairs.truth)))


def _looked_at(truth: Table, claims: Table, i: Indices, j: Indices, reach: Array, width: Array) -> Pairs:
    """Those of the pairs (i, j) that are within the windows, with how far they are apart."""
    shift = np.abs(claims["central_freq"][j] - truth["central_freq"][i])
    close = (shift < width[i]) & (
        np.abs(claims["dec"][j] - truth["dec"][i]) * 3600 < reach[i] * (1 + 1e-9) + 1e-6
    )
    i, j, shift = i[close], j[close], shift[close]
    separation = separations(truth["ra"][i], truth["dec"][i], claims["ra"][j], claims["dec"][j])
    close = separation < reach[i]
    return Pairs(i[close], j[close], separation[close], shift[close])


def separations(ra: Array, dec: Array, other_ra: Array, other_dec: Array) -> FloatArray:
    """Great-circle distances in arcsec of places in deg, (n,) each (Vincenty 1975)."""
    turn = (np.asarray(other_ra) - ra) * _RADIANS
    a, b = np.asarray(dec) * _RADIANS, np.asarray(other_dec) * _RADIANS
    sin_a, cos_a, sin_b, cos_b, cos_turn = np.sin(a), np.cos(a), np.sin(b), np.cos(b), np.cos(turn)
    across = np.hypot(cos_b * np.sin(turn), cos_a * sin_b - sin_a * cos_b * cos_turn)
    along = sin_a * sin_b + cos_a * cos_b * cos_turn
    return np.asarray(np.arctan2(across, along) / _RADIANS * 3600)


def _floats(table: Table) -> Table:
    return {
        name: column if name == "id" else np.asarray(column, np.float64) for name, column in table.items()
    }


def _in_band(table: Table) -> NDArray[np.bool_]:
    return np.asarray((table["central_freq"] > BAND[0]) & (table["central_freq"] < BAND[1]))


def _strip(dec: Array) -> FloatArray:
    """Strip of declinations in deg; those beyond the poles belong to one strip more on either side."""
    return np.clip(np.floor((dec + 90) * 3600 / _STRIP), -1, _STRIPS)


def _part(frequency: Array) -> FloatArray:
    """How far frequencies are up the band, halved, so that a strip's keys never meet those of the next."""
    return np.asarray((frequency - BAND[0]) / (BAND[1] - BAND[0]) / 2)


def _counting(counts: Array) -> Indices:
    """0 ... c - 1 for each count c, one after the other."""
    return np.asarray(np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts))


def _convolved(size: FloatArray) -> FloatArray:
    """Sizes (n,) in arcsec as the beam shows them."""
    with np.errstate(over="ignore"):
        return np.sqrt(size**2 + BEAM**2)


def _spectral_size(table: Table) -> FloatArray:
    """Widths in Hz, by the optical convention: w20/(c f0/nu^2)."""
    return np.asarray(table["w20"] * 1000 / (LIGHT * REST / table["central_freq"] ** 2))


def angular_diameter_distances(z: FloatArray) -> FloatArray:
    """D_A (n,) in Mpc of redshifts (n,) >= 0, by the scorer's cosmology: H0 67, Omega_m 0.32, Omega_Lambda 0.68."""
    from astropy.cosmology import LambdaCDM

    return np.asarray(LambdaCDM(H0=67.0, Om0=0.32, Ode0=0.68).angular_diameter_distance(z).value)


def _redshifts(frequency: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return REST / frequency - 1


def _within_reach(truth: Table, claims: Table, pairs: Pairs) -> Pairs:
    """The pairs that the claim's own radius holds, too."""
    there, here = np.unique(pairs.claim, return_inverse=True)
    some = {name: claims[name][there] for name in ("ra", "dec", "hi_size", "central_freq", "w20")}
    seen, looking = np.unique(pairs.truth, return_inverse=True)
    source = {name: truth[name][seen] for name in ("ra", "dec", "central_freq")}
    d_a = angular_diameter_distances(_redshifts(some["central_freq"]))
    apart = _places(source, angular_diameter_distances(_redshifts(source["central_freq"])))[:, looking]
    apart -= _places(some, d_a)[:, here]
    radius = _radius(some, d_a)[here]
    inside = np.sqrt(np.sum(apart**2, axis=0)) <= radius
    return pairs.take(inside)


def _places(table: Table, d_a: FloatArray) -> FloatArray:
    """Places (3, n) in Mpc: offsets from the field's centre times D_A, and D_A."""
    turn, dec = (table["ra"] - CENTRE[0]) * _RADIANS, table["dec"] * _RADIANS
    sin0, cos0 = np.sin(CENTRE[1] * _RADIANS), np.cos(CENTRE[1] * _RADIANS)
    x = cos0 * np.cos(dec) * np.cos(turn) + sin0 * np.sin(dec)
    y = np.cos(dec) * np.sin(turn)
    z = cos0 * np.sin(dec) - sin0 * np.cos(dec) * np.cos(turn)
    return np.stack([d_a * np.arctan2(y, x), d_a * np.arctan2(z, np.hypot(x, y)), d_a])


def _radius(claims: Table, d_a: FloatArray) -> FloatArray:
    """How far a claim looks for its truth, Mpc: its size, or its width turned into a distance."""
    z = _redshifts(claims["central_freq"] + _spectral_size(claims))
    depth: FloatArray = np.full(len(z), np.nan)
    known = (z >= 0) & np.isfinite(z)
    depth[known] = d_a[known] - angular_diameter_distances(z[known])
    # above f0: more than D_A itself, which is more than any two places within a window are apart
    depth[(z >= -1) & (z < 0)] = np.inf
    return np.fmax(_convolved(claims["hi_size"]) / ARCSEC * d_a, depth)


def _distance(truth: Table, claims: Table, pairs: Pairs, conv: FloatArray, width: FloatArray) -> FloatArray:
    """D of pairs (m,): errors of place, frequency, flux, size and width, in units of the truth's own."""
    i, j = pairs.truth, pairs.claim

    def off(name: str, unit: FloatArray) -> FloatArray:
        return np.asarray((claims[name][j] - truth[name][i]) / unit[i])

    with np.errstate(over="ignore"):
        squares: FloatArray = (
            (pairs.separation / conv[i]) ** 2
            + (pairs.shift / width[i]) ** 2
            + off("line_flux_integral", truth["line_flux_integral"]) ** 2
            + off("hi_size", conv) ** 2
            + off("w20", truth["w20"]) ** 2
        )
        return np.asarray(np.sqrt(squares))


def _matched(
    truth: Table, claims: Table, pairs: Pairs, distance: FloatArray, n_dup: Array, width: FloatArray
) -> Match:
    """The pairs that are near enough, by claim, and what they score."""
    order = np.argsort(pairs.claim)
    order = order[distance[order] < FARTHEST]
    i, j = pairs.truth[order], pairs.claim[order]

    def off(name: str) -> FloatArray:
        return np.asarray(np.abs(claims[name][j] - truth[name][i]))

    with np.errstate(invalid="ignore", divide="ignore"):
        turn = claims["pa"][j] * _RADIANS - truth["pa"][i] * _RADIANS
        errors = {
            "position": pairs.separation[order] / np.sqrt(4 * BEAM**2 + truth["hi_size"][i] ** 2),
            "central_freq": pairs.shift[order] / width[i],
            "flux": off("line_flux_integral") / truth["line_flux_integral"][i],
            "hi_size": off("hi_size") / truth["hi_size"][i],
            "pa": np.abs(np.arctan2(np.sin(turn), np.cos(turn))) / _RADIANS,
            "w20": off("w20") / truth["w20"][i],
            "i": off("i"),
        }
        scores = [np.minimum(1.0, _TOLERANCE[name] / errors[name]) for name in SCORES]
    return Match(
        n_det=len(claims["id"]),
        claim=j,
        truth=i,
        distance=distance[order],
        n_dup=n_dup[order],
        scores=np.nan_to_num(np.stack(scores, axis=1)),  # an angle without end scores nothing
        bad=np.sort(pairs.claim[distance >= FARTHEST]),
    )
