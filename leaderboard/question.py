"""The pages above the boards: the list of all challenges, what each one asks, and the data card of a release."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from markupsafe import Markup

from blindsky.challenges import datacard
from blindsky.challenges.challenge import Challenge, Size, Track
from blindsky.challenges.prediction import Column, Prediction
from blindsky.leaderboard import boards, figures, galleries, pages
from blindsky.leaderboard.boards import BoardTable, ReleaseView
from blindsky.leaderboard.overlay import drawn
from blindsky.leaderboard.pictures import Stamp, stamps
from blindsky.leaderboard.prose import markdown, without_title
from blindsky.scoring.metric import Metric

GLIMPSE = 4  # pictures beside a challenge in the list of all; one of a kind that shows several panels
SHOWN = 8  # pictures of one kind in the gallery of a challenge; the page of the release has all


class Front(NamedTuple):
    """A release as the pages above it show it: its folder, its size, and the boards where somebody is ranked."""

    release: ReleaseView
    folder: str
    leads: tuple[BoardTable, ...]
    cases: int | None
    submissions: int
    baselines: int


class Command(NamedTuple):
    """What to type, and what it does."""

    line: str
    does: str


class TrackRow(NamedTuple):
    """A track with its sizes and the releases of it that are here."""

    track: Track
    sizes: Mapping[str, Size]
    fronts: tuple[Front, ...]


Ranking = tuple[str, tuple[Markup, ...]]  # on which tracks, where they differ, and a line per board


class Answer(NamedTuple):
    """What to send on some tracks, and how it is ranked."""

    heading: str
    send: Markup
    rankings: tuple[Ranking, ...]


class Measures(NamedTuple):
    """The metrics of some tracks: those that rank, those beside them on a board, and all others."""

    heading: str
    ranking: tuple[Metric, ...]
    shown: tuple[Metric, ...]
    further: tuple[Metric, ...]


def pages_above(
    releases: Sequence[tuple[ReleaseView, Sequence[BoardTable]]],
    homes: Mapping[str, str],
    folders: Mapping[str, str],
) -> dict[str, str]:
    """``index.html`` and a page per challenge, by path; releases of a challenge stand together.

    releases : each with its boards of the part that ranks; their entries are not read.
    homes : folder by name of the challenge.   folders : by id of the release.
    """
    by_name: dict[str, list[Front]] = {}
    for release, tables in releases:
        made = _front(release, tables, folders[release.release_id])
        by_name.setdefault(release.question.name, []).append(made)
    asked = [(tuple(fronts), homes[name]) for name, fronts in by_name.items()]
    files = {"index.html": _index(asked)}
    for some, home in asked:
        files[f"{home}/index.html"] = _challenge(some)
    return files


def card_page(release: ReleaseView, home: str) -> str:
    """The data card of a release: its README as a page."""
    return pages.render_page(
        "card.html.j2",
        root="../",
        title=f"Data card of {release.title}",
        release=release,
        home=home,
        card=markdown(without_title(release.data_card), below=1),
    )


def commands(release: ReleaseView) -> tuple[Command, ...]:
    """How to take part, in three commands; of a release that is revealed, how to check it."""
    i = release.release_id
    where = release.url or f"https://…/{i}/"
    get = Command(f"blindsky download {where}", "the public part, every sha256 checked; a folder will do")
    check = Command(
        f"blindsky check predictions.parquet --release {i}",
        "every fault at once: row, column, expected, how to mend",
    )
    if release.status == "open":
        hand_in = (
            f'blindsky submit predictions.parquet --release {i} --team "Your team" --method "Your method"'
        )
        send = f"send the file to {release.contact}" if release.contact else "send them the file"
        return (get, check, Command(hand_in, f"in the organiser’s arena; from elsewhere, {send}"))
    verify = Command(
        f"blindsky verify {i}", "proves row by row that the truth is the one that was committed to"
    )
    return (get, check, verify)


def _front(release: ReleaseView, tables: Sequence[BoardTable], folder: str) -> Front:
    kinds = list({row.who.id: row.who.kind for table in tables for row in table.rows}.values())
    return Front(
        release,
        folder,
        tuple(table for table in tables if table.lead),
        max((table.cases for table in tables if table.cases is not None), default=None),
        kinds.count("submission"),
        kinds.count("baseline"),
    )


def _index(asked: Sequence[tuple[tuple[Front, ...], str]]) -> str:
    rows = [
        {
            "challenge": fronts[0].release.question,
            "home": home,
            "fronts": fronts,
            "glimpse": _glimpse(fronts, f"glimpse-{k}"),
        }
        for k, (fronts, home) in enumerate(asked)
    ]
    return pages.render_page(
        "index.html.j2",
        root="",
        title="Leaderboards",
        rows=rows,
        releases=sum(len(fronts) for fronts, _ in asked),
        part_titles=boards.PART_TITLES,
    )


def _glimpse(fronts: Sequence[Front], uid: str) -> tuple[Sequence[Stamp], Markup | None]:
    """Some pictures of a challenge's data, or else its last plate."""
    for front in fronts:
        for sample in front.release.album.samples:
            found = stamps(front.release.album, "train", sample.rows, sample.notes)
            if found:
                return found[: 1 if galleries.is_wide(front.release) else GLIMPSE], None
    for front in fronts:
        for plate in front.release.plates[-1:]:
            return (), figures.draw(plate.kind, plate.data, uid=uid, title=plate.title)
    return (), None


