"""The command line: one verb a file in ``commands/``, loaded when it is called, so that ``--help`` is instant."""

from __future__ import annotations

import importlib
import json
import keyword
import sys
from typing import Any

import click

VERBS = {
    "demo": "Run the main job once, tiny: generate, baselines, score, board, reveal.",
    "list": "List challenges, and the releases of the arena.",
    "show": "Show the fact sheet of a challenge, or a release and its sample submission.",
    "generate": "Draw a release: public data and hidden truth.",
    "import": "Turn real data into a release.",
    "download": "Fetch the public part of a release from a folder or a web address.",
    "check": "Find every fault of a prediction file.",
    "baseline": "Train a baseline on a release and hand its prediction in.",
    "submit": "Check a prediction and hand it in.",
    "withdraw": "Take a submission off the board.",
    "score": "Score what has been handed in.",
    "leaderboard": "Render the static site.",
    "verify": "Check a release against its manifest and commitments.",
    "reveal": "Publish the truth of a release.",
}


class LazyGroup(click.Group):
    """Knows the verbs by name and loads one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order of the work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One verb."""
        if cmd_name not in VERBS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"blindsky.commands.{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs with their one line, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A verb, or a usage error that suggests the nearest one."""
        import difflib

        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else " See blindsky --help."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="blindsky")
def cli() -> None:
    """Blind data challenges for astronomy: mock skies, hidden truth, scores with error bars, a static leaderboard.

    \b
    Organiser:    blindsky generate photoz --track biased --size small
    Participant:  blindsky check predictions.parquet --release RELEASE
    Reader:       blindsky leaderboard --out site/
    """


def _fail(error: Exception, exit_code: int) -> None:
    if "--json" in sys.argv:
        content: dict[str, Any] = {"ok": False, "error": str(error), "exit_code": exit_code}
        details = getattr(error, "to_dict", None)
        click.echo(json.dumps(content | (details() if details else {}), ensure_ascii=False, indent=1))
    else:
        click.echo(f"error: {error}", err=True)
    sys.exit(exit_code)


def main() -> None:
    """Run the command line; every error that blindsky knows ends in a short message and its exit code."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "\nstopped; nothing half-written was left, and the same command goes on where it can", err=True
        )
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _fail(error, 3)
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is None:
            raise
        _fail(error, code)
