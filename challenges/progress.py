"""Progress of long work on standard error: a bar with a rate at a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

QUIET_SECONDS = 1.0  # work shorter than this shows nothing
LINE_SECONDS = 30.0  # how often a log file gets a line


class Progress(Protocol):
    """What long work reports to."""

    def advance(self, n: float = 1) -> None:
        """``n`` more units are done."""

    def note(self, text: str) -> None:
        """A short word on where the work stands, such as the loss of an epoch."""


class Silent:
    """Reports nothing."""

    def advance(self, n: float = 1) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


class _Lines:
    def __init__(self, title: str, total: float | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done, self.text = 0.0, ""
        self.start = self.last = time.monotonic()

    def advance(self, n: float = 1) -> None:
        self.done += n
        now = time.monotonic()
        if now - self.last >= LINE_SECONDS:
            self.last = now
            of = "" if self.total is None else f"/{self.total:,.0f}"
            rate = self.done / (now - self.start)
            line = f"{self.title}: {self.done:,.0f}{of} {self.unit}, {rate:,.0f} {self.unit}/s {self.text}"
            print(line.rstrip(), file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        self.text = text


@contextmanager
def progress(title: str, total: float | None, unit: str) -> Iterator[Progress]:
    """A progress report for the length of the block; a total of None means that it isn't known."""
    if not sys.stderr.isatty():
        yield _Lines(title, total, unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} {task.fields[unit]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
        transient=True,
    )

    class _Rich:
        def __init__(self) -> None:
            self.start = time.monotonic()
            self.shown = False
            self.task = bar.add_task(title, total=total, unit=unit, rate="", text="")

        def advance(self, n: float = 1) -> None:
            seconds = time.monotonic() - self.start
            if not self.shown and seconds > QUIET_SECONDS:
                bar.start()
                self.shown = True
            done = bar.tasks[0].completed + n
            bar.update(self.task, advance=n, rate=f"{done / max(seconds, 1e-9):,.0f} {unit}/s")

        def note(self, text: str) -> None:
            bar.update(self.task, text=text)

    report = _Rich()
    try:
        yield report
    finally:
        if report.shown:
            bar.stop()
