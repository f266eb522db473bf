"""``ppc call capture``: turns a call that happened into a flow test that makes it happen again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click
import yaml
from sqlalchemy import Engine

from ppc_engine.billing.history import History
from ppc_engine.billing.qualification import judge
from ppc_engine.calls.record import CDR
from ppc_engine.cli.flow_stage import make_stage, names_of, stage_of
from ppc_engine.rehearsal.capturing import capture
from ppc_engine.rehearsal.expecting import Difference, differences
from ppc_engine.rehearsal.load_cases import load_cases
from ppc_engine.rehearsal.playing import Stage
from ppc_engine.rehearsal.world import RehearsalError
from ppc_engine.settings import load_settings
from ppc_engine.storage.billing import SQLBillingStore
from ppc_engine.storage.catalog_files import config_from_revision
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.places import load_places
from ppc_engine.storage.revisions import load_revision
from ppc_engine.storage.strict_yaml import parse_yaml
from ppc_engine.values.errors import BadValueError, ConfigError, OutsideError

LINE_CHARS_MAX = 110


@click.command("capture")
@click.argument("call_id", metavar="ID")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option("--keep-caller", is_flag=True, help="The caller's own number, not one of 555-01xx in its area code.")
@click.option("--append", is_flag=True, help="Add the test to flows/FLOW.test.yaml instead of printing it.")
@click.pass_context
def command(ctx: click.Context, call_id: str, config_dir: Path, keep_caller: bool, append: bool) -> None:
    """Turn a finished call into a flow test that passes when it is run unchanged.

    The test is played before it is handed out: under the configuration that the call had, and under the present one.
    Where the two differ you are told: either your change is wanted, or the test has just found what it broke.

    \b
    Examples:
      ppc call capture 4f2a91 > flows/roofing.test.yaml
      ppc call capture 4f2a91 --append && ppc flow test roofing
    """
    engine = open_database(load_settings(config_dir).database_url)
    try:
        cdr, case, then = _captured(engine, call_id, keep_caller)
    finally:
        engine.dispose()
    flow = then.context.catalog.campaigns[cdr.campaign].flow
    text = case_text(case)
    found = problems(then, flow, text)
    if found:
        for line in found:
            click.echo(f"  {line}", err=True)
        hint = "" if keep_caller else "; does it depend on the caller's own number? (--keep-caller)"
        raise BadValueError(f"call {cdr.call_id} does not happen again as it did{hint}")
    changed = _problems_now(config_dir, flow, text, cdr, then)
    for line in changed:
        click.echo(f"  {line}", err=True)
    if changed:
        click.echo("under the present configuration this call goes another way (above)", err=True)
    if append:
        _append(config_dir / "flows" / f"{flow}.test.yaml", flow, text, then)
    else:
        click.echo(file_text(flow, text), nl=False)


def _captured(engine: Engine, call_id: str, keep_caller: bool) -> tuple[CDR, dict[str, Any], Stage]:
    from ppc_engine.cli.call import find_call, read_money  # That module holds this command.

    store = SQLCDRStore(engine)
    cdr = find_call(store, call_id)
    facts = store.read_facts(cdr.call_id)
    try:
        then = stage_of(config_from_revision(load_revision(engine, cdr.revision)), load_places())
    except KeyError:
        raise BadValueError(f"revision {cdr.revision[:12]} of call {cdr.call_id} is not in this database") from None
    with SQLBillingStore(engine).batch(writes=False) as batch:
        history = batch.histories([cdr.caller_key]).get(cdr.caller_key, History()) if cdr.caller_key else History()
    _, records = read_money(engine, cdr)
    if records is None:
        records = judge(cdr, then.context.catalog, history).records
    return cdr, capture(facts, cdr, records, history, keep_caller=keep_caller), then


def case_text(case: dict[str, Any]) -> str:
    """One test as a list entry of YAML."""
    text = yaml.dump(
        [case], Dumper=_Dumper, sort_keys=False, width=LINE_CHARS_MAX, allow_unicode=True,
        default_flow_style=None,
    )  # fmt: skip
    return "".join(f"  {line}\n" for line in text.splitlines())


class _Dumper(yaml.SafeDumper):
    """Without anchors, which a configuration may not have."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def file_text(flow: str, entry: str) -> str:
    """A whole file of one test."""
    return f"flow: {flow}\ntests:\n{entry}"


def problems(stage: Stage, flow: str, entry: str) -> list[str]:
    """What is not as expected when the test is played: [] when it passes."""
    document, issues = parse_yaml("captured.test.yaml", file_text(flow, entry).encode())
    loaded = None
    if document is not None:
        loaded, issues = load_cases(document, names_of(stage))
    if loaded is None:
        return [f"{issue.path}: {issue.message}" for issue in issues]
    case = loaded.tests[0]
    try:
        found = differences(case.expect, stage.play(flow, case.name, case.given))
    except RehearsalError as error:
        return [str(error)]
    return [_told(difference) for difference in found]


def _told(difference: Difference) -> str:
    return f"{difference.what}: then {difference.expected}, now {difference.happened}"


def _problems_now(config_dir: Path, flow: str, entry: str, cdr: CDR, then: Stage) -> list[str]:
    try:
        present = make_stage(config_dir)
    except ConfigError as error:
        return [f"the present configuration is not good: {issue}" for issue in error.issues[:3]]
    if present.context.revision == then.context.revision:
        return []
    if flow not in present.context.flows:
        return [f"flow {flow} is no more"]
    return problems(present, flow, entry)


def _append(path: Path, flow: str, entry: str, stage: Stage) -> None:
    """Add a test to its file; what is there stays as it is, byte by byte."""
    try:
        before = path.read_text(encoding="utf-8") if path.is_file() else f"flow: {flow}\ntests:\n"
        text = f"{before.rstrip()}\n\n{entry}" if path.is_file() else before + entry
        document, issues = parse_yaml(str(path), text.encode())
        if document is not None:
            _, issues = load_cases(document, dataclasses.replace(names_of(stage)))
        if issues:
            raise ConfigError(issues)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutsideError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"added to {path}")
