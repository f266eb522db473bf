"""A fake switch, and an ESLSwitch that is connected to it and impatient."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ppc_engine.switch import connection, esl_switch
from tests.contracts.esl_fake import FakeESL
from tests.switch.switch_bench import Bench


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esl_switch, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(esl_switch, "PING_ANSWER_S_MAX", 0.3)
    monkeypatch.setattr(esl_switch, "RETRY_S_MIN", 0.01)
    monkeypatch.setattr(esl_switch, "RETRY_S_MAX", 0.05)
    monkeypatch.setattr(connection, "READER_GRACE_S", 0.05)


@pytest.fixture
def fake() -> Iterator[FakeESL]:
    with FakeESL() as server:
        yield server


@pytest.fixture
def bench(impatient: None, fake: FakeESL) -> Iterator[Bench]:
    bench = Bench(fake)
    bench.switch.start()
    try:
        bench.wait_up()
        yield bench
    finally:
        bench.switch.stop()
    assert bench.telemetry.bugs == []
