"""``ppc target``: pause, resume and question targets, at once and on record."""

from __future__ import annotations

import click

from ppc_engine.cli.pausing import pausing_commands
from ppc_engine.cli.target_why import why_command


@click.group("target", commands=pausing_commands("target"))
def command() -> None:
    """Pause, resume and question targets."""


command.add_command(why_command)
