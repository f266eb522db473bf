"""Makes up a busy afternoon for ``ppc demo``: every caller and every buyer's telephone is drawn from the seed.

Decides who calls and how they and the buyers behave; what becomes of the calls is up to the engine. Another seed makes
other calls. All callers have numbers that are set aside for fiction (555-0100 to 555-0199).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ppc_engine.catalog.model import Target
from ppc_engine.emulator.draws import draw, draw_between, draw_weighted
from ppc_engine.emulator.scenario import Behaviour, Buyer, Caller, HangUp, Keys, Scenario
from ppc_engine.values.area_codes import AREA_CODE_STATES

BETWEEN_CALLS_MS = (2_000, 10_500)
BURST_EVERY_CALLS = 50
BURST_CALLS = (7, 11)
BURST_GAP_MS = (0, 700)
SERVED_PERCENT = 92  # How many callers live where some target serves.
FICTION = (100, 199)  # The last digits of 555-0100 to 555-0199.
ZIP_TRIES = 3
ZIP_PROMPTS = frozenset({"enter_zip", "bad_zip"})
TENANTS_PERCENT = 15
FLEETS_PERCENT = 3

# Lengths of the prompts that come with the engine.
PROMPTS_MS = {
    "again_please": 3520,
    "all_busy": 4507,
    "apology": 5216,
    "bad_zip": 4171,
    "call_recorded": 1811,
    "closed": 4690,
    "connecting": 2475,
    "enter_vehicles": 5123,
    "enter_zip": 2582,
    "goodbye": 2408,
    "hold_music": 8000,
    "hold_please": 7010,
    "leave_message": 4562,
    "menu_again": 4114,
    "menu_home": 4300,
    "press_one": 3678,
    "sorry_no_match": 3461,
    "thanks": 2119,
    "welcome": 1486,
    "welcome_solar": 3229,
    "whisper_roofing": 1432,
    "you_are_next": 1479,
}

_TALKS = {"long": (95_000, 200_000), "medium": (40_000, 100_000), "short": (3_000, 20_000)}
_PHASES: tuple[tuple[str, tuple[int, int]], ...] = (
    ("offered", (100, 1_500)),
    ("answered", (100, 2_500)),
    ("prompt", (200, 1_400)),
    ("keys", (300, 4_500)),
    ("ringing", (300, 6_000)),
    ("connected", (200, 4_000)),
)


@dataclass(frozen=True, slots=True)
class _World:
    """What a caller is drawn from."""

    seed: int
    numbers: Sequence[str]
    zips: Mapping[str, str]
    served_zips: Sequence[str]
    all_zips: Sequence[str]
    served_codes: Sequence[str]
    all_codes: Sequence[str]

    def pick(self, choices: Sequence[Any], *ids: object) -> Any:
        return choices[draw(self.seed, *ids) % len(choices)]

    def zip_code(self, *ids: object) -> str:
        served = draw_between(1, 100, self.seed, "served", *ids) <= SERVED_PERCENT
        return str(self.pick(self.served_zips if served else self.all_zips, "zip", *ids))

    def no_zip_code(self, *ids: object) -> str:
        """Five digits to which no mail is delivered."""
        start = draw_between(0, 99_999, self.seed, "no zip", *ids)
        candidates = (f"{(start + step) % 100_000:05d}" for step in range(100_000))
        return next(candidate for candidate in candidates if candidate not in self.zips)

    def caller_number(self, *ids: object) -> str:
        served = draw_between(1, 100, self.seed, "served code", *ids) <= SERVED_PERCENT
        code = self.pick(self.served_codes if served else self.all_codes, "code", *ids)
        return f"+1{code}5550{draw_between(*FICTION, self.seed, 'line', *ids)}"


def demo_scenario(
    *,
    seed: int,
    calls: int,
    numbers: Sequence[str],
    targets: Sequence[Target],
    zips: Mapping[str, str],
    desks: Sequence[tuple[str, str, str]] = (),
) -> Scenario:
    """A scenario of so many calls to these tracking numbers, with a telephone for every target.

    ``desks`` are telephones that always answer: (name, destination, gateway or "").
    ``zips`` maps every ZIP code in use to its state.
    """
    world = _world(seed, numbers, targets, zips)
    callers: list[Caller] = []
    at_ms = 0
    burst_left, burst_number = 0, ""
    for index in range(calls):
        if index and index % BURST_EVERY_CALLS == 0:
            burst_left = draw_between(*BURST_CALLS, seed, "burst", index)
            burst_number = world.pick(world.numbers, "burst number", index)
        dialed = burst_number if burst_left else world.pick(world.numbers, "dialed", index)
        callers.append(_caller(world, index, at_ms, str(dialed), callers, plain=bool(burst_left)))
        gap = BURST_GAP_MS if burst_left > 1 else BETWEEN_CALLS_MS
        burst_left = max(0, burst_left - 1)
        at_ms += draw_between(*gap, seed, "gap", index)
    phones = [*(_buyer(seed, target) for target in targets), *(_desk(*desk) for desk in desks)]
    return Scenario(callers=callers, buyers=phones, prompts=PROMPTS_MS)


def _world(seed: int, numbers: Sequence[str], targets: Sequence[Target], zips: Mapping[str, str]) -> _World:
    areas = [target.area for target in targets if target.area is not None]
    states = {state for area in areas for state in area.states}
    states |= {zips[code] for area in areas for code in area.zips if code in zips}
    states |= {county.rpartition(", ")[2] for area in areas for county in area.counties}
    states |= {zips[area.radius.zip] for area in areas if area.radius and area.radius.zip in zips}
    named = sorted({code for area in areas for code in area.zips if code in zips})
    in_states = sorted(code for code, state in zips.items() if state in states)
    everywhere = sorted(zips)
    codes = sorted(AREA_CODE_STATES)
    served_codes = sorted(
        {code for code, state in AREA_CODE_STATES.items() if state in states}
        | {code for area in areas for code in area.area_codes}
    )
    # Targets that name single ZIPs would otherwise hardly ever be met.
    served = named * max(1, len(in_states) // max(1, len(named))) + in_states
    return _World(seed, numbers, zips, served or everywhere, everywhere, served_codes or codes, codes)


# --- callers

Habits = dict[str, Any]


def _caller(world: _World, index: int, at_ms: int, dialed: str, earlier: Sequence[Caller], *, plain: bool) -> Caller:
    kinds = list(_KINDS)
    kind = "good" if plain else kinds[draw_weighted([_KINDS[name][0] for name in kinds], world.seed, "kind", index)]
    habits: Habits = {
        "number": world.caller_number(index),
        "dials": [dialed],
        "keys": [_keyed(world, world.zip_code(index), index, "zip")],
        "talk_ms": _TALKS["long"],
        "patience_ms": (90_000, 150_000),
    }
    _KINDS[kind][1](world, index, habits, earlier)
    habits["keys"] = [*habits["keys"], *_answers(world, index)]
    return Caller(id=f"c{index + 1:05d}", name=_name(world, index), first_ms=at_ms, **habits)


def _name(world: _World, index: int) -> str:
    return str(world.pick(("", "WIRELESS CALLER", "A SMITH", "JANE DOE", "O'NEIL P", "LOS ANGELES CA"), "name", index))


def _keyed(world: _World, digits: str, *ids: object) -> Keys:
    first = draw_between(1_200, 4_000, world.seed, "first key", *ids)
    gap = draw_between(150, 700, world.seed, "key gap", *ids)
    return Keys(prompts=ZIP_PROMPTS, digits=digits, after_ms=(first, first), gap_ms=(gap, gap))


def _answers(world: _World, index: int) -> list[Keys]:
    """What is keyed when the example's flows ask something else: house owner or tenant, how many cars."""
    tenant = draw_between(1, 100, world.seed, "tenant", index) <= TENANTS_PERCENT
    fleet = draw_between(1, 100, world.seed, "fleet", index) <= FLEETS_PERCENT
    cars = draw_between(10, 40, world.seed, "cars", index) if fleet else draw_between(1, 4, world.seed, "cars", index)
    return [
        Keys(prompts=frozenset({"menu_home", "menu_again"}), digits="2" if tenant else "1"),
        Keys(prompts=frozenset({"enter_vehicles", "again_please"}), digits=f"{cars}#"),
    ]


