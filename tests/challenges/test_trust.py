"""The promise of a release: what verify finds, what reveal refuses, what a participant can check, what leaks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import tables
from blindsky.challenges.errors import InputFault
from blindsky.challenges.files import sha256
from blindsky.challenges.release import Release, open_public, open_release
from blindsky.challenges.trust import Problem, reveal, verify


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the columns of a Parquet file, or the content of a JSON file."""
    import pyarrow.parquet as pq

    if path.suffix == ".json":
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
    else:
        table = {name: column.copy() for name, column in tables.read(path).items()}
        change(table)
        pq.write_table(tables.to_arrow(table), path)


def problems(release: Release, *, held: bool = True) -> list[str]:
    again = open_release(release.root)
    return [str(p) for p in verify(again.public, again if held else None).problems]


def shift(row: int) -> Callable[[dict[str, Any]], Any]:
    def change(table: dict[str, Any]) -> None:
        table["mean_true"][row] += 1e-9

    return change


def test_an_untouched_release_is_as_promised(toy_original: Release) -> None:
    verdict = verify(toy_original.public, toy_original)
    assert verdict.ok and not verdict.revealed
    assert verdict.hidden_rows == 100 + 150 + 150  # train truth, truth, ceiling
    assert verdict.to_dict() == {
        "release": "toy-original",
        "ok": True,
        "files": 9,
        "hidden_rows": 400,
        "revealed": False,
        "problems": [],
    }
    outside = verify(toy_original.public)
    assert outside.ok and outside.hidden_rows == 0


def test_every_public_file_is_watched(toy_release: Release) -> None:
    root = toy_release.public.root
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.name != "release.json"):
        name, content = path.relative_to(root).as_posix(), path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        found = problems(toy_release, held=False)
        assert found == [f"{name}: found sha256 {sha256(path)}, expected sha256 {_digest(content)}"]
        path.write_bytes(content[:-1])
        assert problems(toy_release, held=False)[0].startswith(
            f"{name}: found {len(content) - 1:,} bytes, expected"
        )
        path.unlink()
        missing = f"{name}: found no such file, expected {len(content):,} bytes"
        assert problems(toy_release, held=False) == problems(toy_release) == [missing]
        path.write_bytes(content)
    assert problems(toy_release) == []


def _digest(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def test_an_additional_file_is_found(toy_release: Release) -> None:
    (toy_release.public.root / "commitments" / "extra.csv").write_text("1")
    (toy_release.public.root / ".partial-x").write_text("left by a killed run")
    assert problems(toy_release) == [
        "commitments/extra.csv: found a file, expected nothing: neither the manifest nor a reveal names it"
    ]


@pytest.mark.parametrize("revealed", [False, True])
def test_an_additional_file_beside_the_revealed_truth_is_found(toy_release: Release, revealed: bool) -> None:
    """Before the reveal the whole folder is one too many."""
    folder = toy_release.public.root / "revealed"
    if revealed:
        reveal(toy_release)
        assert verify(toy_release.public).ok
    folder.mkdir(exist_ok=True)
    (folder / "secret.json").write_text("{}")
    problems = verify(toy_release.public).problems
    assert [p.file for p in problems] == ["revealed/secret.json"]


@pytest.mark.parametrize("row", [0, 77, 149])
def test_a_moved_truth_is_named(toy_release: Release, row: int) -> None:
    identity = toy_release.public.table("test")["object_id"][row]
    rewrite(toy_release.private / "truth.parquet", shift(row))
    assert problems(toy_release) == [
        f"private/truth.parquet: found row {row + 1} (object_id {identity}) differs from what was committed, "
        "expected exactly the 150 committed rows"
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.__setitem__("part", t["part"][::-1]),
        lambda t: t["sign"].__setitem__(3, "positive" if t["sign"][3] == "negative" else "negative"),
        lambda t: t["object_id"].__setitem__(3, 5),
        lambda t: t.pop("sign"),
        lambda t: t.__setitem__("mean_true", t["mean_true"].astype(np.float32)),
        lambda t: t.__setitem__("mean_true", [np.zeros(2)] * 150),
        lambda t: t.update({name: column[:-1] for name, column in t.items()}),
        lambda t: t.update({name: np.concatenate([column, column[:1]]) for name, column in t.items()}),
    ],
    ids=["part", "text", "id", "column gone", "dtype", "lists", "row gone", "row more"],
)
def test_any_change_of_the_truth_is_found(
    toy_release: Release, change: Callable[[dict[str, Any]], Any]
) -> None:
    rewrite(toy_release.private / "truth.parquet", change)
    (found,) = problems(toy_release)
    assert found.startswith("private/truth.parquet: found ")
    with pytest.raises(InputFault, match=r"release toy-original can't be revealed: private/truth.parquet"):
        reveal(open_release(toy_release.root))
    assert not toy_release.public.revealed


