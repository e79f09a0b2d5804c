"""blindsky: blind data challenges for astronomy, from mock sky to published leaderboard.

A few functions serve a notebook; everything else is on the command line (``blindsky --help``)::

    data = blindsky.load("photoz-representative-tiny-1a2b3c4d")   # pandas tables, a torch Dataset
    blindsky.check(predictions, data.path)                          # every fault at once
    blindsky.score(predictions, data.path)                          # organisers: the score card
    blindsky.board(data.path)                                       # a board as a pandas table
    blindsky.figure(data.path, "ceiling", "pit")                    # a figure as the site draws it
"""

from __future__ import annotations

from blindsky.api import Data, Drawing, board, check, figure, load, score

__all__ = ["Data", "Drawing", "__version__", "board", "check", "figure", "load", "score"]


def __getattr__(name: str) -> str:
    """``__version__``, looked up when asked for: the metadata machinery costs 40 ms."""
    if name == "__version__":
        from importlib.metadata import version

        return version("blindsky")
    message = f"module 'blindsky' has no attribute {name!r}"
    raise AttributeError(message)
