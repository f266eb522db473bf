"""Facts stay small because what can be recomputed is not journalled: 50 targets, every kind of cap, hours, areas."""

import random
import statistics

import pytest

from ppc_engine.calls.retelling import retell
from ppc_engine.rehearsal.counters import Others
from ppc_engine.rehearsal.people import Phone, Script
from ppc_engine.rehearsal.rehearse import rehearse
from ppc_engine.rehearsal.world import Offer
from ppc_engine.storage.facts import compress_facts
from tests.calls.call_traces import T0, buyer, context, target

FACTS_BYTES_MAX = 4_096  # Compressed, in the median (architecture.md, "Journal").
TARGETS, BUYERS, CALLS, RETOLD = 50, 10, 80, 15
FATES = ("answer", "answer", "answer", "busy", "no_answer", "reject", "unreachable")


def a_target(number):
    more = {}
    if number % 3 == 0:
        more["area"] = {"states": [("CA", "NY", "TX", "FL")[number % 4]]}
    if number % 4 == 0:
        more["concurrency_cap"] = 3
    if number % 5 == 0:
        more["hours"] = {"zone": "America/Los_Angeles", "monday": ["09:00-17:00"]}
    if number % 7 == 0:
        more["caps"] = [{"calls": 50, "per": "day"}, {"calls": 9, "per": "hour", "counted": "attempt"}]
    return target(f"buyer{number % BUYERS}-target-{number}", priority=1 + number % 3, **more)


@pytest.fixture(scope="module")
def network():
    """Fifty targets of ten buyers in one campaign; recovery on, and caps of buyer, campaign and caller."""
    buyers = [
        buyer(
            f"buyer{number}",
            *[a_target(n) for n in range(TARGETS) if n % BUYERS == number],
            caps=[{"spend": "2500.00", "per": "month"}],
            concurrency_cap=20,
        )
        for number in range(BUYERS)
    ]
    return context(*buyers, recovery={"connected_ms_max": 20_000}, concurrency_cap=100, caller_concurrency_cap=2)


@pytest.fixture(scope="module")
def calls(network):
    """Calls in which targets answer, are busy, reject, are unreachable or let it ring."""
    draws = random.Random(20261122)
    made = []
    for number in range(CALLS):
        call_id = f"00000000-0000-4000-8000-{number:012d}"
        offer = Offer(call_id=call_id, at=T0, dialed_number="+18005550100", caller_number=f"+1310555{number:04d}")
        phones = {name: (Phone.model_validate({"does": draws.choice(FATES)}),) for name in network.catalog.targets}
        made.append(
            rehearse(network, offer, Script(digits={"*": ("90210",)}, phones=phones), Others(network.catalog, T0))
        )
    return made


def test_facts_of_a_flow_with_fifty_targets_stay_within_four_kibibytes(calls):
    sizes = sorted(len(compress_facts(call.facts)) for call in calls)
    attempts = [len(call.cdr.attempts) for call in calls]
    assert max(attempts) >= 4, "no call hunted: the measure would mean nothing"
    assert statistics.median(sizes) <= FACTS_BYTES_MAX
    assert sizes[-1] <= FACTS_BYTES_MAX


def test_every_candidate_of_every_choice_is_recomputed_from_them(network, calls):
    for call in calls[:RETOLD]:
        retold = retell(network, call.cdr.call_id, call.facts)
        assert retold.differs == ""
        choices = 0
        for number, fact in enumerate(call.facts):
            for place, (kind, data) in enumerate(fact.get("d", ())):
                if kind == "selection":
                    assert "candidates" not in data
                    candidates = retold.of(number, place)["candidates"]
                    assert len(candidates) == TARGETS
                    winner = next(c for c in candidates if c["target"] == data["target"])
                    assert "reasons" not in winner
                    choices += 1
        assert choices >= len(call.cdr.attempts)
