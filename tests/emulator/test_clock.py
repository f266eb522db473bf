"""A clock that runs faster than the wall, and slower on a busy machine."""

import time

import gevent
import pytest

from ppc_engine.emulator.clock import CREDIT_S_MAX, ScaledClock


def spin(seconds):
    """Keep the hub busy: no other greenlet runs."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def test_it_begins_where_it_is_told_and_runs_as_fast_as_it_is_told():
    with ScaledClock(100, start_us=5_000_000) as clock:
        assert 5_000_000 <= clock.now_us() < 5_600_000
        started = time.perf_counter()
        clock.sleep(2)
        assert clock.now_us() >= 7_000_000
        assert time.perf_counter() - started >= 0.02 * 0.9


def test_at_speed_one_it_is_the_wall():
    clock = ScaledClock()
    assert abs(clock.now_us() - time.time_ns() // 1000) < 1_000_000
    assert clock.start() is False
    before = clock.now_us()
    spin(0.02)
    assert clock.now_us() - before >= 20_000


def test_while_the_process_computes_little_time_passes():
    with ScaledClock(100) as clock:
        gevent.sleep(0.01)
        before = clock.now_us()
        spin(0.06)
        assert clock.now_us() - before <= 2 * CREDIT_S_MAX * 100 * 1_000_000


def test_sleepers_wake_in_the_order_of_their_clock():
    woken = []

    def sleeper(seconds):
        clock.sleep(seconds)
        woken.append(seconds)

    with ScaledClock(200) as clock:
        gevent.joinall([gevent.spawn(sleeper, seconds) for seconds in (6, 2, 4)], timeout=10)
    assert woken == [2, 4, 6]


def test_only_who_started_it_stops_it():
    clock = ScaledClock(10)
    assert clock.start() is True
    assert clock.start() is False
    clock.stop()
    clock.stop()


@pytest.mark.parametrize("speed", [0, -1, 2000])
def test_a_speed_that_makes_no_sense_is_refused(speed):
    with pytest.raises(ValueError, match="speed"):
        ScaledClock(speed)
