"""The command line's front door: commands load when they are called, errors end in one place."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

import click

from cascade import __version__
from cascade.errors import CascadeError

# Command name to module; the module has a click command of the attribute's name.
COMMANDS = {
    "run": "cascade.cli.run:run",
    "demo": "cascade.cli.demo:demo",
    "init": "cascade.cli.init:init",
    "check": "cascade.cli.check:check",
    "schema": "cascade.cli.schema:schema",
    "graph": "cascade.cli.graph:graph",
    "validate": "cascade.cli.validate:validate",
    "classify": "cascade.cli.classify:classify",
    "train": "cascade.cli.train:train",
    "replay": "cascade.cli.replay:replay",
    "tune": "cascade.cli.tune:tune",
    "report": "cascade.cli.report:report",
    "trace": "cascade.cli.trace:trace",
    "prices": "cascade.cli.prices:prices",
    "budget": "cascade.cli.budget:budget",
    "serve": "cascade.cli.serve:serve",
    "plugins": "cascade.cli.plugins:plugins",
    "doctor": "cascade.cli.doctor:doctor",
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are named, so that `cascade --help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Names in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a mistyped name."""
        from difflib import get_close_matches

        name = args[0] if args else ""
        close = get_close_matches(name, COMMANDS, n=1)
        if name not in COMMANDS and close and not name.startswith("-"):
            ctx.fail(f"No such command {name!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cascade")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def cli(*, debug: bool) -> None:
    """A cheap model first, real checks on its output, a strong one only where it pays."""
    del debug  # `main` reads it, wherever it stands


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 not accepted, 2 bad input, 3 outside failed, 130 interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]  # wherever it stands, also behind the command
    try:
        code = cli.main(args=words, prog_name="cascade", standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left (`| head`): end quietly, and keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except CascadeError as error:
        code = _explain(error, debug=debug)
    except Exception as error:  # noqa: BLE001  (the outermost boundary: said, with a way to see more)
        code = _unexpected(error, debug=debug)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: CascadeError, *, debug: bool) -> int:
    """One error, what-why-how, on stderr."""
    if debug:
        traceback.print_exception(error)
    click.echo(f"{click.style('error', fg='red', bold=True)}: {error.message}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)
    return error.exit_code


def _unexpected(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    click.echo(f"{click.style('error', fg='red', bold=True)}: {type(error).__name__}: {error}", err=True)
    click.echo("  hint: this is a fault of cascade's own; run it again with --debug and report it", err=True)
    return 3
