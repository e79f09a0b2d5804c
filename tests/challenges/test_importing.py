"""Real data become a release by the hand that writes generated ones; here through another package's importer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from blindsky.challenges.errors import InputFault
from blindsky.challenges.importing import import_release
from blindsky.challenges.release import Release
from blindsky.challenges.trust import reveal, verify

KEY = bytes(range(32))
N = 101


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A survey of 101 named numbers; the name is its place in the file."""
    rng = np.random.default_rng(2)
    truth, noise = rng.normal(size=N), rng.uniform(0.3, 0.6, N)
    rows = [f"OBJ{i:04d} {t + e} {e} {t}" for i, (t, e) in enumerate(zip(truth, noise, strict=True))]
    path = tmp_path / "survey.txt"
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def imported(lines: Path, tmp_path: Path) -> Release:
    return import_release("toy/text", [lines], tmp_path / "releases", release_id="survey", key=KEY)


def test_every_row_arrives_once(imported: Release, lines: Path) -> None:
    public = imported.public
    names = np.loadtxt(lines, usecols=0, dtype=str)
    values = np.loadtxt(lines, usecols=(1, 2, 3))
    train, test, truth = public.table("train"), public.table("test"), next(imported.truth())
    assert (len(train["x"]), len(test["x"])) == (51, 50)
    from blindsky.challenges import tables

    sources = tables.read(imported.private / "train_source.parquet")
    np.testing.assert_array_equal(sources["object_id"], train["object_id"])
    np.testing.assert_array_equal(truth["object_id"], test["object_id"])
    assert sorted([*sources["source_id"], *truth["source_id"]]) == sorted(names)
    place = {name: i for i, name in enumerate(names)}
    for table, source, mean in (
        (train, sources["source_id"], train["mean"]),
        (test, truth["source_id"], truth["mean_true"]),
    ):
        rows = [place[name] for name in source]
        np.testing.assert_allclose(
            np.stack([table["x"], table["noise"], mean], axis=1), values[rows], rtol=1e-6
        )
        assert abs(np.corrcoef(rows, np.arange(len(rows)))[0, 1]) < 0.6  # in no order: 4 standard deviations


def test_the_split_is_drawn_with_the_key(imported: Release, lines: Path, tmp_path: Path) -> None:
    again = import_release("toy/text", [lines], tmp_path / "again", release_id="survey", key=KEY)
    other = import_release("toy/text", [lines], tmp_path / "other", release_id="survey")
    test = imported.public.table("test")
    for path in (imported.public.root).glob("*.parquet"):
        assert (again.public.root / path.name).read_bytes() == path.read_bytes()
    assert set(other.public.table("test")["x"]) != set(test["x"])


def test_what_a_row_was_called_stays_private(imported: Release) -> None:
    for path in imported.public.root.rglob("*"):
        assert path.is_dir() or b"OBJ0" not in path.read_bytes()
    columns = {c for f in imported.public.manifest["files"] for c in f.get("columns", ())}
    assert "source_id" not in columns and "mean_true" not in columns


def test_the_manifest_tells_where_it_came_from(imported: Release) -> None:
    manifest = imported.public.manifest
    assert manifest["source"] == {
        "kind": "imported",
        "format": "toy/text",
        "files": ["survey.txt"],
        "notes": ["101 rows read"],
    }
    assert (manifest["track"], manifest["size"], manifest["references"]) == ("plain", "imported", [])
    assert manifest["splits"] == {"train": {"rows": 51}, "test": {"rows": 50}}
    assert imported.public.has("derived") and imported.public.json("grid")["n"] == 61


def test_it_is_a_release_like_any_other(imported: Release) -> None:
    assert verify(imported.public, imported).ok
    reveal(imported)
    assert verify(imported.public).ok
    assert (imported.private / "secret.json").stat().st_mode & 0o777 == 0o600
    assert set(next(imported.truth())["part"]) == {"public", "private"}


def test_nothing_is_left_of_an_import_that_fails(lines: Path, tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    lines.write_text("OBJ1 1 2\n")
    with pytest.raises(ValueError, match="invalid column index"):
        import_release("toy/text", [lines], releases)
    assert not releases.exists() or not list(releases.iterdir())


def test_what_there_is_none_of(imported: Release, lines: Path, tmp_path: Path) -> None:
    def refused(source: str, message: str, **options: str) -> None:
        with pytest.raises(InputFault, match=message):
            import_release(source, [lines], tmp_path / "releases", **options)  # type: ignore[arg-type]

    refused("toy/txt", r"toy has no import format 'txt': did you mean text\? Known are: text")
    refused("toy", "toy has no import format ''")
    refused("tox/text", "no challenge 'tox': did you mean toy")
    refused("toy/text", "toy has no track 'x'", track="x")
    refused("toy/text", "release survey exists already in .* Choose another --id", release_id="survey")
    with pytest.raises(InputFault, match=r"toy/text takes no --test-share, --x\. It takes no such option"):
        import_release("toy/text", [lines], tmp_path / "releases", options={"test_share": 1, "x": 2})
    refused("toy/text", "can't be the id of a release", release_id="../x")
    assert [p.name for p in (tmp_path / "releases").iterdir()] == ["survey"]


def test_an_id_of_its_own(lines: Path, tmp_path: Path) -> None:
    release = import_release("toy/text", [lines], tmp_path, track="biased")
    assert release.public.release_id.startswith("toy-text-")
    assert release.public.track.name == "biased"
    assert json.loads((release.public.root / "release.json").read_text())["id"] == release.root.name


def test_imported_data_speak_for_themselves(imported: Release) -> None:
    """The track's words describe a mock sky; a release of real data says where it comes from instead."""
    public = imported.public
    assert public.track.title == "Imported data"
    assert "toy/text" in public.track.description
    assert public.track.description in (public.root / "README.md").read_text()


def test_large_files_are_pointed_to(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    import toychallenge

    whole = toychallenge.read_text
    (tmp_path / "cube.fits").write_bytes(b"voxels")
    monkeypatch.setattr(
        toychallenge,
        "read_text",
        lambda *read: replace(whole(*read), links={"test_cube.fits": tmp_path / "cube.fits"}),
    )
    release = import_release("toy/text", [lines], tmp_path / "releases", release_id="linked", key=KEY)
    link = release.public.root / "test_cube.fits"
    assert link.is_symlink() and link.resolve() == tmp_path / "cube.fits"
    (entry,) = (f for f in release.public.manifest["files"] if f["path"] == "test_cube.fits")
    assert entry["bytes"] == 6
    assert verify(release.public).ok
    (tmp_path / "cube.fits").write_bytes(b"pixels")
    assert [problem.file for problem in verify(release.public).problems] == ["test_cube.fits"]
