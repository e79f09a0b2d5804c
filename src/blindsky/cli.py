"""The command line: one verb a file in ``commands/``, loaded when it is called, so that ``--help`` is instant."""

from __future__ import annotations

import errno
import importlib
import io
import json
import keyword
import sys
from typing import Any, NoReturn

import click

VERBS = {
    "demo": "Run the main job once, tiny: generate, baselines, score, board, reveal.",
    "list": "List challenges, and the releases of the arena.",
    "show": "Show the fact sheet of a challenge, or a release and its sample submission.",
    "generate": "Draw a release: public data and hidden truth.",
    "import": "Turn real data into a release.",
    "download": "Fetch the public part of a release from a folder or a web address.",
    "convert": "Turn the catalogue of another program into a prediction.",
    "check": "Find every fault of a prediction file.",
    "baseline": "Train a baseline on a release and hand its prediction in.",
    "submit": "Check a prediction and hand it in.",
    "withdraw": "Take a submission off the board.",
    "score": "Score what has been handed in.",
    "leaderboard": "Render the static site.",
    "verify": "Check a release against its manifest and commitments.",
    "reveal": "Publish the truth of a release.",
    "export": "Write a release in another project's file format.",
}

# What the operating system says of a name that a user gave; the rest is the machine's fault
_NAMES = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG}


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
                  blindsky leaderboard --out site/
    Participant:  blindsky check predictions.parquet --release RELEASE
    Anyone:       blindsky verify RELEASE

    \b
    Exit codes:   0 fine, 1 the input is at fault, 2 usage,
                  3 the machine (disk, permission, network), 130 stopped
    """


def _fail(error: BaseException, exit_code: int, text: str = "") -> NoReturn:
    text = text or str(error)
    if "--json" in sys.argv:
        content: dict[str, Any] = {"ok": False, "error": text, "exit_code": exit_code}
        report = getattr(error, "report", None)  # of a refused prediction
        content |= {"faults": report.to_list()} if report else {}
        click.echo(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        click.echo(f"error: {text}", err=True)
    sys.exit(exit_code)


def main() -> None:
    """Run the command line; every error that blindsky knows ends in a short message and its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may hold what no encoding can print
    try:
        cli.main(prog_name="blindsky", standalone_mode=False)
    except click.ClickException as error:
        if "--json" in sys.argv:
            _fail(error, error.exit_code, error.format_message())
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        then = str(stop) or "nothing half-written is visible, and the same command may be run again"
        click.echo(f"stopped; {then}", err=True)
        sys.exit(130)
    except MemoryError as error:
        _fail(error, 3, "out of memory. Close other programs, or use fewer --workers")
    except OSError as error:
        _fail(
            error,
            1 if error.errno in _NAMES else 3,
            f"{error.filename or 'system'}: {error.strerror or error}",
        )
    except Exception as error:
        code = getattr(error, "exit_code", None)
        if code is None:
            raise
        _fail(error, code)
