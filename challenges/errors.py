"""Errors that a user meets: each says what was found, what was expected and what to do next."""

from __future__ import annotations


class BlindskyError(Exception):
    """Base of every error that blindsky raises on purpose; ``exit_code`` is what the command line returns."""

    exit_code = 1


class InputFault(BlindskyError):
    """The input is at fault: a file, a table, a name."""


class MachineFault(BlindskyError):
    """The machine is at fault: disk, permission, lock, a missing optional package."""

    exit_code = 3


class MissingExtra(MachineFault):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed. "
            f'Install it with: pip install "blindsky[{extra}]"'
        )
