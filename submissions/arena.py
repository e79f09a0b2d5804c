"""The arena: a folder of releases, submissions and cards. No database: any index is rebuilt from the folders.

    arena/  arena.toml  releases/<id>/  submissions/<id>/  cards/<id>/<serial>/  site/

Every folder appears whole or not at all; names that begin with a dot are never read. A submission's state is read
off the files beside it: ``withdrawn.json`` stays for good, ``fault.json`` until scoring goes well.
"""

from __future__ import annotations

import secrets
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from blindsky.challenges import tables
from blindsky.challenges.cards import newest_folder, next_folder, now
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import (
    PARTIAL,
    lock,
    machine_faults,
    new_folder,
    publish_folder,
    read_json,
    sha256,
    write_json,
)
from blindsky.challenges.manifest import MANIFEST
from blindsky.challenges.names import alike, clean_name
from blindsky.challenges.prediction import columns_of
from blindsky.challenges.registry import nearest
from blindsky.challenges.release import REVEALED, SECRET, UNSCORED, Public, Release, open_public, open_release
from blindsky.challenges.staging import PLAN
from blindsky.submissions.canonical import write_canonical
from blindsky.submissions.checking import CheckResult, check
from blindsky.submissions.faults import PredictionRefused, shown
from blindsky.submissions.settings import Settings

RECORD = "submission.json"
PREDICTION = "prediction.parquet"
TRAINING = "training.parquet"  # what the method finds in the training field
CHECK = "check.json"
WITHDRAWN = "withdrawn.json"
FAULT = "fault.json"
_STALE_SECONDS = 86400.0

State = Literal["valid", "invalid", "failed", "withdrawn", "superseded"]
Kind = Literal["submission", "baseline"]


@dataclass(frozen=True)
class Submission:
    """What was handed in: by whom, with which method, for which release.

    serial : order of arrival.   content : digest of the prediction's content.   file : digest of the stored file.
    """

    id: str
    serial: int
    release: str
    team: str
    method: str
    description: str
    kind: Kind
    submitted: str
    fields: tuple[str, ...]
    rows: int
    content: str
    file: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """A submission with its state and, where it is not valid, the reason."""

    submission: Submission
    state: State
    reason: str


