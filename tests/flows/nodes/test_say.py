"""A text is spoken; nothing that the switch could take for more than text may stand in it."""

import pytest
from pydantic import ValidationError

from ppc_engine.flows.model import Leave, Pause
from ppc_engine.flows.nodes.say import SayNode
from ppc_engine.flows.waits import Resume, SayWait
from tests.flows.node_views import example, view

NODE = example(SayNode)


def test_text_and_the_prompt_that_says_the_same() -> None:
    step = NODE.enter(view())
    assert isinstance(step, Pause) and isinstance(step.wait, SayWait)
    assert (step.wait.text, step.wait.prompt) == ("Thank you. Please hold.", "connecting")
    assert NODE.resume(view(), {}, Resume()) == Leave(exit="done")


@pytest.mark.parametrize(
    "text", ["${system ls}", "one|two", "say {this}", "a\nb", "", "caf\u00e9", "<speak>", "a" * 501]
)
def test_anything_but_plain_words_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        SayNode.model_validate({**NODE.model_dump(), "text": text})
