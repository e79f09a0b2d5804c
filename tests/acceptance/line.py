"""A line of the acceptance table."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def row(
    name: str, measured: float, reference: float | str, tolerance: float | str = "report", unit: str = "",
    met: bool | None = None,
) -> Row:  # fmt: skip
    """One line of the table; ``met`` is |measured - reference| <= tolerance unless given."""
    if met is None and isinstance(tolerance, float) and isinstance(reference, float):
        met = abs(measured - reference) <= tolerance
    return {
        "name": name,
        "measured": float(measured),
        "unit": unit,
        "reference": reference,
        "tolerance": tolerance,
        "met": met if met is None else bool(met),
    }
