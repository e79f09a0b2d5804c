"""Challenges without an exporter say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.exporting import export_release
from blindsky.challenges.release import Release


def test_a_challenge_without_formats(toy_original: Release, tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="toy has no export format 'fits': Its tables are Parquet"):
        export_release(toy_original.public, "fits", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
