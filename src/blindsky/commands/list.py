"""``blindsky list``: what can be asked, and what the arena holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blindsky.commands import answer, arena_option, json_option, open_arena

if TYPE_CHECKING:
    from blindsky.submissions.arena import Arena, Standing


@click.command()
@click.option("--release", help="List the submissions of this release instead, with their states.")
@arena_option
@json_option
def command(release: str | None, arena: Path | None, as_json: bool) -> None:
    """List the installed challenges with tracks and sizes, and the releases of the arena, unfinished ones too.

    A submission without a card is waiting: blindsky score --all.

    \b
    Example:
      blindsky list
      blindsky list --release photoz-biased-tiny-1a2b3c4d
      blindsky list --arena contest/ --json
    """
    from blindsky.challenges import registry

    if release is not None:
        _submissions(open_arena(arena), release, as_json)
        return
    challenges = [registry.get(name) for name in registry.names()]
    held = open_arena(arena)
    releases = [held.public(name) for name in held.release_ids()]
    content: dict[str, list[dict[str, Any]]] = {
        "challenges": [
            {
                "name": c.name,
                "title": c.title,
                "tracks": [t.name for t in c.tracks],
                "sizes": {name: vars(size) for name, size in c.sizes.items()},
            }
            for c in challenges
        ],
        "releases": [
            {
                "id": r.release_id,
                "challenge": r.manifest["challenge"],
                "track": r.manifest["track"],
                "size": r.size,
                "status": "revealed" if r.revealed else "open",
                "submissions": len(held.all(r.release_id)),
            }
            for r in releases
        ],
    }
    unfinished = held.unfinished()
    content["unfinished"] = [{"id": name, "path": str(path)} for name, path in unfinished.items()]
    lines = ["Challenges"]
    for c in challenges:
        lines.append(f"  {c.name:14} {c.title}")
        lines.append(f"  {'':14} tracks: {', '.join(t.name for t in c.tracks)}; sizes: {', '.join(c.sizes)}")
    lines += ["", f"Releases in {held.root}"]
    for r in content["releases"]:
        lines.append(f"  {r['id']:44} {r['status']:9} {r['submissions']} submissions")
    for name, path in unfinished.items():
        lines.append(
            f"  {name:44} unfinished; if it was stopped, go on with its command and --id {name}, or remove {path}"
        )
    if not releases:
        lines.append("  none yet; make one with: blindsky generate photoz --track representative --size tiny")
    answer(content, as_json, "\n".join(lines))


def _submissions(arena: Arena, release: str, as_json: bool) -> None:
    def state(s: Standing) -> str:
        waits = s.state == "valid" and arena.card_folder(s.submission.id) is None
        return "waiting" if waits else s.state

    standings = arena.standings(arena.public(release).release_id)
    content = [
        {"id": s.submission.id, "state": state(s), "reason": s.reason, "kind": s.submission.kind}
        | {"team": s.submission.team, "method": s.submission.method, "submitted": s.submission.submitted}
        for s in standings
    ]
    lines = [
        f"{c['id']}  {c['state']:10}  {c['team']}: {c['method']}  {c['reason']}".rstrip() for c in content
    ]
    answer({"submissions": content}, as_json, "\n".join(lines) or f"nothing has been handed in to {release}")
