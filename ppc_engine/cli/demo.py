"""``ppc demo``: a day of calls on an emulated switch, through the real engine, into a database, and the money."""

from __future__ import annotations

import hashlib
import shutil
import socket
import time
from pathlib import Path

import click
import gevent
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ppc_engine.billing.report import summarise
from ppc_engine.calls.record import CDR
from ppc_engine.cli.call import explain_lines, read_money
from ppc_engine.cli.call_retold import StoredContexts, retell_stored
from ppc_engine.cli.call_steps import build_steps
from ppc_engine.cli.call_units import settled
from ppc_engine.cli.tables import make_console, print_report
from ppc_engine.emulator.clock import ScaledClock
from ppc_engine.emulator.demo_scenario import demo_scenario
from ppc_engine.emulator.server import EmulatedSwitch
from ppc_engine.engine.qualify_batch import FOREVER, qualify
from ppc_engine.flows.nodes.dial import DialNode
from ppc_engine.settings import Settings, load_settings
from ppc_engine.storage import numbers
from ppc_engine.storage.billing import SQLBillingStore, StoredTerms
from ppc_engine.storage.billing_report import judged_calls
from ppc_engine.storage.catalog_files import LoadedConfig, load_config
from ppc_engine.storage.cdrs import CallFilter, SQLCDRStore
from ppc_engine.storage.database import open_database
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.places import load_places
from ppc_engine.telemetry.log import Log, capture_standard_logging
from ppc_engine.telemetry.metrics import Metrics
from ppc_engine.values.errors import OutsideError
from ppc_engine.values.places import Places
from ppc_engine.wiring import SWITCH_NAME, RunningEngine

DEMO_S_MAX = 300  # Wall time after which the demo gives up.
READY_S_MAX = 20
LOOK_EVERY_S = 0.1


@click.command("demo")
@click.option(
    "--config",
    "config_dir",
    default="config",
    envvar="PPC_CONFIG",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Configuration directory.",
)
@click.option("--seed", default=1, show_default=True, help="Other seeds make other calls, and another table.")
@click.option("--calls", default=300, show_default=True, type=click.IntRange(1, 5_000), help="How many calls.")
@click.option(
    "--speed", default=60.0, show_default=True, type=click.FloatRange(1, 500), help="How many times faster than life."
)
@click.option("--dir", "directory", default="var/demo", show_default=True, type=click.Path(path_type=Path),
              help="Where database and journal go; emptied first.")  # fmt: skip
