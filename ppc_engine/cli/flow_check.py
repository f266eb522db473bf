"""``ppc flow check`` and ``ppc flow schema``: what is wrong with flows, and what an editor should know of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path, PurePath

import click

from ppc_engine.catalog.issues import did_you_mean
from ppc_engine.cli import schema_files
from ppc_engine.cli.check import counted_issues, examine
from ppc_engine.values.errors import BadValueError, Issue

FLOWS = "flows"


@click.command("check")
@click.argument("flows", nargs=-1)
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--prompts", "prompts_dir", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Prompts to check against, where the switch's own are on another machine.",
)  # fmt: skip
@click.pass_context
def check_command(
    ctx: click.Context, flows: tuple[str, ...], config_dir: Path, as_json: bool, prompts_dir: Path | None
) -> None:
    """Check FLOWS, by name or by file; all of them when none is named.

    The rest of the configuration is read for what flows name (targets, lists, prompts, other flows), but only what
    stands in the flows themselves is told. Exit code 1 when a call could not walk one of them.

    \b
    Examples:
      ppc flow check
      ppc flow check roofing config/flows/solar.yaml
    """
    wanted = _files(config_dir, flows)
    _, issues = examine(config_dir, prompts_dir=prompts_dir)
    own = [issue for issue in issues if issue.file in wanted]
    elsewhere = [issue for issue in issues if issue.severity == "error" and issue.file not in wanted]
    bad = any(issue.severity == "error" for issue in own)
    if as_json:
        told = {"good": not bad, "flows": len(wanted), "issues": [asdict(issue) for issue in own]}
        click.echo(json.dumps({**told, "problems_elsewhere": len(elsewhere)}))
    else:
        for line in _lines(own, elsewhere, len(wanted)):
            click.echo(line)
    if bad:
        ctx.exit(1)


@click.command("schema")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default="schemas")
def schema_command(directory: Path) -> None:
    """Write JSON Schemas into DIRECTORY, so that an editor completes and checks while you type.

    One file a kind: flow, buyer, publisher, campaign, group, trunk and engine. A YAML file names its own in its first
    line: # yaml-language-server: $schema=../../schemas/flow.schema.json

    \b
    Example:
      ppc flow schema schemas
    """
    for path in schema_files.write(directory):
        click.echo(path)


def _files(config_dir: Path, flows: tuple[str, ...]) -> set[str]:
    """Files of the flows named, as issues name them. Raises BadValueError for one that is not there."""
    there = {path.stem: str(path) for path in sorted((config_dir / FLOWS).glob("*.yaml")) if "." not in path.stem}
    names = [PurePath(flow).stem if flow.endswith(".yaml") else flow for flow in flows]
    for name in names:
        if name not in there:
            raise BadValueError(f'no flow "{name}" in {config_dir / FLOWS}{did_you_mean(name, there)}')
    return {there[name] for name in names} if names else set(there.values())


def _lines(own: list[Issue], elsewhere: list[Issue], count: int) -> list[str]:
    lines = [str(issue) for issue in own]
    if elsewhere:
        lines.append(f"{counted_issues(elsewhere)} elsewhere in the configuration (ppc check tells them)")
    checked = f"{count} flow{'' if count == 1 else 's'} checked"
    return [*lines, f"{checked}: {counted_issues(own) or 'good'}"]
