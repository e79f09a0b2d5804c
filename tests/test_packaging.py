"""What is installed: the package and its data, nothing of the tests; the same from a checkout and from the sdist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("challenges", "scoring", "baselines", "submissions", "leaderboard")
KINDS = {".py", ".typed", ".j2", ".css", ".js", ".md", ".csv"}  # of files that a wheel may hold


def build(out: Path, *options: str) -> Path:
    """Build what the options ask for; the newest file."""
    line = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", out, ROOT]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return max(out.iterdir(), key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel made from it."""
    if find_spec("build") is None or find_spec("hatchling") is None:
        pytest.skip("the packages build and hatchling are not installed")
    out = tmp_path_factory.mktemp("dist")
    build(out)
    return out


@pytest.fixture(scope="session")
def wheel(dist: Path) -> zipfile.ZipFile:
    (path,) = dist.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="session")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel laid out as pip would."""
    target = tmp_path_factory.mktemp("installed")
    wheel.extractall(target)
    return target


def python(installed: Path, *arguments: str, cwd: Path, more: tuple[Path, ...] = ()) -> str:
    path = os.pathsep.join(map(str, (installed, *more)))
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_holds_the_rooms_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if not name.endswith("/")}
    inside = {name for name in names if name.startswith("blindsky/")}
    info = {name.split("/")[1] for name in names - inside if re.match(r"blindsky-[\d.]+\.dist-info/", name)}
    assert info == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses"}
    assert {name.split("/")[0] for name in names - inside} == {f"blindsky-{version()}.dist-info"}
    wanted = {
        f"blindsky/{path.relative_to(ROOT)}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    face = {
        f"blindsky/{path.relative_to(ROOT / 'src' / 'blindsky')}"
        for pattern in ("*.py", "py.typed", "commands/*.py")
        for path in (ROOT / "src" / "blindsky").glob(pattern)
    }
    assert inside == wanted | face
    assert {Path(name).suffix for name in inside} <= KINDS


def test_the_face_is_listed_whole() -> None:
    """pyproject.toml names the files of the face one by one, so that no room comes twice."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        targets = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]
    face = {f"src/blindsky/{p.name}" for p in (ROOT / "src" / "blindsky").glob("*.py")}
    for target in targets.values():
        assert face | {"src/blindsky/py.typed", "src/blindsky/commands", *ROOMS} <= set(
            target["only-include"]
        )


@pytest.mark.parametrize(
    "name",
    [
        "leaderboard/assets/site.css",
        "leaderboard/assets/site.js",
        "leaderboard/templates/release.html.j2",
        "leaderboard/templates/figures/heatmap.svg.j2",
        "challenges/photoz/card.md",
        "challenges/photoz/data/filter_knots.csv",
        "py.typed",
    ],
)
def test_data_are_in_the_wheel(wheel: zipfile.ZipFile, name: str) -> None:
    assert wheel.getinfo(f"blindsky/{name}").file_size == len(wheel.read(f"blindsky/{name}"))


def test_no_test_and_no_truth_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        assert not re.search(r"test_|conftest|toychallenge|secret|truth|\.parquet|\.npz|__pycache__", name), (
            name
        )


def test_a_checkout_and_its_sdist_give_the_same_wheel(
    wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory
) -> None:
    direct = zipfile.ZipFile(build(tmp_path_factory.mktemp("direct"), "--wheel"))
    assert direct.namelist() == wheel.namelist()
    for name in wheel.namelist():
        assert direct.read(name) == wheel.read(name)


def test_a_sdist_brings_the_tests(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "Makefile", "tests/conftest.py"} <= names
    assert {"tests/toy/toychallenge.py", "tests/toy/toychallenge-1.0.dist-info/entry_points.txt"} <= names


def test_the_rooms_are_not_packages_of_their_own(installed: Path, tmp_path: Path) -> None:
    program = (
        f"import importlib.util as u; print([n for n in {(*ROOMS, 'tests', 'commands')} if u.find_spec(n)])"
    )
    assert python(installed, "-c", program, cwd=tmp_path).strip() == "[]"


def test_the_wheel_runs_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(
        "import sys, blindsky, blindsky.submissions\n"
        "from blindsky.cli import cli\n"
        "print(blindsky.__file__, blindsky.submissions.__file__)\n"
        "for line in sys.argv[1:]:\n"
        "    cli.main(line.split(), standalone_mode=False)\n"
    )
    lines = (
        "show photoz",
        "generate toy --workers 1 --id r",
        "baseline toy/mean --release r",
        "score --all",
        "leaderboard",
    )
    out = python(installed, "run.py", *lines, cwd=tmp_path, more=(ROOT / "tests" / "toy",))
    assert [Path(p).relative_to(installed) for p in out.split("\n")[0].split()] == [
        Path("blindsky/__init__.py"),
        Path("blindsky/submissions/__init__.py"),
    ]
    assert "Photometric redshifts" in out
    assert (tmp_path / "site" / "r" / "index.html").is_file()


def version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def test_one_version_everywhere(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    assert f"\nVersion: {version()}\n" in wheel.read(metadata).decode()
    cited = re.search(r'^version: "?([^"\n]+)"?$', (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert cited[1] == version()
