"""``ppc flow graph``: draws a flow, with the traffic of the last days on its ways where a database knows it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import click

from ppc_engine.cli.flow_dot import dot_lines, draw_svg
from ppc_engine.cli.flow_mermaid import mermaid_lines
from ppc_engine.cli.flow_picture import Traffic, picture
from ppc_engine.cli.flow_stage import known_flow
from ppc_engine.settings import load_settings
from ppc_engine.storage.catalog_files import LoadedConfig, load_config
from ppc_engine.storage.database import open_database
from ppc_engine.storage.flow_traffic import read_traffic
from ppc_engine.storage.places import load_places
from ppc_engine.values.errors import BadValueError, OutsideError

FORMATS = ("mermaid", "dot", "svg")
SINCE = re.compile(r"^([1-9][0-9]{0,3})([hd])$")
HOUR_US = 3_600_000_000


@click.command("graph")
@click.argument("flow", metavar="FLOW")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), help="As -o ends, else mermaid.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option("--traffic", is_flag=True, help="Put the calls of the last days on the ways, from the database.")
@click.option("--since", default="7d", show_default=True, help="How far back traffic goes (12h, 7d).")
def command(config_dir: Path, flow: str, form: str | None, output: Path | None, traffic: bool, since: str) -> None:
    """Draw a flow as Mermaid, DOT or SVG: sub-flows as groups, exits with their conditions, what is never reached grey.

    \b
    Examples:
      ppc flow graph roofing > roofing.mmd
      ppc flow graph roofing --traffic --since 7d -o roofing.svg
    """
    form = form or (output.suffix[1:] if output and output.suffix[1:] in FORMATS else "mermaid")
    config = load_config(config_dir, known_zips=load_places().zips)
    known_flow(config.flows, flow)
    campaigns = [campaign.id for campaign in config.catalog.campaigns.values() if campaign.flow == flow]
    known, told = _traffic(config, config_dir, since, campaigns) if traffic else (None, "")
    lines = [f"campaign {', '.join(campaigns)}" if campaigns else "no campaign of its own", *([told] if told else [])]
    drawn = picture(config.flows, flow, title=f"{flow}\n{'; '.join(lines)}", traffic=known)
    text = (
        draw_svg(drawn) if form == "svg" else "\n".join(mermaid_lines(drawn) if form == "mermaid" else dot_lines(drawn))
    )
    if output is None:
        click.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutsideError(f"{output} cannot be written: {error.strerror}") from None


def _traffic(config: LoadedConfig, config_dir: Path, since: str, campaigns: list[str]) -> tuple[Traffic, str]:
    """The traffic of these campaigns; of all, for a flow that is only a part of others."""
    match = SINCE.match(since)
    if match is None:
        raise BadValueError(f'"{since}" is no length of time (write 12h or 7d)')
    hours = int(match[1]) * (24 if match[2] == "d" else 1)
    flows = {c.id: c.flow for c in config.catalog.campaigns.values() if c.id in campaigns or not campaigns}
    engine = open_database(load_settings(config_dir).database_url)
    try:
        counts = read_traffic(engine, flows, since=time.time_ns() // 1000 - hours * HOUR_US)
    finally:
        engine.dispose()
    traffic = Traffic(counts.calls, counts.visits, counts.exits, counts.connected, counts.abandoned)
    return traffic, f"{counts.calls:,} calls{'' if campaigns else ' of all campaigns'} in the last {since}"
