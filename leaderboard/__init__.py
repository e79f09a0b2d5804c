"""What goes out: ranks with their uncertainty, figures, and the static site.

``build(out, releases)`` writes the site from plain data; ``ranks.rank`` is the ranking alone.
"""

from blindsky.leaderboard.boards import EntryView, ReleaseView
from blindsky.leaderboard.site import build

__all__ = ["EntryView", "ReleaseView", "build"]
