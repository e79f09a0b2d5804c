"""What tests of trainings share: one that is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class KilledError(Exception):
    """The training ended here."""


def _after(epoch: int) -> Callable[..., Any]:
    @contextmanager
    def progress(title: str, total: float | None, unit: str) -> Iterator[Any]:
        class Bar:
            notes = 0

            def advance(self, n: float = 1) -> None:
                pass

            def note(self, text: str) -> None:
                self.notes += 1
                if self.notes == epoch:
                    raise KilledError

        yield Bar()

    return progress


@pytest.fixture(scope="session")
def killed() -> type[Exception]:
    """What a killed training raises."""
    return KilledError


@pytest.fixture(scope="session")
def killer() -> Callable[[int], Callable[..., Any]]:
    """A progress that ends a training after an epoch, before its checkpoint."""
    return _after
