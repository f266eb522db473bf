"""A greeting, then a message; a message of no length is none."""

import pytest

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.voicemail import VoicemailNode
from ppc_engine.flows.waits import PlayWait, RecordWait, Resume
from tests.flows.node_views import example, view

NODE = example(VoicemailNode)


def test_greeting_then_message() -> None:
    greeting = NODE.enter(view())
    assert isinstance(greeting, Pause)
    assert isinstance(greeting.wait, PlayWait) and greeting.wait.prompt == "leave_message"
    message = NODE.resume(view(), greeting.state, Resume())
    assert isinstance(message, Pause)
    assert message.wait == RecordWait(ms_max=125_000, message_ms_max=120_000, silence_ms_max=5_000)


@pytest.mark.parametrize(("recorded_ms", "exit_name"), [(0, "empty"), (999, "empty"), (1_000, "recorded")])
def test_short_message_is_none(recorded_ms: int, exit_name: str) -> None:
    step = NODE.resume(view(), {"part": "message"}, Resume(recorded_ms=recorded_ms))
    assert step == Leave(exit=exit_name, facts={"recorded_ms": recorded_ms})
