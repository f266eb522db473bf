"""``ppc check``: everything that is wrong with a configuration, at once, a line each."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ppc_engine.settings import SECRET_CHARS_MIN, SECRETS, Settings, load_settings
from ppc_engine.storage.catalog_files import ENGINE_FILE, LoadedConfig, load_config
from ppc_engine.storage.places import load_places
from ppc_engine.values.errors import ConfigError, Issue

REVISION_DIGITS = 12  # Shown; enough to tell revisions apart by eye.


@click.command("check")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, config_dir: Path, as_json: bool) -> None:
    """Check the whole configuration: settings, catalog and flows.

    Every problem is one line, FILE:LINE:COLUMN: PATH: WHAT (CURE). Exit code 0 when a running engine would take this
    configuration, 1 when it would keep the one it has.

    \b
    Example:
      ppc check --config config
    """
    config, issues = examine(config_dir)
    if as_json:
        click.echo(json.dumps({**_summary(config), "issues": [asdict(issue) for issue in issues]}))
    else:
        for line in _lines(config, issues):
            click.echo(line)
    if config is None:
        ctx.exit(1)


def examine(config_dir: Path) -> tuple[LoadedConfig | None, list[Issue]]:
    """The configuration, None when anything is an error, and every issue in it."""
    issues: set[Issue] = set()
    settings = config = None
    try:
        settings = load_settings(config_dir)
        issues.update(_weak_secrets(config_dir, settings))
    except ConfigError as error:
        issues.update(error.issues)
    try:
        prompts = _prompts(settings) if settings else None
        config = load_config(config_dir, known_zips=load_places().zips, prompts=prompts)
        issues.update(config.warnings)
    except ConfigError as error:
        issues.update(error.issues)
    return (config if settings else None), sorted(issues)


def _prompts(settings: Settings) -> list[str] | None:
    """Names of the prompts, when the switch's directory of them is on this machine."""
    directory = Path(settings.prompts_dir)
    return sorted(file.stem for file in directory.glob("*.wav")) or None if directory.is_dir() else None


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
        count = sum(issue.severity == "error" for issue in issues)
        return [*lines, f"{count} problem{'' if count == 1 else 's'}; nothing was loaded."]
    summary = _summary(config)
    counts = ", ".join(_counted(int(str(summary[key])), key) for key in list(summary)[1:-1])
    return [*lines, f"good: {counts}, revision {config.revision[:REVISION_DIGITS]}"]


def _counted(count: int, plural: str) -> str:
    return f"{count} {plural.removesuffix('s') if count == 1 else plural}"
