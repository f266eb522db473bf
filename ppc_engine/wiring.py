"""Builds the whole engine from settings and a configuration: the only place that knows every part.

Order of a start: database, configuration, journal, calls of an earlier process, then the switch, so that a call is
claimed only when everything behind it stands. Order of a stop: the switch first, so that what must fall back does so
at once; then what is in memory goes to the disk.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

from gevent.event import Event as Signal

from ppc_engine import __version__
from ppc_engine.calls.state import CallContext
from ppc_engine.engine.cap_seeding import CapSeeding
from ppc_engine.engine.cdr_batches import CDRBatcher
from ppc_engine.engine.claims import Claims
from ppc_engine.engine.control_desk import ControlDesk, tell_caps
from ppc_engine.engine.dispatcher import Dispatcher, Log
from ppc_engine.engine.lookups import Lookups
from ppc_engine.engine.off_hub import OffHub
from ppc_engine.engine.operator import Operator
from ppc_engine.engine.reconcile import Reconciler
from ppc_engine.engine.supervisor import Supervisor
from ppc_engine.engine.usage import Usage
from ppc_engine.live_config import LiveConfig, Reloaded, Reloader
from ppc_engine.ports import Clock, SwitchError
from ppc_engine.routing.usage import UsageBoard
from ppc_engine.settings import Settings
from ppc_engine.storage.caller_calls import SQLCallerCalls
from ppc_engine.storage.cap_usage import read_cap_usage
from ppc_engine.storage.capacity import MemoryCapacityStore
from ppc_engine.storage.catalog_files import LoadedConfig
from ppc_engine.storage.cdrs import SQLCDRStore
from ppc_engine.storage.config_watch import ConfigWatcher
from ppc_engine.storage.database import check_writable, open_database
from ppc_engine.storage.facts import compress_facts
from ppc_engine.storage.journal import FileJournal
from ppc_engine.storage.migrate import upgrade
from ppc_engine.storage.operator_actions import SQLOperatorOrders
from ppc_engine.storage.secret_files import read_secret
from ppc_engine.storage.target_times import read_last_times, read_worth
from ppc_engine.switch.esl_switch import ESLSwitch, SwitchState
from ppc_engine.telemetry.control import CONTROL_PATH, RELOAD_PATH, Control
from ppc_engine.telemetry.http import MonitoringServer
from ppc_engine.telemetry.hub import HubWatch
from ppc_engine.telemetry.metrics import Metrics
from ppc_engine.values.errors import OutsideError
from ppc_engine.values.places import Places
from ppc_engine.web.http_lookup import HTTPLookups
from ppc_engine.web.lookup_hosts import LookupServer

STOP_S_MAX = 10.0
WORTH_EVERY_S = 300
DAY_US = 86_400_000_000
RESYNC_RETRY_S = 1.0
SWEEP_AFTER_S = 2.0  # The switch's list of tasks lags by up to a second.
SWITCH_NAME = "main"


class RunningEngine:
    """One engine process: everything between the switch and the database."""

    def __init__(
        self, settings: Settings, config_dir: Path, *, clock: Clock, places: Places, log: Log, metrics: Metrics
    ) -> None:
        self._clock = clock
        self._log = log
        self.metrics = metrics
        self.database = open_database(settings.database_url)
        self.journal = FileJournal(settings.journal_dir)
        self.capacity = MemoryCapacityStore()
        self.usage = Usage(self.capacity, UsageBoard(self.capacity))
        self.capacity.on_change = self.usage.board.changed
        self.supervisor = Supervisor(self._service_died)
        key = hashlib.sha256(settings.secret.get_secret_value().encode()).digest()
        self.config = LiveConfig(
            config_dir,
            self.database,
            places,
            key,
            self._config_in_force,
            settings.test_callers,
            settings.prompts_dir,
        )
        self.off_hub = OffHub()
        self.batcher = CDRBatcher(
            self.journal,
            SQLCDRStore(self.database),
            compress=compress_facts,
            oldest_open=lambda: self.dispatcher.oldest_open(),
            off_hub=self.off_hub,
            telemetry=metrics,
            log=log,
            monotonic=time.monotonic,
        )
        self.switch = self._make_switch(settings)
        self.lookups = Lookups(clock, SQLCallerCalls(self.database), HTTPLookups(_lookup_servers(settings)))
        self.dispatcher = Dispatcher(
            clock=clock,
            switch=self.switch,
            journal=self.journal,
            capacity=self.capacity,
            sink=self.batcher,
            context=self.config.new_call,
            telemetry=metrics,
            log=log,
            refusing=lambda: bool(self.journal.failed),
            paused=lambda: self.operator.paused(),
            lookups=self.lookups,
            usage=self.usage,
        )
        self.cap_seeding = self._make_seeding()
        self._make_desk(config_dir)
        self.claims = Claims(self.dispatcher, renew_s=settings.claim_renew_s)
        self.reconciler = Reconciler(self.dispatcher, self.claims, self.config.context_of)
        self.hub_watch = HubWatch(metrics.hub_delayed, lambda seconds: log("hub_late", seconds=round(seconds, 3)))
        self.monitoring = self._monitoring(settings)
        self._switch = SwitchState(up=False, core_uuid="", detail="not connected yet")
        self._stepped = Signal()
        self._came_up = Signal()

    def _make_desk(self, config_dir: Path) -> None:
        """What takes orders of people."""
        self.operator = Operator(
            SQLOperatorOrders(self.database),
            dispatcher=lambda: self.dispatcher,
            off_hub=self.off_hub,
            clock=self._clock,
            log=self._log,
            reset_cap=self.capacity.reset,
            reported=self.metrics.order_obeyed,
        )
        self.reloader = Reloader(
            self.config,
            off_hub=self.off_hub.run,
            now_us=self._clock.now_us,
            log=self._log,
            prepare=self._prepare_caps,
        )
        self.watcher = ConfigWatcher(
            config_dir,
            off_hub=self.off_hub.run,
            sleep=self._clock.sleep,
            reload=lambda still: self.reloader.reload("watch", still),
        )
        self.desk = ControlDesk(
            operator=self.operator,
            dispatcher=lambda: self.dispatcher,
            reload=lambda who: dataclasses.asdict(self.reload(who)),
            caps=lambda: tell_caps(self.config.new_call(), self.capacity, self._clock.now_us()),
            revision=lambda: self.config.new_call().revision,
        )

    def _make_seeding(self) -> CapSeeding:
        orders = SQLOperatorOrders(self.database)
        return CapSeeding(
            self.usage,
            clock=self._clock,
            off_hub=self.off_hub,
            read=lambda context, rules, at, held, judged: read_cap_usage(
                self.database, context.catalog, rules, at, held, judged
            ),
            live=lambda: [runner.call for runner in self.dispatcher.calls.values()],
            unwritten=self.batcher.unwritten,
            given_back=orders.units_given_back,
        )

    def _prepare_caps(self, context: CallContext) -> Callable[[], None]:
        """Read what the caps of a new configuration have used already; what it gives makes that count."""
        seeds = self.cap_seeding.prepare(context)
        return lambda: self.cap_seeding.sow(seeds)

    def _make_switch(self, settings: Settings) -> ESLSwitch:
        return ESLSwitch(
            host=settings.switch_host,
            port=settings.switch_port,
            password=settings.switch_password.get_secret_value(),
            profile=settings.switch_profile,
            prompts_dir=settings.prompts_dir,
            recordings_dir=settings.recordings_dir,
            voice=settings.switch_voice,
            claim_s=settings.claim_s,
            on_event=lambda event: self.dispatcher.handle_event(event),
            on_state=self._on_switch_state,
            telemetry=self.metrics,
            now_us=self._clock.now_us,
        )

    def start(self) -> None:
        """Bring everything up. Raises PPCError, told in one line, when a part of it cannot be had."""
        upgrade(self.database)
        check_writable(self.database)
        self.watcher.mark()
        self.config.put_in_force(self.config.read(self._clock.now_us()))
        self.operator.load()
        self.journal.start()
        for problem in self.journal.found.problems:
            self._log("journal_damaged", detail=problem)
        restored = self._restore_calls()
        self._watch_gauges()
        self.batcher.start()
        self.supervisor.spawn("timers", lambda: self.dispatcher.timers.run(self._stopping))
        self.supervisor.spawn("queues", lambda: self.dispatcher.queues.run(self._stopping))
        self.supervisor.spawn("worth", self._keep_worth)
        self.supervisor.spawn("claims", lambda: self.claims.run(self._stopping))
        self.supervisor.spawn("resync", self._keep_in_step)
        self.supervisor.spawn("operator", lambda: self.operator.run(self._stopping))
        self.hub_watch.start()
        self.monitoring.start()
        self.switch.start()
        self._log("started", version=__version__, revision=self.config.new_call().revision, calls_restored=restored)

    def _restore_calls(self) -> int:
        """Calls of an earlier process, with everything that they and the finished ones used of caps."""
        context, open_calls = self.config.new_call(), list(self.journal.open_calls())
        return self.cap_seeding.restore(context, open_calls, self.reconciler.restore)

    def _keep_worth(self) -> None:
        """What targets were worth lately, for campaigns that choose by it; nothing is read where none does."""
        times = self.usage.board.times
        try:
            last = self.off_hub.run(lambda: read_last_times(self.database, self._clock.now_us()))
            times.remember(last)
        except OutsideError as error:
            self._log("times_not_read", detail=str(error))
        while not self._stopping():
            now, campaigns = self._clock.now_us(), self.config.new_call().catalog.campaigns.values()
            since = {
                campaign.id: now - campaign.expected_revenue.window_days * DAY_US
                for campaign in campaigns
                if campaign.order == "expected_revenue"
            }
            try:
                if since:
                    times.worth = self.off_hub.run(lambda since=since: read_worth(self.database, since))
            except OutsideError as error:
                self._log("worth_not_read", detail=str(error))
            for _ in range(WORTH_EVERY_S):
                if self._stopping():
                    return
                self._clock.sleep(1.0)

    def stop(self) -> None:
        """Let go of the switch, write what is in memory, end every greenlet. Bridged calls talk on."""
        self.switch.stop()
        self.supervisor.stop(STOP_S_MAX)
        self.desk.stop()
        self.batcher.stop(STOP_S_MAX)
        self.lookups.stop(STOP_S_MAX)
        self.off_hub.stop()
        self.journal.stop()
        self.monitoring.stop()
        self.hub_watch.stop()
        self.database.dispose()
        self._log("stopped", calls_left=len(self.dispatcher.calls))

    def reload(self, by: str) -> Reloaded:
        """Take a changed configuration for new calls; refused whole, the running one stays in force."""
        return self.reloader.reload(by)

    def watch(self) -> None:
        """Take every change of the configuration directory by itself, once its files lie still."""
        self.supervisor.spawn("watch", lambda: self.watcher.run(self._stopping))

    def wait_in_step(self, timeout_s: float) -> None:
        """Wait until the switch is connected and was asked what lives. Raises OutsideError with what is missing."""
        if not self._stepped.wait(timeout=timeout_s):
            raise OutsideError(f"the switch is not ready after {timeout_s:g} s: {self._switch.detail}")

    @property
    def busy(self) -> bool:
        """Whether a call lives, or a finished one is not in the database yet."""
        return bool(self.dispatcher.calls) or self.batcher.pending > 0

    def _stopping(self) -> bool:
        return self.supervisor.stopping

    def _service_died(self, name: str, error: BaseException) -> None:
        self.dispatcher.bug("service", name, error)

    def _on_switch_state(self, state: SwitchState) -> None:
        """Told by the switch's reader; never blocks."""
        self._switch = state
        self.metrics.switch_connected(SWITCH_NAME, state.up)
        self._log("switch_up" if state.up else "switch_down", core_uuid=state.core_uuid, detail=state.detail)
        if state.up:
            self._came_up.set()
        else:
            self._stepped.clear()
            self.dispatcher.hold()

    def _keep_in_step(self) -> None:
        """After every connect, ask the switch what lives before any call of ours acts again."""
        while not self._stopping():
            if not self._came_up.wait(timeout=RESYNC_RETRY_S):
                continue
            self._came_up.clear()
            try:
                self.reconciler.resynchronise()
            except SwitchError as error:
                self._log("resync_failed", detail=str(error))
                if self._switch.up:
                    self._clock.sleep(RESYNC_RETRY_S)
                    self._came_up.set()
            else:
                self._stepped.set()
                self._log("in_step", calls=len(self.dispatcher.calls))
                self._sweep_timers()

    def _sweep_timers(self) -> None:
        self._clock.sleep(SWEEP_AFTER_S)
        try:
            self.reconciler.sweep_timers()
        except SwitchError as error:
            self._log("resync_failed", detail=str(error))

    def _config_in_force(self, config: LoadedConfig) -> None:
        catalog = config.catalog
        kinds = {
            "target": catalog.targets,
            "buyer": catalog.buyers,
            "campaign": catalog.campaigns,
            "publisher": catalog.publishers,
        }
        self.metrics.use_catalog(config.revision, [f"{kind}:{name}" for kind, names in kinds.items() for name in names])
        self._log("config_in_force", revision=config.revision, campaigns=len(catalog.campaigns))

    def _watch_gauges(self) -> None:
        self.metrics.watch("live_calls", lambda: len(self.dispatcher.calls))
        self.metrics.watch("queue_waiting", lambda: sum(self.dispatcher.queues.waiting().values()))
        self.metrics.watch("events_late", lambda: self.switch.stream.events_late)
        self.metrics.watch("event_delay_s", lambda: self.switch.stream.delay_us_max / 1_000_000)
        self.metrics.watch("paused", lambda: len(self.operator.in_force()) - bool(self.operator.draining))
        self.metrics.watch("draining", lambda: bool(self.operator.draining))
        self.metrics.watch_leases(self.capacity.used_now)
        for gauge, read in {**self.journal.gauges(), **self.batcher.gauges()}.items():
            self.metrics.watch(gauge, read)

    def _monitoring(self, settings: Settings) -> MonitoringServer:
        return MonitoringServer(
            host=settings.http_host,
            port=settings.http_port,
            render_metrics=self.metrics.render,
            health={"event_loop": lambda: self.hub_watch.complaint()},
            ready={
                "switch": lambda: "" if self._switch.up else self._switch.detail or "away",
                "in_step": lambda: "" if self._stepped.is_set() else "the switch was not asked yet what lives",
                "journal": lambda: self.journal.failed,
                "config": lambda: "" if self.config.context is not None else "nothing loaded",
                "drain": lambda: self.operator.draining,
            },
            on_bug=self.metrics.bug,
            control=Control(
                secret=settings.secret.get_secret_value(),
                orders={CONTROL_PATH: self.desk.obey, RELOAD_PATH: self.desk.reload},
                log=self._log,
            ),
        )


def _lookup_servers(settings: Settings) -> list[LookupServer]:
    """The servers that may be asked, with their tokens. Raises OutsideError when a token cannot be read."""
    servers = []
    for host in settings.lookup_hosts:
        token, problem = read_secret(host.token_file) if host.token_file else ("", "")
        if problem:
            raise OutsideError(f"lookup_hosts, {host.host}: {problem}")
        servers.append(
            LookupServer(
                name=host.host,
                insecure=host.insecure_http,
                private=host.private_network,
                token=token,
                ca_file=host.ca_file or "",
            )
        )
    return servers
