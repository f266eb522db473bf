"""``ppc publisher``: pause and resume publishers, at once and on record."""

from __future__ import annotations

import click

from ppc_engine.cli.pausing import pausing_commands


@click.group("publisher", commands=pausing_commands("publisher"))
def command() -> None:
    """Pause and resume publishers."""
