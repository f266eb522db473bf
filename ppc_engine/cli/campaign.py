"""``ppc campaign``: pause and resume campaigns, at once and on record."""

from __future__ import annotations

import click

from ppc_engine.cli.pausing import pausing_commands


@click.group("campaign", commands=pausing_commands("campaign"))
def command() -> None:
    """Pause and resume campaigns."""
