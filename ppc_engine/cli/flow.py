"""``ppc flow``: everything about call flows, a verb a module, imported when it is used.

A verb stands in ``VERBS`` as module:attribute of this package and what ``ppc flow --help`` says of it.
"""

from __future__ import annotations

import importlib

import click

VERBS: dict[str, tuple[str, str]] = {
    "check": ("flow_check:check_command", "Find what is wrong with flows before a caller does."),
    "test": ("flow_test:command", "Play the tests beside the flows, without a switch."),
    "run": ("flow_run:command", "Play a flow in the terminal, as the caller and all buyers."),
    "graph": ("flow_graph:command", "Draw a flow, with traffic on its ways."),
    "explain": ("flow_explain:command", "Tell a flow in words."),
    "schema": ("flow_check:schema_command", "Write JSON Schemas, so that editors complete and check."),
}


class VerbGroup(click.Group):
    """A group whose commands are imported by name when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, attribute = VERBS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(f"ppc_engine.cli.{module}"), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if VERBS:
            with formatter.section("Commands"):
                formatter.write_dl([(verb, told) for verb, (_, told) in VERBS.items()])


@click.group("flow", cls=VerbGroup)
def command() -> None:
    """Check, test, run, draw and explain call flows."""