def command(config_dir: Path, seed: int, calls: int, speed: float, directory: Path) -> None:
    """Run a day of calls on an emulated switch and show the money.

    The engine is the real one: it speaks ESL with the emulated switch, takes slots, journals, writes CDRs to SQLite and
    qualifies them under the example configuration. Nothing is canned: every call is drawn from the seed.

    \b
    Example:
      ppc demo --seed 7
    """
    console = make_console()
    places = load_places()
    settings = _settings(config_dir, directory, seed)
    config = load_config(config_dir, known_zips=places.zips)
    _prepare(config_dir, config, settings)
    started = time.monotonic()
    _run_calls(console, config_dir, config, settings, places, seed=seed, calls=calls, speed=speed)
    database = open_database(settings.database_url)
    qualify(SQLBillingStore(database), StoredTerms(database), lambda: time.time_ns() // 1000)
    print_report(console, *summarise(judged_calls(database, 0, FOREVER), ["publisher", "buyer"]))
    store = SQLCDRStore(database)
    shown = _most_telling(store.list_calls(CallFilter(), limit=calls))
    console.print("\nOne of them, step by step (ppc call explain):", highlight=False)
    version, records = read_money(database, shown)
    facts = store.read_facts(shown.call_id)
    contexts = StoredContexts(database)
    retold, remarks = retell_stored(contexts, shown.call_id, facts)
    units = settled(shown, contexts.of(shown.revision).catalog, retold) if retold else []
    for line in explain_lines(shown, build_steps(facts, retold), records, version, remarks=remarks, units=units):
        console.print(line, highlight=False, markup=False)
    database.dispose()
    took = time.monotonic() - started
    console.print(f"\n{calls} calls in {took:.1f} s, seed {seed}. Look further:", highlight=False)
    console.print(f"  PPC_DATABASE_URL={settings.database_url} ppc call list", highlight=False)


def _settings(config_dir: Path, directory: Path, seed: int) -> Settings:
    """The example's settings with everything outside replaced by what the demo brings along."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    secret = hashlib.sha256(f"demo {seed}".encode()).hexdigest()
    environ = {
        "PPC_DATABASE_URL": f"sqlite:///{directory / 'ppc.sqlite'}",
        "PPC_JOURNAL_DIR": str(directory / "journal"),
        "PPC_SWITCH_HOST": "127.0.0.1",
        "PPC_SWITCH_PORT": str(_free_port()),
        "PPC_HTTP_PORT": str(_free_port()),
        "PPC_SWITCH_PASSWORD": secret,
        "PPC_SECRET": secret,
        "PPC_LOOKUP_HOSTS": "",  # A demo asks nobody outside.
        "PPC_LOG_LEVEL": "error",
        "PPC_LOG_FORMAT": "console",
    }
    return load_settings(config_dir, environ)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(config_dir: Path, config: LoadedConfig, settings: Settings) -> None:
    """A database with the tables and the tracking numbers of the example."""
    database = open_database(settings.database_url)
    upgrade(database)
    catalog = config.catalog
    numbers.import_file(
        database, config_dir / "numbers.csv", time.time_ns() // 1000,
        campaigns=catalog.campaigns.keys(), publishers=catalog.publishers.keys(),
    )  # fmt: skip
    database.dispose()


def _run_calls(
    console: Console,
    config_dir: Path,
    config: LoadedConfig,
    settings: Settings,
    places: Places,
    *,
    seed: int,
    calls: int,
    speed: float,
) -> None:
    clock = ScaledClock(speed)
    database = open_database(settings.database_url)
    dialed = sorted(numbers.load_all(database))
    database.dispose()
    targets = [target for _, target in config.catalog.targets.values()]
    fixed = [node for flow in config.flows.values() for node in flow.nodes.values() if isinstance(node, DialNode)]
    desks = [(f"desk-{number}", node.destination, node.gateway or "") for number, node in enumerate(fixed, 1)]
    scenario = demo_scenario(seed=seed, calls=calls, numbers=dialed, targets=targets, desks=desks, zips=places.zips)
    switch = EmulatedSwitch(
        scenario, seed=seed, clock=clock, password=settings.switch_password.get_secret_value(),
        host=settings.switch_host, port=settings.switch_port,
    )  # fmt: skip
    log = Log(level=settings.log_level, form=settings.log_format)
    capture_standard_logging(log)
    metrics = Metrics(switches=(SWITCH_NAME,))
    engine = RunningEngine(settings, config_dir, clock=clock, places=places, log=log, metrics=metrics)
    switch.start()
    try:
        engine.start()
        engine.wait_in_step(timeout_s=READY_S_MAX)
        switch.begin_calls()
        _watch(console, switch, engine, calls)
    finally:
        engine.stop()
        switch.stop()
        clock.stop()


def _watch(console: Console, switch: EmulatedSwitch, engine: RunningEngine, calls: int) -> None:
    """A progress bar until every caller has hung up and every record is in the database."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    deadline = time.monotonic() + DEMO_S_MAX
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("calls", total=calls)
        while not (switch.done.is_set() and not engine.busy):
            if time.monotonic() > deadline:
                raise OutsideError(f"the demo did not end within {DEMO_S_MAX} s (a busy machine: lower --speed)")
            progress.update(task, completed=switch.calls_finished)
            gevent.sleep(LOOK_EVERY_S)
        progress.update(task, completed=calls)


def _most_telling(found: list[CDR]) -> CDR:
    """The call with the most to explain: the most attempts, then the longest."""
    return max(found, key=lambda cdr: (len(cdr.attempts), cdr.total_ms, cdr.call_id))
