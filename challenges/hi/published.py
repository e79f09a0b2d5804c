"""The final scores of SKA Science Data Challenge 2 on its own cube, beside ours.

The counts are those of the leaderboard as Hartley et al. 2023 and the HI-FRIENDS repository show it; what follows from
a score and its counts is computed by this challenge's own formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from blindsky.challenges.challenge import Published, Result

DETECTABLE = 8640.0
"""Sources of the full cube with S/N >= 5, an estimate: 411 of the 11,091 in the truth of the large development field,
times 233,245 / 11,091."""


class Team(NamedTuple):
    """A final score, its numbers of detections and matches (None where nobody says), and by what method."""

    name: str
    score: float
    counts: tuple[int, int] | None
    method: str


TEAMS = (
    Team("MINERVA", 23254.16, (32652, 30841), "two networks merged"),
    Team("FORSKA-Sweden", 22489.43, (33294, 31507), "3-D U-Net and SoFiA"),
    Team("SoFiA", 16822.24, (24923, 23486), "SoFiA 2"),
    Team("NAOC-Tianlai", 14416.02, (29151, 26020), "SoFiA 2"),
    Team("HI-FRIENDS", 13902.62, (21903, 20828), "SoFiA 2"),
    Team("EPFL", 8515.16, (19116, 16742), "wavelets and network"),
    Team("Spardha", 5614.59, (18000, 14513), "hybrid"),
    Team("Starmech", 2096.0, (27799, 17560), "SoFiA 2"),
    Team("JLRAT", 1079.73, (2100, 1918), "network"),
    Team("Coin", -1.76, None, ""),
    Team("HIRAXers", -2.00, None, ""),
    Team("SHAO", -471.00, None, ""),
    Team("YOLO-CIANNA II", 25453.0, None, "network, after the challenge"),
)
_PURITY = {"YOLO-CIANNA II": 0.923}  # arXiv 2509.12082


def results() -> tuple[Result, ...]:
    """The teams with the metrics that follow from what is known of them."""
    return tuple(Result(team.name, team.method, _values(team)) for team in TEAMS)


def _values(team: Team) -> Mapping[str, float]:
    values = {"sdc2_value": team.score, "value_norm": team.score / DETECTABLE}
    if team.name in _PURITY:
        values["purity"] = _PURITY[team.name]
    if team.counts is not None:
        claims, matches = team.counts
        false = claims - matches
        values |= {
            "purity": matches / claims,
            "accuracy": 100 * (team.score + false) / matches,
            "n_det": claims,
            "n_match": matches,
            "n_false": false,
        }
    return values


def _curves(figure: str) -> tuple[Mapping[str, Any], ...]:
    """None were published as numbers."""
    del figure
    return ()


PUBLISHED = Published(
    "Published in Hartley et al. 2023",
    "Final scores of SKA Science Data Challenge 2, on its cube of 913 GB with 233,245 sources: not ranked here. "
    "Roughly, scores of different skies compare as the score over detectable sources; but fainter matches count in it, "
    "too, and a large cube has more of them: the whole truth of a tiny one has little more than 1. The number of "
    "detectable sources in that cube, 8,640 with S/N of 5 and more, is an estimate: 411 of its development field, "
    "scaled. "
    "Accuracies follow from score and counts; that of Spardha is published as 75 %. Starmech and YOLO-CIANNA II (arXiv "
    "2509.12082, 2025) are not from the final leaderboard.",
    results,
    _curves,
)
