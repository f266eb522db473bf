"""``ppc check``: everything that is wrong with a configuration, at once, a line each."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from ppc_engine.cli import schema_files
from ppc_engine.settings import SECRET_CHARS_MIN, SECRETS, Settings, load_settings
from ppc_engine.storage.catalog_files import ENGINE_FILE, LoadedConfig, load_config
from ppc_engine.storage.config_aside import OwnNumbers
from ppc_engine.storage.places import load_places
from ppc_engine.storage.prompt_files import prompts_in
from ppc_engine.values.errors import ConfigError, Issue

REVISION_DIGITS = 12  # Shown; enough to tell revisions apart by eye.


@click.command("check")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--numbers", "with_numbers", is_flag=True, help="Ask the database whether a target is our own number.")
@click.option(
    "--prompts", "prompts_dir", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Prompts to check against, where the switch's own are on another machine.",
)  # fmt: skip
@click.option(
    "--schema", "schema_dir", type=click.Path(path_type=Path, file_okay=False),
    help="Write JSON Schemas for editors into this directory, and check nothing.",
)  # fmt: skip
@click.pass_context
def command(
    ctx: click.Context,
    config_dir: Path,
    as_json: bool,
    with_numbers: bool,
    prompts_dir: Path | None,
    schema_dir: Path | None,
) -> None:
    """Check the whole configuration: settings, catalog, lists and flows.

    Every finding is one line, FILE:LINE:COLUMN: PATH: WHAT (CURE). A warning refuses nothing. Exit code 0 when a
    running engine would take this configuration, 1 when it would keep the one it has.

    \b
    Examples:
      ppc check --config config
      ppc check --numbers --prompts freeswitch/prompts
      ppc check --schema schemas
    """
    if schema_dir is not None:
        for path in schema_files.write(schema_dir):
            click.echo(path)
        return
    config, issues = examine(config_dir, prompts_dir=prompts_dir, with_numbers=with_numbers)
    if as_json:
        click.echo(json.dumps({**_summary(config), "issues": [asdict(issue) for issue in issues]}))
    else:
        for line in _lines(config, issues):
            click.echo(line)
    if config is None:
        ctx.exit(1)


def examine(
    config_dir: Path, *, prompts_dir: Path | None = None, with_numbers: bool = False
) -> tuple[LoadedConfig | None, list[Issue]]:
    """The configuration, None when anything is an error, and every issue in it."""
    issues: set[Issue] = set()
    settings = config = None
    try:
        settings = load_settings(config_dir)
        issues.update(_weak_secrets(config_dir, settings))
    except ConfigError as error:
        issues.update(error.issues)
    directory = prompts_dir or (Path(settings.prompts_dir) if settings else None)
    collecting = gc.isenabled()
    gc.disable()  # All that is made is kept until the end: walking it again and again takes a third of the time.
    try:
        config = load_config(
            config_dir,
            places=load_places(),
            prompts=prompts_in(directory) if directory else None,
            own_numbers=OwnNumbers(settings.database_url) if settings and with_numbers else (),
            lookup_hosts=[server.host for server in settings.lookup_hosts] if settings else None,
        )
        issues.update(config.warnings)
    except ConfigError as error:
        issues.update(error.issues)
    finally:
        if collecting:
            gc.enable()
    return (config if settings else None), sorted(issues)


def counted_issues(issues: Iterable[Issue]) -> str:
    """ "2 problems, 1 warning"; what there is none of is left out."""
    severities = [issue.severity for issue in issues]
    parts = [(severities.count("error"), "problem"), (severities.count("warning"), "warning")]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in parts if count)


def _weak_secrets(config_dir: Path, settings: Settings) -> list[Issue]:
    """A guessable password of the switch is as good as none (security.md D6)."""
    password = settings.switch_password.get_secret_value()
    if not password or len(password) >= SECRET_CHARS_MIN:
        return []
    message = f"shorter than {SECRET_CHARS_MIN} characters (choose a random one: openssl rand -hex 32)"
    return [Issue(file=str(config_dir / ENGINE_FILE), path=SECRETS[0], message=message, severity="warning")]


def _summary(config: LoadedConfig | None) -> dict[str, object]:
    if config is None:
        return {"good": False}
    catalog = config.catalog
    return {
        "good": True,
        "campaigns": len(catalog.campaigns),
        "buyers": len(catalog.buyers),
        "targets": len(catalog.targets),
        "publishers": len(catalog.publishers),
        "flows": len(config.flows),
        "revision": config.revision,
    }


def _lines(config: LoadedConfig | None, issues: list[Issue]) -> list[str]:
    lines = [str(issue) for issue in issues]
    if config is None:
        return [*lines, f"{counted_issues(issues)}; nothing was loaded."]
    summary = _summary(config)
    counts = ", ".join(_counted(int(str(summary[key])), key) for key in list(summary)[1:-1])
    warnings = f" ({counted_issues(issues)})" if issues else ""
    return [*lines, f"good: {counts}, revision {config.revision[:REVISION_DIGITS]}{warnings}"]


def _counted(count: int, plural: str) -> str:
    return f"{count} {plural.removesuffix('s') if count == 1 else plural}"
