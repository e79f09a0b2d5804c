"""The house plan: no floor imports the one above it, and no shared room knows a challenge by its name."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blindsky.challenges import registry

ROOT = Path(__file__).resolve().parents[1]
CHALLENGES = {"photoz", "lens", "transients", "deblending", "hi"}
HEAVY = {"torch", "pandas", "pyarrow", "sklearn", "astropy", "matplotlib", "h5py", "joblib", "jinja2", "rich"}
SHARED = sorted(
    path
    for pattern in (
        "scoring/**",
        "submissions/**",
        "leaderboard/**",
        "src/blindsky/commands",
        "src/blindsky",
        "challenges",
        "baselines",
    )
    for path in ROOT.glob(f"{pattern}/*.py")
)


def lint(config: Path) -> int:
    linter = pytest.importorskip("importlinter.cli", reason="the package import-linter is not installed")
    return int(linter.lint_imports(config_filename=str(config), no_cache=True))


def test_no_floor_imports_the_one_above(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert lint(ROOT / "pyproject.toml") == 0, capsys.readouterr().out


def test_the_linter_would_see_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two floors swapped, the contract breaks."""
    monkeypatch.chdir(ROOT)
    layers = ["blindsky.challenges", "blindsky.leaderboard"]
    (tmp_path / "floors.ini").write_text(
        "[importlinter]\nroot_package = blindsky\n\n[importlinter:contract:floors]\nname = swapped\ntype = layers\n"
        "layers =\n" + "".join(f"    {layer}\n" for layer in layers)
    )
    assert lint(tmp_path / "floors.ini") == 1
    assert "blindsky.leaderboard is not allowed to import blindsky.challenges" in capsys.readouterr().out


def test_every_room_has_its_floor() -> None:
    import tomllib

    with (ROOT / "pyproject.toml").open("rb") as file:
        (contract,) = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    listed = {name for layer in contract["layers"] for name in layer.split(" | ")}
    found = {
        f"blindsky.{p.name}" for p in (ROOT / "src" / "blindsky").iterdir() if (p / "__init__.py").is_file()
    }
    found |= {f"blindsky.{p.stem}" for p in (ROOT / "src" / "blindsky").glob("[!_]*.py")}
    assert listed == found


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Text constants with their lines; a docstring or a message holds more than a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of what is imported, at the top or in a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_shared_room_knows_a_challenge_by_name(path: Path) -> None:
    tree = ast.parse(path.read_text())
    known = CHALLENGES | set(registry.names())
    named = [
        (line, text) for line, text in strings(tree) if text.split("/")[0].split(":")[0].strip() in known
    ]
    assert named == [], "a shared room handles one challenge in particular"
    own = [name for name in imports(tree) if set(name.split(".")) & known]
    assert own == []


def test_the_check_covers_the_shared_rooms() -> None:
    names = {str(path.relative_to(ROOT)) for path in SHARED}
    assert {
        "scoring/metric.py",
        "submissions/formats/fits.py",
        "challenges/release.py",
        "src/blindsky/cli.py",
    } <= names
    assert not any("photoz" in name for name in names)


@pytest.mark.parametrize("path", sorted((ROOT / "scoring").glob("*.py")), ids=lambda path: path.name)
def test_scoring_reads_no_file(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not {name.split(".")[0] for name in imports(tree)} & {
        "pathlib",
        "os",
        "io",
        "shutil",
        "pyarrow",
        "pandas",
    }
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "open" not in called


def test_what_is_heavy_is_imported_where_it_is_used() -> None:
    program = (
        "import sys, blindsky, blindsky.submissions.judging, blindsky.baselines.baseline\n"
        "import blindsky.challenges.generation, blindsky.challenges.importing, blindsky.challenges.downloading\n"
        "from blindsky.challenges import registry\n"
        "registry.get('photoz')\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & HEAVY
