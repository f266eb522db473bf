"""The event loop's watcher, on a clock of its own."""

import pytest

from ppc_engine.telemetry.hub import STALLED_S, TICK_S, HubWatch


class Clock:
    """Time that moves when somebody sleeps, and by ``late`` more."""

    def __init__(self):
        self.now = 100.0
        self.late = 0.0

    def sleep(self, seconds):
        self.now += seconds + self.late

    def monotonic(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def seen():
    return {"delays": [], "late": []}


@pytest.fixture
def watch(clock, seen):
    return HubWatch(seen["delays"].append, seen["late"].append, clock.sleep, clock.monotonic)


def test_a_punctual_loop_is_no_delay(watch, seen):
    watch.tick()
    assert seen == {"delays": [pytest.approx(0.0)], "late": []}


def test_oversleeping_is_measured_and_a_whole_second_is_told(watch, clock, seen):
    clock.late = 0.25
    watch.tick()
    clock.late = 1.5
    watch.tick()
    assert seen == {"delays": [pytest.approx(0.25), pytest.approx(1.5)], "late": [pytest.approx(1.5)]}


def test_it_complains_only_when_no_tick_came_for_long(watch, clock):
    watch.tick()
    clock.now += STALLED_S - TICK_S
    assert watch.complaint() == ""
    clock.now += 1
    assert watch.complaint() == f"the event loop has not ticked for {STALLED_S - TICK_S + 1:.1f} s"


def test_it_ticks_by_itself_until_stopped(seen):
    from gevent.event import Event

    ticked = Event()
    watch = HubWatch(lambda _delay: ticked.set(), seen["late"].append)
    watch.start()
    assert ticked.wait(timeout=5)
    watch.stop()
    watch.stop()
