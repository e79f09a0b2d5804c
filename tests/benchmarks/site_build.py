"""Speed of the site: five challenges of 100 entries each from nothing, after a new card of each, with nothing new, and
after the reveal, when entries have galleries of test cases too.

The arena is made of tiny releases with one or two baselines each. An entry is a copy of one of these with another
name, its numbers moved by some percent and its curves by some millionths, so that no figure is drawn once for many.
The builds run in processes of their own, as a user runs them, on the processors that this process may use.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import row

ENTRIES = 100
BASELINES = {
    "photoz": ("photoz/knn", "photoz/constant"),
    "lens": ("lens/arc", "lens/random"),
    "transients": ("transients/galactic", "transients/constant"),
    "deblending": ("deblending/half", "deblending/sep_coin"),
    "hi": ("hi/matched_filter",),
}


def contest(folder: Path) -> None:
    """An arena with a tiny release of each challenge, its baselines scored."""
    from blindsky.baselines import baseline as baselines
    from blindsky.challenges import generation, registry
    from blindsky.commands.baseline import hand_in
    from blindsky.submissions.arena import Arena
    from blindsky.submissions.judging import score_due

    arena, settings = Arena(folder), baselines.Settings(workers=os.cpu_count() or 1)
    for name, wanted in BASELINES.items():
        challenge = registry.get(name)
        release = generation.generate(challenge, challenge.tracks[0].name, "tiny", arena.releases)
        for full in wanted:
            hand_in(arena, release.public, baselines.get(full), settings)
    score_due(arena)


def multiply(folder: Path, entries: int) -> None:
    """Copies of what is in an arena until every release has so many entries."""
    from blindsky.submissions.arena import Arena

    arena = Arena(folder)
    for name in arena.held_ids():
        known = arena.all(name)
        for k in range(len(known), entries):
            copied(arena, known[k % len(known)].id, k)


def copied(arena: Any, submission: str, k: int) -> None:
    """A submission once more, by another team, with a card of its own."""
    from blindsky.challenges.cards import read_card, write_card

    rng = np.random.default_rng(k)
    name = f"20270101T{k:06d}-{submission[-8:]}"
    new = arena.submissions / name
    shutil.copytree(arena.submissions / submission, new, copy_function=os.link)
    record = json.loads((new / "submission.json").read_text())
    record |= {"id": name, "serial": record["serial"] + 1000 + k, "kind": "submission", "team": f"Team {k}"}
    record |= {"method": f"Method {k}", "submitted": f"2027-01-{1 + k % 28:02d}T12:00:00Z"}
    (new / "submission.json").unlink()  # a link until now
    (new / "submission.json").write_text(json.dumps(record))
    by = float(np.exp(rng.normal(0, 0.05)))
    source = arena.card_folder(submission)
    card, replicates = read_card(source)
    card["entry"] |= {key: record[key] for key in ("id", "kind", "team", "method", "submitted")}
    for part in [*card["parts"].values(), *(p for s in card["slices"] for p in s["parts"].values())]:
        for metric in part["metrics"].values():
            metric |= {e: metric[e] * by for e in ("value", "low", "high") if metric.get(e) is not None}
    card["figures"] = _moved(card["figures"], 1 - 1e-6 * k)
    target = arena.cards / name / "0001"
    target.mkdir(parents=True)
    write_card(target, card, {key: values * by for key, values in replicates.items()})


def _moved(data: Any, by: float) -> Any:
    """Plain data with every number that has digits after its point moved by a factor."""
    if isinstance(data, dict):
        return {key: _moved(value, by) for key, value in data.items()}
    if isinstance(data, list):
        return [_moved(value, by) for value in data]
    return data * by if isinstance(data, float) else data


def build(folder: Path) -> float:
    """Seconds of ``blindsky leaderboard``, its start included."""
    code = "from blindsky.cli import main; main()"
    start = time.perf_counter()
    command = [sys.executable, "-c", code, "leaderboard", "--arena", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def new_card(folder: Path, release: str) -> None:
    """The last submission of a release is scored again, a little better than before."""
    from blindsky.challenges.cards import read_card, write_card
    from blindsky.submissions.arena import Arena

    arena = Arena(folder)
    last = arena.all(release)[-1].id
    source = arena.card_folder(last)
    target = source.with_name(f"{int(source.name) + 1:04d}")
    target.mkdir()
    card, replicates = read_card(source)
    for part in card["parts"].values():
        for metric in part["metrics"].values():
            metric |= {e: metric[e] * 0.97 for e in ("value", "low", "high") if metric.get(e) is not None}
    card["figures"] = _moved(card["figures"], 0.999)
    write_card(target, card, {key: 0.97 * values for key, values in replicates.items()})


def afresh(folder: Path) -> float:
    """Seconds of a build from nothing."""
    for name in (".site-store", "site"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return build(folder)


def builds(folder: Path, note: Callable[[str], None]) -> dict[str, float]:
    """Seconds of each build, and whether the last of the open arena is what a build from nothing gives."""
    from blindsky.challenges.trust import reveal
    from blindsky.submissions.arena import Arena

    note("the site from nothing")
    seconds = {"whole": afresh(folder)}
    arena = Arena(folder)
    for release in arena.held_ids():
        name = release.partition("-")[0]
        note(f"the site after one new card of {name}")
        new_card(folder, release)
        seconds[name] = build(folder)
    seconds["none"] = build(folder)
    kept = contents(folder / "site")
    note("the site from nothing again")
    seconds["again"] = afresh(folder)
    same, pages = contents(folder / "site") == kept, len(kept)
    for release in arena.held_ids():
        reveal(arena.release(release))
    note("the revealed site from nothing")
    seconds["revealed"] = afresh(folder)
    return seconds | {"same": float(same), "pages": float(pages)}


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file by its path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows(report: Progress) -> list[dict[str, object]]:
    """One row per measured number."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        report.note("an arena of five challenges")
        contest(folder)
        multiply(folder, ENTRIES)
        found = builds(folder, report.note)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    what = f"site, {len(BASELINES)} challenges x {ENTRIES} entries, {cores} processors"
    whole = min(found["whole"], found["again"])
    return [
        row(f"{what}: from nothing, {found['pages']:.0f} files", whole, "s", "<= 60 s", whole <= 60),
        *(row(f"{what}: one new card of {n}", found[n], "s", "< 5 s", found[n] < 5) for n in BASELINES),
        row(f"{what}: nothing new", found["none"], "s", "", None),
        row(f"{what}: from nothing, revealed", found["revealed"], "s", "<= 60 s", found["revealed"] <= 60),
        row(f"{what}: the bytes of both ways agree", found["same"], "", "1", found["same"] == 1),
    ]


if __name__ == "__main__":
    tried = Path(sys.argv[1])  # an arena with scored entries, to try this on
    multiply(tried, ENTRIES)
    print(json.dumps(builds(tried, print)))