def _good(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    """Keys a ZIP at once and talks long enough to be worth money."""


def _medium(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    habits["talk_ms"] = _TALKS["medium"]


def _short(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    habits["talk_ms"] = _TALKS["short"]


def _wrong_then_right(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    habits["keys"] = [_keyed(world, world.no_zip_code(index), index, "wrong"), *habits["keys"]]


def _partial(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    """Stops after some digits; half of these callers do better when asked again."""
    whole = habits["keys"][0].digits
    cut = whole[: draw_between(1, 4, world.seed, "cut", index)]
    again = whole if draw(world.seed, "again", index) % 2 else cut
    habits["keys"] = [_keyed(world, digits, index, place) for place, digits in enumerate((cut, again, again))]


def _unknown_zip(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    habits["keys"] = [_keyed(world, world.no_zip_code(index, place), index, place) for place in range(ZIP_TRIES)]


def _no_zip(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    habits["keys"] = []


def _leaves(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    """Hangs up in one of the phases of a call."""
    on, after_ms = world.pick(_PHASES, "phase", index)
    habits["hang_up"] = HangUp(on=on, after_ms=after_ms)


def _again(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    """Somebody who has called before calls the same number again."""
    if earlier:
        before = world.pick(earlier, "again", index)
        zips = [keys for keys in before.keys if keys.prompts == ZIP_PROMPTS]
        habits |= {"number": before.number, "dials": before.dials, "keys": zips or habits["keys"]}


def _misdials(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    """Dials a number that nobody has, or something that is no number."""
    line = draw_between(0, 9_999, world.seed, "misdialed", index)
    missing = next(
        number
        for number in (f"+1888555{(line + n) % 10_000:04d}" for n in range(10_000))
        if number not in world.numbers
    )
    habits["dials"] = [world.pick((missing, missing, missing, "operator"), "word", index)]


def _anonymous(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    habits["number"] = "anonymous"


def _impatient(world: _World, index: int, habits: Habits, earlier: Sequence[Caller]) -> None:
    habits["patience_ms"] = (12_000, 35_000)


_KINDS: dict[str, tuple[int, Callable[[_World, int, Habits, Sequence[Caller]], None]]] = {
    "good": (36, _good),
    "medium": (13, _medium),
    "short": (8, _short),
    "wrong_then_right": (7, _wrong_then_right),
    "partial": (5, _partial),
    "unknown_zip": (3, _unknown_zip),
    "no_zip": (3, _no_zip),
    "leaves": (11, _leaves),
    "again": (8, _again),
    "misdials": (2, _misdials),
    "anonymous": (2, _anonymous),
    "impatient": (2, _impatient),
}


# --- buyers


def _buyer(seed: int, target: Target) -> Buyer:
    """A telephone for a target, with a temper of its own."""

    def weight(low: int, high: int, kind: str) -> int:
        return draw_between(low, high, seed, "temper", target.id, kind)

    slow = draw_between(3_000, 9_000, seed, "rings", target.id)
    rings_ms = (1_500, slow)
    behaviours = [
        Behaviour(does="answer", weight=weight(55, 75, "answer"), progress_ms=(50, 900), rings_ms=rings_ms),
        Behaviour(
            does="answer",
            weight=weight(8, 16, "early"),
            progress_ms=(50, 900),
            rings_ms=rings_ms,
            hangs_up_after_ms=(2_000, 18_000),
        ),
        Behaviour(
            does="answer",
            weight=weight(4, 12, "ends"),
            progress_ms=(50, 900),
            rings_ms=rings_ms,
            hangs_up_after_ms=(60_000, 150_000),
        ),
        Behaviour(does="busy", weight=weight(7, 16, "busy"), rings_ms=(60, 400)),
        Behaviour(does="no_answer", weight=weight(4, 10, "no answer"), progress_ms=(50, 900)),
        Behaviour(does="reject", weight=weight(2, 5, "480"), status=480, progress_ms=(50, 500), rings_ms=(600, 6_000)),
        Behaviour(does="reject", weight=weight(1, 2, "603"), status=603, rings_ms=(60, 400)),
        Behaviour(does="unreachable", weight=weight(2, 6, "unreachable")),
        Behaviour(does="silent", weight=1),
    ]
    if target.gateway:
        behaviours.append(Behaviour(does="gateway_down", weight=1))
    return _telephone(target.id, target.destination, target.gateway or "", behaviours)


def _desk(name: str, destination: str, gateway: str) -> Buyer:
    return _telephone(name, destination, gateway, [Behaviour(does="answer", rings_ms=(1_500, 5_000))])


def _telephone(name: str, destination: str, gateway: str, behaviours: list[Behaviour]) -> Buyer:
    if gateway:
        return Buyer(id=name, gateway=gateway, number=destination, behaviours=behaviours)
    return Buyer(id=name, address=destination.removeprefix("sip:"), behaviours=behaviours)
