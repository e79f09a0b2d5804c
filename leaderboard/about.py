"""The page that says how ranking works: plain words, exact definitions, and the constants that the code itself uses."""

from __future__ import annotations

from blindsky.challenges import curves
from blindsky.challenges.writing import PUBLIC_SHARE
from blindsky.leaderboard import boards, cells, pages, ranks
from blindsky.scoring.weights import REPLICATES, SLICE_REPLICATES

STATES = (
    ("valid", "it passed the check and has a card made with the present data, truth and scorer", True),
    ("waiting", "it passed the check and is not scored yet", False),
    (
        "outdated",
        "its card was made with other data, another truth or another scorer: it is scored again",
        False,
    ),
    ("superseded", "the same team handed in a later prediction of the same method", False),
    ("withdrawn", "its team, or the organiser, took it back", False),
    ("invalid", "it fails the check; the reasons are listed with it", False),
    ("failed", "scoring stopped; the organiser knows why", False),
)


def about_page() -> str:
    """How scores, intervals, ranks and ties are made, and what is shown when."""
    return pages.render_page(
        "about.html.j2",
        root="",
        title="How ranking works",
        replicates=REPLICATES,
        slice_replicates=SLICE_REPLICATES,
        share=round(100 * PUBLIC_SHARE),
        percent=round(100 * (1 - 2 * ranks.TAIL)),
        cut=int(ranks.TAIL * REPLICATES),
        fewest=curves.FEWEST,
        fewest_of_slice=boards.FEWEST["open"],
        two_cases=round(cells.TWO_CASES / 10),
        intervals=pages.INTERVALS,
        states=STATES,
    )
