"""When an order ends, how long that is, and who gave it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.cli.ordering import named, parse_until, shown_wait
from ppc_engine.values.errors import BadValueError

NOW = 1_790_000_000_000_000  # 2026-09-21T14:13:20Z


@given(st.integers(1, 300), st.sampled_from([("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]))
def test_a_length_of_time_is_exact(count: int, unit: tuple[str, int]) -> None:
    assert parse_until(f"{count}{unit[0]}", NOW) == NOW + count * unit[1] * 1_000_000


@given(
    st.integers(0, 23), st.integers(0, 59), st.integers(0, 400 * 86_400),
    st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)  # fmt: skip
def test_a_clock_time_is_its_next_coming_on_that_wall(hour: int, minute: int, later_s: int, zone: str) -> None:
    now = NOW + later_s * 1_000_000
    at = parse_until(f"{hour:02}:{minute:02}", now, zone)
    wall = datetime.fromtimestamp(at // 1_000_000, UTC).astimezone(ZoneInfo(zone))
    assert 0 < at - now <= timedelta(hours=25) // timedelta(microseconds=1)
    skipped = wall.replace(tzinfo=None) != wall.replace(hour=hour, minute=minute, tzinfo=None)
    # A wall time that the clock jumps over is read as the same moment by the clock before.
    assert not skipped or (wall - timedelta(hours=2)).utcoffset() != wall.utcoffset()


@pytest.mark.parametrize("text", ["2027-12-01", "9000d", "", "2h30m", "24:00", "-2h", "06:60"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(BadValueError):
        parse_until(text, NOW)


def test_who_gives_an_order_is_the_user_of_the_machine_and_the_name_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "maria")
    assert named("") == "maria as root"
    assert named("jo") == "jo (maria as root)"
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    assert named("") == "uid 4000000000"
    with pytest.raises(BadValueError, match="--as has too many characters"):
        named("j" * 80)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7_500, "2 h 5 min"), (90_000, "1 d 1 h")]
)
def test_waits_are_told_to_the_minute(seconds: int, told: str) -> None:
    assert shown_wait(seconds * 1_000_000) == told