def test_a_truth_that_is_gone_or_no_parquet(toy_release: Release) -> None:
    path = toy_release.private / "truth.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    assert problems(toy_release)[0].startswith(
        "private/truth.parquet: found a table that can't be read as ours"
    )
    path.unlink()
    assert problems(toy_release) == [
        "private/truth.parquet: found no such file, expected the 150 committed rows"
    ]


def test_commitments_that_were_exchanged_with_the_truth_are_found(toy_release: Release) -> None:
    """Truth, its commitments and their digest in the list of files are moved together; the root is not."""
    from blindsky.challenges.commitments import commit

    rewrite(toy_release.private / "truth.parquet", shift(5))
    table = tables.read(toy_release.private / "truth.parquet")
    file = toy_release.public.root / "commitments" / "truth.bin"
    promised = sha256(file)
    file.write_bytes(commit(table, "truth", toy_release.salt, 0))

    def change(manifest: dict[str, Any]) -> None:
        for entry in manifest["files"]:
            if entry["path"] == "commitments/truth.bin":
                entry["sha256"] = sha256(file)

    manifest = toy_release.public.root / "release.json"
    rewrite(manifest, change)
    assert problems(toy_release) == [
        f"commitments/truth.bin: found sha256 {sha256(file)}, expected sha256 {promised}"
    ]
    rewrite(manifest, lambda m: m["commitments"]["tables"]["truth"].__setitem__("sha256", sha256(file)))
    (found,) = problems(toy_release)
    assert found.startswith("release.json: found commitment root ")


def test_a_changed_key_is_a_changed_salt(toy_release: Release) -> None:
    rewrite(toy_release.private / "secret.json", lambda secret: secret.__setitem__("key", "00" * 32))
    found = problems(toy_release)
    assert len(found) == 3 and all(" row 1 (object_id " in text for text in found)
    with pytest.raises(InputFault, match="can't be revealed"):
        reveal(open_release(toy_release.root))


@pytest.mark.parametrize("secret", ["{}", '{"key": "xyz"}', '{"key": "00"}', "[]", '{"key": 5}'])
def test_a_secret_that_is_none(toy_release: Release, secret: str) -> None:
    (toy_release.private / "secret.json").write_text(secret)
    with pytest.raises(InputFault, match=r"secret.json holds no release key \(32 bytes in hexadecimal\)"):
        open_release(toy_release.root)


def test_what_reveal_publishes(toy_release: Release) -> None:
    folder = reveal(toy_release)
    assert {p.name for p in folder.iterdir()} == {
        "ceiling.parquet",
        "reveal.json",
        "train_truth.parquet",
        "truth.parquet",
    }
    opened = json.loads((folder / "reveal.json").read_text())
    assert bytes.fromhex(opened["salt"]) == toy_release.salt
    assert bytes.fromhex(opened["bootstrap_key"]) == toy_release.bootstrap_key
    assert toy_release.key.hex() not in (folder / "reveal.json").read_text()
    verdict = verify(toy_release.public, toy_release)
    assert verdict.ok and verdict.revealed and verdict.hidden_rows == 400
    with pytest.raises(InputFault, match="release toy-original is revealed already: its truth lies in"):
        reveal(toy_release)


def test_a_participant_checks_the_truth_with_the_public_part_alone(
    toy_release: Release, tmp_path: Path
) -> None:
    reveal(toy_release)
    copy = shutil.copytree(toy_release.public.root, tmp_path / "participant")
    public = open_public(copy)
    verdict = verify(public)
    assert verdict.ok and verdict.revealed and verdict.hidden_rows == 400

    path = copy / "revealed" / "truth.parquet"
    rewrite(path, shift(20))
    identity = public.table("test")["object_id"][20]
    found = verify(public).problems
    assert found[0].file == "revealed/truth.parquet"
    assert (
        Problem(
            "revealed/truth.parquet",
            f"row 21 (object_id {identity}) differs from what was committed",
            "exactly the 150 committed rows",
        )
        in found
    )


def test_a_changed_salt_is_found_after_the_reveal(toy_release: Release) -> None:
    folder = reveal(toy_release)
    rewrite(folder / "reveal.json", lambda opened: opened.__setitem__("salt", "00" * 32))
    found = problems(toy_release, held=False)
    assert sum("row 1 (object_id " in text for text in found) == 3
    assert sum("bootstrap key" in text for text in found) == 1 and len(found) == 4