class Arena:
    """A folder that holds a contest."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.releases = root / "releases"
        self.submissions = root / "submissions"
        self.cards = root / "cards"
        self.site = root / "site"
        self.settings = Settings(root / "arena.toml")

    def release_path(self, name: str) -> Path:
        """A release by its id in this arena, or by a path; InputFault with the nearest id where there is none."""
        known = self.release_ids()
        if name in known:
            return self.releases / name
        path = Path(name)
        with suppress(OSError):  # a name too long for a path, for instance, is no path
            if any((folder / MANIFEST).is_file() for folder in (path, path / "public")):
                return path
        here = f"Known here are: {', '.join(known)}" if known else "There are no releases here yet"
        message = f"no release {shown(name)} in the arena {self.root}, nor at that path: {nearest(name, known)}{here}"
        raise InputFault(message)

    def release_ids(self) -> tuple[str, ...]:
        """Ids of the releases in this arena, sorted."""
        return tuple(p.name for p in _folders(self.releases) if (p / "public" / MANIFEST).is_file())

    def unfinished(self) -> dict[str, Path]:
        """Folders of generating runs that were stopped, by the id with which they go on."""
        found = self.releases.glob(f"{PARTIAL}*/{PLAN}")
        return {p.parent.name.removeprefix(PARTIAL): p.parent for p in sorted(found)}

    def held_ids(self) -> tuple[str, ...]:
        """Ids of the releases whose private part is here too: those that can be scored."""
        return tuple(
            name for name in self.release_ids() if (self.releases / name / "private" / SECRET).is_file()
        )

    def public(self, name: str) -> Public:
        """The public part of a release."""
        return open_public(self.release_path(name))

    def release(self, name: str) -> Release:
        """A whole release, secrets included."""
        return open_release(self.release_path(name))

    def all(self, release: str | None = None) -> list[Submission]:
        """Submissions in order of arrival, of one release or of all."""
        found = [_read(path) for path in _folders(self.submissions) if (path / RECORD).is_file()]
        return sorted((s for s in found if release in (None, s.release)), key=lambda s: (s.serial, s.id))

    def get(self, submission: str) -> Submission:
        """A submission by its id; InputFault where there is none."""
        known = {s.id: s for s in self.all()}
        if submission not in known:
            hint = nearest(submission, tuple(known)) or "see submissions/ for the ids"
            message = f"no submission {shown(submission)} in the arena {self.root}: {hint.strip()}"
            raise InputFault(message)
        return known[submission]

    def standings(self, release: str) -> list[Standing]:
        """Every submission of a release with its state, in order of arrival."""
        ordered = self.all(release)
        own = {s.id: self._own_state(s) for s in ordered}
        latest = {_entry(s): s.id for s in ordered if own[s.id][0] == "valid"}
        standings = []
        for s in ordered:
            state, reason = own[s.id]
            newer = latest.get(_entry(s), s.id)
            if state == "valid" and newer != s.id:
                state, reason = "superseded", f"replaced by {newer}"
            standings.append(Standing(s, state, reason))
        return standings

    def _own_state(self, submission: Submission) -> tuple[State, str]:
        folder = self.submissions / submission.id
        if (folder / WITHDRAWN).is_file():
            return "withdrawn", str(read_json(folder / WITHDRAWN)["reason"])
        if (folder / FAULT).is_file():
            fault = read_json(folder / FAULT)
            return ("invalid" if fault["state"] == "invalid" else "failed"), str(fault["reason"])
        return "valid", ""

    def check(self, path: Path, release: str, ids: Path | None = None) -> CheckResult:
        """Every fault of a prediction; what to do next names release and arena as they are named here."""
        public = self.public(release)
        options = ["--release", release, *([] if self.root == Path() else ["--arena", str(self.root)])]
        found = check(path, public, ids)
        return replace(found, options=shlex.join(options), held=public.held, revealed=public.revealed)

    def submit(
        self,
        path: Path,
        release: str,
        *,
        team: str,
        method: str,
        description: str = "",
        kind: Kind = "submission",
        ids: Path | None = None,
        training: Path | None = None,
    ) -> Submission:
        """Check a prediction and keep it; nothing is written unless it is accepted.

        training : where predictions are catalogues, what the method finds in the training field, for figures alone.
        PredictionRefused with every fault of the file; InputFault for a name, a spent quota, or a release that takes
        nothing new.
        """
        team, method = clean_name(team, "team name"), clean_name(method, "method name")
        description = clean_name(description, "description", longest=500) if description else ""
        public = self.public(release)
        self.open_to(public, kind)
        self._within_quota(public.release_id, team, kind)
        if training is not None and public.challenge.prediction.catalogue is None:
            message = f"{public.challenge.name} asks for no answer to its training set. Leave --training out"
            raise InputFault(message)
        if training is not None:
            public.path("train")  # an import may have none
        result = self.check(path, release, ids)
        for found in (result, *([] if training is None else [self.check(training, release)])):
            if not found.ok:
                raise PredictionRefused(found)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        partial = self.submissions / f"{PARTIAL}{name}"
        with machine_faults("storing the submission", self.submissions):
            try:
                _for_owner(self.submissions)
                partial.mkdir()
                content = write_canonical(path, public, partial / PREDICTION, ids)  # checks what it stores
                if training is not None:
                    write_canonical(training, public, partial / TRAINING)
                stored = set(tables.column_names(partial / PREDICTION))
                fields = public.challenge.prediction.fields
                write_json(partial / CHECK, result.to_dict())
                with self._locked():
                    self._within_quota(public.release_id, team, kind)
                    record = Submission(
                        id=name,
                        serial=max((s.serial for s in self.all()), default=0) + 1,
                        release=public.release_id,
                        team=team,
                        method=method,
                        description=description,
                        kind=kind,
                        submitted=now(),
                        fields=tuple(f.name for f in fields if stored.issuperset(columns_of(f))),
                        rows=tables.rows(partial / PREDICTION),
                        content=content,
                        file=sha256(partial / PREDICTION),
                        notes=tuple(str(note) for note in result.notes),
                    )
                    write_json(partial / RECORD, asdict(record))
                    publish_folder(partial, self.submissions / name)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return record

    def open_to(self, public: Public, kind: Kind) -> None:
        """InputFault where a release takes nothing new: it holds no truth, or its truth is public.

        A baseline can't read the truth, so it may still come after the reveal.
        """
        public.path("test")
        if not public.has_truth:
            message = f"release {public.release_id} {UNSCORED}. To check one: blindsky check"
            raise InputFault(message)
        if public.revealed and kind == "submission":
            message = (
                f"release {public.release_id} is revealed: its truth is public, so nothing new can be ranked. "
                f"Compare with it yourself: it lies in {public.root / REVEALED}; or ask the organiser for a card, whom "
                "blindsky.score(prediction, release) in Python gives one"
            )
            raise InputFault(message)

    def _within_quota(self, release: str, team: str, kind: Kind) -> None:
        if kind == "baseline":
            return
        day = datetime.now(UTC) - timedelta(days=1)
        recent = [
            s
            for s in self.all(release)
            if s.kind == kind and alike(s.team) == alike(team) and datetime.fromisoformat(s.submitted) > day
        ]
        allowed = self.settings.per_day()
        if len(recent) >= allowed:
            again = datetime.fromisoformat(recent[-allowed].submitted) + timedelta(days=1)
            message = (
                f"team {team!r} has handed in {len(recent)} submissions to {release} within 24 hours, "
                f"{allowed} are allowed. The next one is possible from {again:%Y-%m-%d %H:%M} UTC"
            )
            raise InputFault(message)

    def withdraw(self, submission: str, reason: str = "") -> Submission:
        """Take a submission off the board for good; its files stay."""
        found = self.get(submission)
        why = clean_name(reason, "reason", longest=500) if reason else "withdrawn by its team"
        with self._locked():
            if (self.submissions / found.id / WITHDRAWN).exists():
                message = f"submission {found.id} is withdrawn already"
                raise InputFault(message)
            write_json(self.submissions / found.id / WITHDRAWN, {"withdrawn": now(), "reason": why})
        return found

    def mark(self, submission: Submission, state: Literal["invalid", "failed"], reason: str) -> None:
        """Record that a submission could not be scored."""
        content = {"state": state, "reason": reason, "time": now()}
        write_json(self.submissions / submission.id / FAULT, content)

    def clear(self, submission: Submission) -> None:
        """Forget an earlier failure, because scoring went well."""
        (self.submissions / submission.id / FAULT).unlink(missing_ok=True)

    def card_folder(self, submission: str) -> Path | None:
        """The newest card of a submission; earlier ones stay beside it."""
        return newest_folder(self.cards / submission)

    def prediction(self, submission: str) -> Path | None:
        """The stored prediction of a submission; None where there is none."""
        return self._stored(submission, PREDICTION)

    def training(self, submission: str) -> Path | None:
        """The stored catalogue of the training field; None where there is none."""
        return self._stored(submission, TRAINING)

    def _stored(self, submission: str, name: str) -> Path | None:
        path = self.submissions / submission / name
        return path if path.is_file() else None

    @contextmanager
    def new_card(self, submission: str) -> Iterator[Path]:
        """A folder for the next card of a submission; it appears when the block ends well."""
        with self._locked():
            with machine_faults("storing a card", self.cards):
                _for_owner(self.cards)
            with new_folder(next_folder(self.cards / submission)) as folder:
                yield folder

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with lock(self.root / ".lock", f"the arena {self.root}"):
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what killed runs left more than a day ago: submissions, cards, and sites beside the site."""
        for folder in (self.root, self.submissions, *self.cards.glob("*")):
            for leftover in folder.glob(f"{PARTIAL}*"):
                with suppress(FileNotFoundError):  # its own run has just removed it
                    if leftover.is_dir() and time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
                        shutil.rmtree(leftover, ignore_errors=True)


def _for_owner(folder: Path) -> None:
    """Make a folder that only its owner reads: others' predictions, and scores that no board shows yet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _folders(parent: Path) -> list[Path]:
    """What has appeared whole in a folder, by name; nothing where the folder isn't there."""
    return sorted(p for p in parent.iterdir() if not p.name.startswith(".")) if parent.is_dir() else []


def _entry(s: Submission) -> tuple[str, str, str]:
    """Of several with the same, the last one counts."""
    return s.kind, alike(s.team), s.method


def _read(folder: Path) -> Submission:
    record: dict[str, Any] = read_json(folder / RECORD)
    try:
        return Submission(**{**record, "fields": tuple(record["fields"]), "notes": tuple(record["notes"])})
    except (TypeError, KeyError) as error:
        message = f"{folder / RECORD} is no record of a submission ({error}). Restore it from a backup"
        raise InputFault(message) from error
