"""The pages above the boards: the list of all challenges, what each one asks, and the data card of a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from blindsky.challenges import datacard
from blindsky.challenges.challenge import Board, Challenge, Size, Track
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


class Answer(NamedTuple):
    """What to send on some tracks, how it is ranked, and by which numbers."""

    heading: str
    send: Markup
    boards: tuple[tuple[Board, Markup], ...]
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
        return (get, check, Command(hand_in, "in the organiser’s arena; from elsewhere, send them the file"))
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
        answers=_answers(challenge),
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


def _answers(challenge: Challenge) -> list[Answer]:
    """What to send: as the challenge says it, then each track that says otherwise."""
    own = [t for t in challenge.tracks if t.prediction or t.boards or t.metrics]
    general = [t for t in challenge.tracks if t not in own]
    made = []
    if general:
        heading = f"On {_listed([t.title for t in general])}" if own else ""
        made.append(_answer(challenge.on(general[0].name), heading))
    return made + [_answer(challenge.on(t.name), f"On {t.title}") for t in own]


def _answer(asked: Challenge, heading: str) -> Answer:
    first = {key for board in asked.boards for key in board.primary}
    on_board = {key for board in asked.boards for key in board.metrics} - first
    return Answer(
        heading,
        markdown(datacard.prediction_text(asked.prediction), below=3),
        tuple(
            (board, markdown(datacard.board_text(board).removeprefix("- "), below=3))
            for board in asked.boards
        ),
        tuple(m for m in asked.metrics if m.key in first),
        tuple(m for m in asked.metrics if m.key in on_board),
        tuple(m for m in asked.metrics if m.key not in first | on_board),
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
