"""What lives on a switch: the session table decides, and what cannot be read is never "nothing"."""

from __future__ import annotations

import json

import gevent
import pytest

from ppc_engine.ports import SwitchError
from ppc_engine.switch.errors import SwitchAwayError
from tests.contracts.esl_fake import FakeConnection, FakeESL, api_response
from tests.switch.switch_bench import WAIT_S_MAX, Bench, dial
from tests.switch.test_decode import CALL, RECORDED


def lists(fake: FakeESL, channels: str, tasks: str = '{"row_count":0}', dumps: dict[str, str] | None = None) -> None:
    def dump(_: FakeConnection, command: str) -> bytes:
        return api_response((dumps or {}).get(command.split()[2], "-ERR No such channel!\n"))

    fake.answers["api show channels"] = api_response(channels)
    fake.answers["api show tasks"] = api_response(tasks)
    fake.answers["api uuid_dump"] = dump


def test_what_lives_is_what_the_session_table_says(bench: Bench) -> None:
    dumps = RECORDED["dumps"]
    target = json.loads(dumps["target_leg"])["Unique-ID"]
    listing = json.loads(dumps["channels"])
    stale = listing["rows"][0] | {"uuid": "c38fa20f-f444-41cd-98dc-e60f34b6c27b"}
    listing = {"row_count": len(listing["rows"]) + 1, "rows": [*listing["rows"], stale]}
    tasks = '{"row_count":1,"rows":[{"task_id":"41","task_group":"' + CALL + '"}]}'
    lists(bench.fake, json.dumps(listing), tasks, {CALL: dumps["bridged"], target: dumps["target_leg"]})
    (channel,) = bench.switch.live_channels()
    assert (channel.call_id, channel.app, channel.timer_ids) == (CALL, "bridge", ("41", "27"))
    assert not any(target in command for command in bench.fake.commands)  # Targets' legs are not asked about.
    bench.switch.perform(dial(9, returns=False))  # What an earlier engine left on the channel is undone.
    assert any("transfer_after_bridge=\n" in command for command in bench.fake.commands)


def test_a_call_that_the_listing_misses_is_looked_up(bench: Bench) -> None:
    lists(bench.fake, '{"row_count": 0}\n', dumps={CALL: RECORDED["dumps"]["parked"]})
    assert bench.switch.live_channels() == []
    assert [channel.call_id for channel in bench.switch.live_channels([CALL])] == [CALL]


@pytest.mark.parametrize(
    "listing",
    ["", "-ERR", '{"row_count":1,"rows":[', '{"row_count":2,"rows":[{}]}', '{"row_count":"x"}', "[]", '{"rows":[]}'],
)
def test_a_listing_that_cannot_be_read_is_an_error_and_not_an_empty_switch(bench: Bench, listing: str) -> None:
    lists(bench.fake, listing)
    with pytest.raises(SwitchError, match="list of channels cannot be read"):
        bench.switch.live_channels([CALL])


def test_a_description_that_cannot_be_read_is_an_error_and_not_a_dead_call(bench: Bench) -> None:
    lists(bench.fake, '{"row_count":0}', dumps={CALL: RECORDED["dumps"]["parked"][:-20]})
    with pytest.raises(SwitchError, match="cannot be read"):
        bench.switch.live_channels([CALL])


def test_a_slow_listing_holds_back_nothing(bench: Bench) -> None:
    bench.fake.answers["api show channels"] = None
    asking = gevent.spawn(bench.switch.live_channels)
    bench.fake.wait_for_command("api show channels")
    assert bench.switch.extend_claim(CALL, "") == "17"
    assert bench.switch.api("status") == "+OK\n"
    bench.fake.connections[2].close()
    with pytest.raises(SwitchAwayError):
        asking.get(timeout=WAIT_S_MAX)
    assert bench.switch.state.up


def test_two_thousand_calls_are_asked_in_batches(bench: Bench) -> None:
    ids = [f"{number:08x}-f444-41cd-98dc-e60f34b6c27b" for number in range(2_000)]
    parked = RECORDED["dumps"]["parked"]
    lists(bench.fake, '{"row_count":0}', dumps={call_id: parked.replace(CALL, call_id) for call_id in ids})
    assert [channel.call_id for channel in bench.switch.live_channels(ids)] == ids
