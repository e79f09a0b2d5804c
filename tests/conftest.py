"""Fixtures that every room's tests share, and the toy challenge that tests/toy brings as another package would."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

settings.register_profile(
    "ci", derandomize=True
)  # what lands must not depend on luck; at a desk chance may search
if os.environ.get("CI"):
    settings.load_profile("ci")

TOY = Path(__file__).resolve().parent / "toy"
KEY = bytes(range(32))  # the same releases, and so the same numbers, in every run
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

# On the path of this process and of those it starts, before any entry point is looked up
sys.path.append(str(TOY))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(TOY)]))

if TYPE_CHECKING:
    from blindsky.challenges.challenge import Challenge
    from blindsky.challenges.release import Release


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """A file of the real data kept beside a developer's checkout; the test skips where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"real data {name} is not here (it lies beside a developer's checkout only)")
        return path

    return find


@pytest.fixture(scope="session")
def toy() -> Challenge:
    """The toy challenge, found through its entry point."""
    from blindsky.challenges import registry

    return registry.get("toy")


@pytest.fixture(scope="session")
def toy_original(toy: Challenge, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A tiny toy release, drawn once; read it, never change it."""
    from blindsky.challenges.generation import generate

    folder = tmp_path_factory.mktemp("toy")
    return generate(toy, "plain", "tiny", folder, release_id="toy-original", key=KEY)


@pytest.fixture
def toy_release(toy_original: Release, tmp_path: Path) -> Iterator[Release]:
    """A copy of the tiny toy release that a test may change, in ``tmp_path/releases``."""
    import shutil

    from blindsky.challenges.release import open_release

    yield open_release(shutil.copytree(toy_original.root, tmp_path / "releases" / "toy-original"))


@pytest.fixture(scope="session")
def photoz_small() -> Challenge:
    """The photo-z challenge with a size of seconds."""
    from dataclasses import replace

    from blindsky.challenges import registry
    from blindsky.challenges.challenge import Size

    return replace(registry.get("photoz"), sizes={"tiny": Size(300, 200)})


@pytest.fixture(scope="session")
def photoz_original(photoz_small: Challenge, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of the biased track of 300 and 200 galaxies, drawn once; read it, never change it."""
    from blindsky.challenges.generation import generate

    folder = tmp_path_factory.mktemp("photoz")
    return generate(photoz_small, "biased", "tiny", folder, release_id="photoz-original", key=KEY)


@pytest.fixture(scope="session")
def lens_small() -> Challenge:
    """The strong-lens challenge with a size of seconds."""
    from dataclasses import replace

    from blindsky.challenges import registry
    from blindsky.challenges.challenge import Size

    lens = registry.get("lens")
    sizes = {"tiny": Size(40, 30)}
    return replace(lens, sizes=sizes, tracks=tuple(replace(t, sizes=None) for t in lens.tracks))


@pytest.fixture(scope="session")
def lens_original(lens_small: Challenge, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of the ground track of 40 and 30 stamps, drawn once; read it, never change it."""
    from blindsky.challenges.generation import generate

    folder = tmp_path_factory.mktemp("lens")
    return generate(lens_small, "ground", "tiny", folder, release_id="lens-original", key=KEY)


@pytest.fixture(scope="session")
def transients_original(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The tiny release of the biased track of transients, drawn once; read it, never change it."""
    return _transients("biased", tmp_path_factory)


@pytest.fixture(scope="session")
def transients_early(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The tiny release of the early track of transients, drawn once; read it, never change it."""
    return _transients("early", tmp_path_factory)


def _transients(track: str, tmp_path_factory: pytest.TempPathFactory) -> Release:
    from blindsky.challenges import registry
    from blindsky.challenges.generation import generate

    folder = tmp_path_factory.mktemp("transients")
    name = f"transients-{track}"
    return generate(registry.get("transients"), track, "tiny", folder, release_id=name, key=KEY)
