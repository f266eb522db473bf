"""The Reason of a refusal: our own words in, one line for the switch out, nothing foreign ever."""

import pytest

from ppc_engine.calls.commands import Hangup
from ppc_engine.calls.refusals import REFUSAL_WORDS, refusal_word
from ppc_engine.switch.encode import api_lines, checked_frame
from ppc_engine.switch.errors import ForbiddenTextError

CALL = "6a384bff-f251-4114-8edb-6875d134c1f7"


def lines(cause, reason):
    return [checked_frame(line) for line in api_lines(Hangup(call_id=CALL, cause=cause, reason=reason))]


def test_the_reason_is_set_before_the_call_is_killed():
    assert lines("USER_BUSY", "all_capped") == [
        f'api uuid_setvar {CALL} sip_reason Q.850;cause=17;text="all_capped"',
        f"api uuid_kill {CALL} USER_BUSY",
    ]


def test_without_a_word_the_switch_tells_its_own():
    assert lines("USER_BUSY", "") == [f"api uuid_kill {CALL} USER_BUSY"]


@pytest.mark.parametrize("word", sorted(REFUSAL_WORDS))
def test_every_word_of_the_closed_set_can_be_told(word):
    assert lines("PROGRESS_TIMEOUT", word)[0].endswith(f'sip_reason Q.850;cause=31;text="{word}"')


@pytest.mark.parametrize("word", ["acme", CALL, 'x"', "all_capped\nX-Y: z", "${system(id)}", "connected"])
def test_any_other_text_is_refused_before_it_is_sent(word):
    with pytest.raises(ForbiddenTextError):
        lines("USER_BUSY", word)


def test_a_call_that_was_answered_is_told_nothing():
    assert refusal_word("all_capped", answered=True) == ""
    assert refusal_word("all_capped", answered=False) == "all_capped"
    assert refusal_word("abandoned_in_ivr", answered=False) == ""
