"""``ppc serve``: the engine, until it is told to stop."""

from __future__ import annotations

import gc
import signal
import sys
from pathlib import Path
from typing import Any

import click
import gevent
from gevent.event import Event as Signal

from ppc_engine.cli.realtime import take_realtime
from ppc_engine.engine.wall_clock import WallClock
from ppc_engine.settings import SECRETS, load_settings
from ppc_engine.storage.places import load_places
from ppc_engine.telemetry.log import Log, capture_standard_logging
from ppc_engine.telemetry.metrics import Metrics
from ppc_engine.wiring import SWITCH_NAME, RunningEngine

LOG_DELAY_S = 0.1  # What a crash may take of the log's informative lines; facts are in the journal.
THREAD_TURN_S = 0.001  # How long a call may wait for the thread that writes CDRs; Python's own is 5 ms, each time.
COLLECT_AFTER = (5_000, 20, 20)  # Calls make few cycles; collecting seven times as often costs more than it frees.


@click.command("serve")
@click.option(
    "--config", "config_dir", default="config", envvar="PPC_CONFIG", show_default=True,
    type=click.Path(path_type=Path), help="Configuration directory.",
)  # fmt: skip
@click.option(
    "--watch", is_flag=True, help="Take every change of the configuration by itself, once its files lie still."
)
def command(config_dir: Path, watch: bool) -> None:
    """Run the engine: claim the calls that the switch parks, route them, write their records.

    Every setting of engine.yaml can be overridden by an environment variable (PPC_DATABASE_URL, PPC_SWITCH_HOST,
    PPC_SWITCH_PASSWORD, ...). SIGHUP and `ppc config reload` read the configuration again: whole or not at all. SIGTERM
    stops; calls that are bridged talk on, and an engine that is started within seconds takes the others over.

    \b
    Example:
      PPC_SWITCH_PASSWORD_FILE=/etc/ppc/esl ppc serve --config config
    """
    settings = load_settings(config_dir, required=SECRETS)
    log = Log(level=settings.log_level, form=settings.log_format, delay_s=LOG_DELAY_S)
    capture_standard_logging(log)
    engine = RunningEngine(
        settings,
        config_dir,
        clock=WallClock(),
        places=load_places(),
        log=log,
        metrics=Metrics(switches=(SWITCH_NAME,)),
    )
    stop = Signal()
    engine.start()
    if settings.realtime:
        take_realtime(log)
    sys.setswitchinterval(THREAD_TURN_S)
    if watch:
        engine.watch()
    # ZIP codes, catalog and modules live as long as the process: no collection needs to walk them again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    handlers: dict[int, Any] = {
        signal.SIGTERM: stop.set,
        signal.SIGINT: stop.set,
        signal.SIGHUP: lambda: gevent.spawn(engine.reload, "SIGHUP"),
    }
    watchers = [gevent.signal_handler(number, handler) for number, handler in handlers.items()]
    try:
        stop.wait()
    finally:
        for watcher in watchers:
            watcher.cancel()
        engine.stop()
        log.flush()
