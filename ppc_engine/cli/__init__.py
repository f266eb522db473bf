"""The command line: which commands there are, and how an error looks to the person who typed one.

Each noun is a module here with a click command in ``command``, imported when it is used, so that ``ppc --help`` and
the batch commands start fast. Exit codes (architecture.md): 0 good, 1 the data or configuration is bad, 2 wrong
usage, 3 something outside is unreachable; 130 after Ctrl-C, 141 when the reader of our output went away.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import click

from ppc_engine import __version__
from ppc_engine.values.errors import ConfigError, PPCError

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

# In the order of ``ppc --help``; the text stands here so that help imports no command.
COMMANDS = {
    "demo": "Run a day of calls on an emulated switch and show the money.",
    "serve": "Run the engine.",
    "check": "Check the whole configuration.",
    "flow": "Check, test, run, draw and explain call flows.",
    "call": "List, show, explain, draw, export, end and redirect calls.",
    "number": "Import, list, assign, release and pause tracking numbers.",
    "target": "Pause, resume and question targets.",
    "buyer": "Pause and resume buyers.",
    "publisher": "Pause and resume publishers.",
    "campaign": "Pause and resume campaigns.",
    "cap": "Show and reset caps.",
    "drain": "Take no new calls; those in progress finish.",
    "config": "Reload, list and compare configurations.",
    "actions": "List what people ordered, who and why.",
    "qualify": "Judge new calls and book what they are worth.",
    "report": "Sum calls and money up by publisher, buyer and campaign.",
    "ledger": "Show accounts and transfers, post payments and credits.",
    "books": "Prove the books, or list what is wrong with them.",
    "db": "Create or upgrade the database.",
}


class LazyGroup(click.Group):
    """A group whose commands are modules of this package, imported by name when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"ppc_engine.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # `ppc call list | head`: click would call this bad data.
            raise click.exceptions.Exit(EXIT_BROKEN_PIPE) from None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ppc")
def ppc() -> None:
    """Call control for pay-per-call networks: route calls from SIP trunks to buyers and bill them."""


def error_lines(error: PPCError) -> list[str]:
    """What a person is told: an issue a line for a configuration, one line for anything else."""
    if isinstance(error, ConfigError):
        lines = [str(issue) for issue in error.issues]
        count = sum(issue.severity == "error" for issue in error.issues)
        return [*lines, f"{count} problem{'' if count == 1 else 's'}; the configuration was refused as a whole"]
    return ["ppc: " + " ".join(str(error).split())]


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code. Errors of people and of the world outside print no traceback."""
    try:
        result: Any = ppc.main(args=arguments, prog_name="ppc", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    except PPCError as error:
        for line in error_lines(error):
            click.echo(line, err=True)
        return error.exit_code
    return result if isinstance(result, int) else 0


def main() -> NoReturn:
    """The entry point: like ``run``, but ends the process."""
    code = run()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = EXIT_BROKEN_PIPE
    if code == EXIT_BROKEN_PIPE:
        # Python would flush stdout once more at exit and complain of the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
