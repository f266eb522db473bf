"""What a choice of a target costs: by the number of targets, by the number of tracking numbers, and with all reasons.

One process, no switch: CPU of the deciding code alone, from "what is in use?" to the slots that are taken, medians of
rounds in turn. The network is drawn from a seed: a quarter of the targets each by ZIPs, by state, by area code and by
radius; hours in four zones, caps of every kind, conditions, blocked publishers; callers from everywhere.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from ppc_engine.catalog.model import Buyer, Campaign, Catalog, Publisher, TrackingNumber
from ppc_engine.routing.attribution import attribute
from ppc_engine.routing.cap_book import CapBook
from ppc_engine.routing.eligibility import Situation, limit_at
from ppc_engine.routing.selection import RouteIndex
from ppc_engine.routing.usage import UsageBoard
from ppc_engine.storage.places import load_places
from ppc_engine.values.condition import facts
from ppc_engine.values.places import Places

SIZES = (10, 100, 1_000)
NUMBERS = (100, 500_000)
TOLD_TARGETS = 50
CHOICES = 400
ROUNDS = 7
LIVE_MAX = (
    2  # So many choices hold their slots at a time, so that a network of ten is no fuller than one of a thousand.
)
SEED = 20_261_122
AT = 1_795_453_200_000_000  # 2026-11-23T17:00:00Z, a Monday morning in all of the United States.
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
GROWTH_MAX, NUMBERS_GROWTH_MAX, TOLD_MS_MAX = 3.0, 1.1, 1.0


def network(size: int, places: Places) -> RouteIndex:
    """So many targets of a fifth as many buyers, with mixed filters."""
    draw = random.Random(SEED)
    zips, states = sorted(places.points), sorted(set(places.zips.values()))
    week = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), ("08:00-12:00", "13:00-18:00"))
    buyers = []
    for number in range(max(1, size // 5)):
        targets = []
        for n in range(min(5, size)):
            areas: list[dict[str, Any]] = [
                {"zips": draw.sample(zips, 40)},
                {"states": draw.sample(states, 3)},
                {"area_codes": draw.sample(sorted(places.area_codes), 8)},
                {"radius": {"zip": draw.choice(zips), "miles": 50}, "states": [draw.choice(states)]},
            ]
            target: dict[str, Any] = {
                "id": f"t{number}-{n}",
                "destination": f"sip:t{number}-{n}@127.0.0.1",
                "priority": draw.randint(1, 3),
                "weight": draw.choice((50, 100, 200)),
                "concurrency_cap": draw.randint(1, 5),
                "caps": [{"calls": 40, "per": "day"}, {"calls": 10, "per": "hour", "counted": "attempt"}],
                "hours": {"zone": draw.choice(ZONES), **week},
                "area": areas[n % 4],
            }
            if n == 4:
                target["when"] = draw.choice(("tags.plan == 'gold'", "tags.age != ''", "place.state != 'TX'"))
                del target["area"]
            targets.append(target)
        plain = {
            "id": f"b{number}", "name": "B", "zone": draw.choice(ZONES), "concurrency_cap": 8, "targets": targets,
            "caps": [{"spend": "5000.00", "per": "month"}],
            "publishers_blocked": [f"p{draw.randint(0, 9)}"],
            "offers": [{"id": f"o{number}", "campaign": "roofing", "amount": "40.00"}],
        }  # fmt: skip
        buyers.append(Buyer.model_validate(plain))
    found = {target.id: (buyer, target) for buyer in buyers for target in buyer.targets}
    campaign = Campaign(id="roofing", name="R", flow="f", targets=tuple(found), margin_min=5_000_000)
    publishers = {f"p{n}": Publisher.model_validate({"id": f"p{n}", "name": "P", "zone": "UTC"}) for n in range(10)}
    catalog = Catalog({"roofing": campaign}, publishers, {buyer.id: buyer for buyer in buyers}, found)
    return RouteIndex(catalog, places)


def callers(places: Places) -> list[Situation]:
    """Callers from everywhere; the same for every size."""
    draw = random.Random(SEED)
    zips = sorted(places.points)
    found = []
    for number in range(CHOICES):
        code = draw.choice(zips)
        state = places.zip_state(code)
        tags = draw.choice(({}, {"plan": "gold"}, {"age": "70"}))
        found.append(
            Situation(
                call_id=f"call-{number}", at=AT + number * 250_000, campaign="roofing", publisher=f"p{number % 10}",
                zip_code=code, zip_source="ivr", state=state, area_code=draw.choice(("310", "212")),
                known=facts(AT, tags, place__state=state),
            )
        )  # fmt: skip
    return found


class Decisions:
    """Choices in one network, each with the slots and units that it takes; the oldest are given back after a while."""

    def __init__(self, routes: RouteIndex, asked: list[Situation]) -> None:
        self.routes, self.asked = routes, asked
        self.pool = routes.pool("roofing")
        self.book = CapBook()
        self.board = UsageBoard(self.book)
        self.book.on_change = self.board.changed
        self.board.use(routes)
        self.chosen = self.rounds = 0

    def run(self) -> float:
        """Microseconds of CPU a choice."""
        held: list[str] = []
        self.rounds += 1
        began = time.process_time()
        for number, situation in enumerate(self.asked):
            self._choose(situation, f"{number}", held)
        spent = time.process_time() - began
        for lease_id in held:
            self.book.settle(lease_id, {})
        return spent / len(self.asked) * 1e6

    def _choose(self, asked: Situation, lease_id: str, held: list[str]) -> None:
        pool, book = self.pool, self.book
        situation = _with_use(asked, self.board.full(self.routes, pool, asked.at))
        selection = self.routes.select(pool, situation, 1)
        if selection.target is None:
            return
        self.chosen += 1
        n = pool.bits[selection.target.id].bit_length() - 1
        takes = {
            rule.key(asked.at, pool.periods): (rule.amount, limit_at(rule, selection.target, asked.at))
            for rule in pool.rules[n]
        }
        if not book.reserve(lease_id, takes, at=asked.at):
            held.append(lease_id)
        if len(held) > LIVE_MAX:
            book.settle(held.pop(0), {})

    def run_told(self) -> float:
        """Milliseconds of CPU a choice that is told with every reason of every target."""
        began = time.process_time()
        for situation in self.asked[:50]:
            self.routes.explain(self.pool, _with_use(situation, self.board.full(self.routes, self.pool, situation.at)))
        return (time.process_time() - began) / 50 * 1e3


def _with_use(asked: Situation, used: Mapping[str, int]) -> Situation:
    return Situation(
        call_id=asked.call_id, at=asked.at, campaign=asked.campaign, publisher=asked.publisher, zip_code=asked.zip_code,
        zip_source=asked.zip_source, state=asked.state, area_code=asked.area_code, known=asked.known, used=used,
    )  # fmt: skip


def attributed_us(decisions: Decisions, numbers: int) -> Callable[[], float]:
    """Microseconds of CPU a choice, with finding the owner of the dialled number among so many."""
    base = 12_125_550_000
    owned = {
        name: TrackingNumber.model_construct(number=name, campaign="roofing", publisher="p1", test=False)
        for name in (f"+{base + n}" for n in range(numbers))
    }
    draw = random.Random(SEED)

    def run() -> float:
        asked = [f"+{base + draw.randrange(numbers)}" for _ in decisions.asked]
        began = time.process_time()
        for name in asked:
            attribute(name, owned)
        return (time.process_time() - began) / len(asked) * 1e6 + decisions.run()

    return run


def _median(run: Callable[[], float]) -> float:
    run()  # What is made once (compiled conditions, open hours of this minute) is no part of a choice.
    return statistics.median(run() for _ in range(ROUNDS))


def measure_selection() -> dict[str, float]:
    """Every figure, by name."""
    places = load_places()
    asked = callers(places)
    worlds = {size: Decisions(network(size, places), asked) for size in SIZES}
    for world in worlds.values():
        world.run()
    runs: dict[str, Callable[[], float]] = {f"choice_us_{size}": world.run for size, world in worlds.items()}
    for numbers in NUMBERS:
        runs[f"numbers_us_{numbers}"] = attributed_us(worlds[100], numbers)
    rounds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            rounds[name].append(run())
    found = {name: statistics.median(spent) for name, spent in rounds.items()}
    found |= {f"chosen_{size}": world.chosen / world.rounds / CHOICES for size, world in worlds.items()}
    found["told_ms"] = _median(Decisions(network(TOLD_TARGETS, places), asked).run_told)
    return found


def lines(found: Mapping[str, float]) -> list[str]:
    """The figures as a person reads them, each with what was wanted of it."""
    told = [
        f"a choice among {size} targets: {found[f'choice_us_{size}']:.1f} us of CPU "
        f"({found[f'chosen_{size}'] * 100:.0f} % of the callers found one)"
        for size in SIZES
    ]
    growth = found[f"choice_us_{SIZES[-1]}"] / found[f"choice_us_{SIZES[0]}"]
    few, many = (found[f"numbers_us_{numbers}"] for numbers in NUMBERS)
    told += [
        f"{'MET' if growth <= GROWTH_MAX else 'NOT MET'}: {SIZES[0]} to {SIZES[-1]} targets costs {growth:.2f}x, "
        f"wanted at most {GROWTH_MAX:g}x",
        f"{'MET' if many / few <= NUMBERS_GROWTH_MAX else 'NOT MET'}: a choice with {NUMBERS[0]} tracking numbers "
        f"costs {few:.1f} us, with {NUMBERS[1]} {many:.1f} us: {many / few:.2f}x, "
        f"wanted at most {NUMBERS_GROWTH_MAX:g}x",
        f"{'MET' if found['told_ms'] < TOLD_MS_MAX else 'NOT MET'}: {TOLD_TARGETS} targets with all reasons in "
        f"{found['told_ms']:.2f} ms of CPU, wanted below {TOLD_MS_MAX:g} ms",
    ]
    return told
