"""blindsky: blind data challenges for astronomy, from mock sky to published leaderboard.

Three functions serve a notebook; everything else is on the command line (``blindsky --help``)::

    data = blindsky.load("photoz-representative-tiny-1a2b3c4d")   # pandas tables, a torch Dataset
    blindsky.check(predictions, data.path)                          # every fault at once
    blindsky.score(predictions, data.path)                          # organisers: the score card
"""

from __future__ import annotations

from importlib.metadata import version

from blindsky.api import Data, check, load, score

__version__ = version("blindsky")
__all__ = ["Data", "__version__", "check", "load", "score"]