@pytest.mark.parametrize(
    "opened", ["{}", '{"salt": "zz", "files": []}', '{"salt": "00", "files": [{}]}', "[]"]
)
def test_a_reveal_that_opens_nothing(toy_release: Release, opened: str) -> None:
    (reveal(toy_release) / "reveal.json").write_text(opened)
    with pytest.raises(InputFault, match=r"reveal.json (does not open the commitments|lists a file without)"):
        verify(toy_release.public)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.pop("files"), "is not the manifest of a blindsky release .no files."),
        (lambda m: m.pop("commitments"), "no commitments"),
        (lambda m: m.__setitem__("id", "../x"), "can't be the id of a release"),
        (lambda m: m["commitments"].pop("root"), "holds no commitments"),
        (lambda m: m["commitments"]["tables"].__setitem__("../truth", {}), "can't be the id"),
        (
            lambda m: m["commitments"]["tables"].__setitem__("truth", {}),
            "what is committed in the table 'truth'",
        ),
        (lambda m: m["files"].append({"path": "a"}), "lists a file without path, bytes and sha256"),
        (lambda m: m["files"][0].__setitem__("path", "../private/secret.json"), "a file outside its folder"),
    ],
)
def test_a_manifest_that_is_none(
    toy_release: Release, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    rewrite(toy_release.public.root / "release.json", change)
    with pytest.raises(InputFault, match=words):
        open_public(toy_release.root)


def test_a_release_of_a_track_there_is_none_of(toy_release: Release) -> None:
    rewrite(toy_release.public.root / "release.json", lambda m: m.__setitem__("track", "plane"))
    with pytest.raises(InputFault, match="toy has no track 'plane': did you mean plain"):
        _ = open_public(toy_release.root).challenge


def test_no_release_and_no_private_part(toy_release: Release, tmp_path: Path) -> None:
    with pytest.raises(InputFault, match=r"no release at .*: release\.json was found neither there nor"):
        open_public(tmp_path / "nowhere")
    shutil.rmtree(toy_release.private)
    with pytest.raises(
        InputFault, match=r"the private part of release toy-original is not here: .* Only its organiser"
    ):
        open_release(toy_release.root)


@pytest.fixture(params=["toy", "photoz"])
def any_release(request: pytest.FixtureRequest, toy_original: Release) -> tuple[Release, str]:
    """A release and the hidden number of its test rows."""
    if request.param == "toy":
        return toy_original, "mean_true"
    return request.getfixturevalue("photoz_original"), "z_true"


def test_no_public_file_holds_a_secret(any_release: tuple[Release, str]) -> None:
    release, _ = any_release
    secrets = [release.key, release.salt, release.bootstrap_key]
    for path in release.public.root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in secrets:
            assert secret not in content and secret.hex().encode() not in content.lower()


def test_no_public_column_holds_the_truth(any_release: tuple[Release, str]) -> None:
    """Nothing public equals a hidden number of a test row, nor orders the rows as it does."""
    from scipy.stats import spearmanr

    release, name = any_release
    hidden = next(release.truth(100_000))
    truth = hidden[name]
    checked = 0
    for path in release.public.root.glob("*.parquet"):
        for column, values in tables.read(path).items():
            if values.dtype.kind not in "iuf":
                continue
            assert not np.isin(values.astype(np.float64).ravel(), truth).any(), column
            if values.shape == truth.shape:
                checked += 1
                assert abs(spearmanr(values, truth).statistic) < 0.999, column
                if column == "object_id":
                    # 5 standard deviations
                    assert abs(spearmanr(values, truth).statistic) < 5 / np.sqrt(len(truth))
                    assert abs(spearmanr(values, np.arange(len(truth))).statistic) < 5 / np.sqrt(len(truth))
    assert checked >= 4
    text = b"".join(p.read_bytes() for p in release.public.root.glob("*.[jm][sd]*"))
    assert not any(repr(float(t)).encode() in text for t in truth)


def test_no_public_file_tells_the_board_of_a_case(any_release: tuple[Release, str]) -> None:
    release, _ = any_release
    columns = {c for p in release.public.root.glob("*.parquet") for c in tables.read(p)}
    assert not columns & {"part", "z_true", "mean_true", "best_log_p", "oracle_logp", "sign", "type_class"}
    part = next(release.truth(100_000))["part"]
    assert set(part) == {"public", "private"}


def test_the_private_folder_is_for_its_owner(any_release: tuple[Release, str]) -> None:
    private = any_release[0].private
    assert private.stat().st_mode & 0o077 == 0
    assert (private / "secret.json").stat().st_mode & 0o777 == 0o600


def test_the_bootstrap_key_is_bound_to_the_commitments(toy_release: Release) -> None:
    """Replicates chosen after the fact could move ranks, so their key must follow from the salt."""
    opened = reveal(toy_release) / "reveal.json"
    content = json.loads(opened.read_text())
    content["bootstrap_key"] = "00" * 32
    opened.write_text(json.dumps(content))
    problems = verify(toy_release.public).problems
    assert len(problems) == 1
    assert "follows from the salt" in str(problems[0])
