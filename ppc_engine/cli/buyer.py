"""``ppc buyer``: pause and resume buyers, at once and on record."""

from __future__ import annotations

import click

from ppc_engine.cli.pausing import pausing_commands


@click.group("buyer", commands=pausing_commands("buyer"))
def command() -> None:
    """Pause and resume buyers."""