def _challenge(fronts: tuple[Front, ...]) -> str:
    challenge = fronts[0].release.question
    seen = next((f for f in fronts if f.release.album.samples or f.release.plates), None)
    now = next((f for f in fronts if f.release.status == "open"), fronts[0])
    published = [
        (front, front.release.challenge.tracks[0].published)
        for front in fronts
        if front.release.challenge.tracks[0].published is not None
    ]
    asked = [challenge.on(track.name) for track in challenge.tracks]
    return pages.render_page(
        "challenge.html.j2",
        scripts=pages.READING,
        root="../",
        title=challenge.title,
        challenge=challenge,
        fronts=fronts,
        tracks=_tracks(challenge, fronts),
        now=now,
        commands=commands(now.release),
        seen=seen,
        galleries=galleries.samples(seen.release, SHOWN) if seen else [],
        plates=drawn(seen.release.plates[:SHOWN], "plate") if seen else [],
        answers=_answers(asked),
        measures=_measures(asked),
        described=pages.described,
        about=markdown(challenge.about(), below=2),
        published=published,
        part_titles=boards.PART_TITLES,
    )


def _tracks(challenge: Challenge, fronts: Sequence[Front]) -> list[TrackRow]:
    """Every track; one that only an imported release has comes last."""
    of = {
        name: tuple(f for f in fronts if f.release.track == name)
        for name in {f.release.track for f in fronts}
    }
    return [
        TrackRow(track, challenge.sizes if track.sizes is None else track.sizes, of.get(track.name, ()))
        for track in challenge.tracks
    ]


def _answers(asked: Sequence[Challenge]) -> list[Answer]:
    """What to send, once for all tracks where only the range of a number differs; a track each in ``asked``."""
    grouped = _grouped(asked, lambda one: _unranged(one.prediction))
    return [_answer(heading, some) for heading, some in grouped]


def _answer(heading: str, asked: Sequence[Challenge]) -> Answer:
    text = datacard.prediction_text(asked[0].prediction, ranges=_ranges(asked))
    rankings = tuple(
        (on, tuple(markdown(datacard.board_text(b).removeprefix("- "), below=3) for b in some[0].boards))
        for on, some in _grouped(asked, lambda one: one.boards)
    )
    return Answer(heading, markdown(text, below=3), rankings)


def _measures(asked: Sequence[Challenge]) -> list[Measures]:
    """The metrics, once for all tracks that have the same."""
    made = []
    for heading, some in _grouped(asked, lambda one: one.metrics):
        every = [board for one in some for board in one.boards]
        first = {key for board in every for key in board.primary}
        on_board = {key for board in every for key in board.metrics} - first
        metrics = some[0].metrics
        made.append(
            Measures(
                heading,
                tuple(m for m in metrics if m.key in first),
                tuple(m for m in metrics if m.key in on_board),
                tuple(m for m in metrics if m.key not in first | on_board),
            )
        )
    return made


def _grouped(
    asked: Sequence[Challenge], by: Callable[[Challenge], object]
) -> list[tuple[str, list[Challenge]]]:
    """Tracks for which ``by`` gives the same, in order, under a heading that names them; without where all do."""
    groups: list[list[Challenge]] = []  # searched, because what a track declares may have no hash
    for one in asked:
        same = next((group for group in groups if by(group[0]) == by(one)), None)
        if same is None:
            groups.append([one])
        else:
            same.append(one)
    if len(groups) == 1:
        return [("", groups[0])]
    return [(f"On {_listed([one.tracks[0].title for one in group])}", group) for group in groups]


def _unranged(prediction: Prediction) -> Prediction:
    """A prediction whose numbers may be any."""
    fields = (
        replace(f, low=-math.inf, high=math.inf, above=-math.inf) if isinstance(f, Column) else f
        for f in prediction.fields
    )
    return replace(prediction, fields=tuple(fields))


def _ranges(asked: Sequence[Challenge]) -> dict[str, str]:
    """The ranges of a number in words with the names of the tracks, where these differ; by its name."""
    found = {}
    for column in asked[0].prediction.columns:
        of: dict[str, list[str]] = {}
        for one in asked:
            own = next(c for c in one.prediction.columns if c.name == column.name)
            of.setdefault(datacard.bounds_text(own), []).append(f"`{one.tracks[0].name}`")
        if len(of) > 1:
            found[column.name] = ",".join(
                f"{text or ' of any size'} on {_listed(on)}" for text, on in of.items()
            )
    return found


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
