"""What is written to the switch, letter by letter, and that nothing else can be (security.md D8, freeswitch.md A12)."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ppc_engine.calls.commands import (
    Answer,
    BreakApp,
    CollectDigits,
    Command,
    Dial,
    Finish,
    Hangup,
    HangupLeg,
    Leg,
    Play,
    RecordMessage,
    Say,
    StartRecording,
)
from ppc_engine.switch.encode import Site, api_line, arm_timer, checked_frame, delete_timer, dump, messages
from ppc_engine.switch.errors import ForbiddenTextError

CALL = "6a384bff-f251-4114-8edb-6875d134c1f7"
LEG = "b38fa20f-f444-41cd-98dc-e60f34b6c27b"
SITE = Site("trunks", "/usr/share/freeswitch/sounds/ppc")

GATEWAY_LEG = Leg(
    attempt_id=f"{CALL}:2", leg_id=LEG, destination="+18005550100", gateway="carrier-1", ring_ms_max=25_000,
    progress_ms_max=7_001, connected_ms_max=3_600_000,
)  # fmt: skip
FULL_LEG = Leg(
    attempt_id=f"{CALL}:3", leg_id="0c3f1c8e-5f5c-4a59-8f2f-6d1f6f0c0b11", destination="sip:sales@10.1.2.3:5070",
    ring_ms_max=20_000, progress_ms_max=6_000, connected_ms_max=60_000, caller_id="+13105550100",
    headers={"X-Call-Token": "abc", "X-Zip": "90210"}, whisper="roofing_call", accept_prompt="press_one",
    accept_digit="1", accept_ms_max=12_000,
)  # fmt: skip
DIAL = Dial(call_id=CALL, command_id=f"{CALL}.7", legs=[GATEWAY_LEG])
COLLECT = CollectDigits(
    call_id=CALL, command_id=f"{CALL}.3", prompt="ask_zip", digits_min=1, digits_max=5, first_digit_ms_max=6_000,
    next_digit_ms_max=3_000,
)  # fmt: skip
PLAY = Play(call_id=CALL, command_id=f"{CALL}.2", prompt="welcome")
SAY = Say(call_id=CALL, command_id=f"{CALL}.4", text="It's 5 o'clock, please hold.", prompt="connecting")
RECORDING_ID = "0123456789abcdef0123456789abcdef"
MESSAGE = RecordMessage(
    call_id=CALL, command_id=f"{CALL}.5", recording_id=RECORDING_ID, message_ms_max=60_500, silence_ms_max=4_000
)
RECORDING = StartRecording(call_id=CALL, command_id=f"{CALL}.6", recording_id=RECORDING_ID)
EVERY = (
    Answer(call_id=CALL, command_id=f"{CALL}.1"), PLAY, COLLECT, DIAL, BreakApp(call_id=CALL),
    Hangup(call_id=CALL, cause="USER_BUSY"), HangupLeg(call_id=CALL, leg_id=LEG, cause="ALLOTTED_TIMEOUT"),
    SAY, MESSAGE, RECORDING,
)  # fmt: skip


def to(**changed: Any) -> Dial:
    """The dial, its one leg changed."""
    return dataclasses.replace(DIAL, legs=[dataclasses.replace(GATEWAY_LEG, **changed)])


def written(command: Command, *, returns_now: bool = False) -> list[str]:
    """As the connection writes it: each frame has its last look."""
    if isinstance(command, (BreakApp, Hangup, HangupLeg)):
        return [checked_frame(api_line(command))]
    return [checked_frame(frame) for frame in messages(command, SITE, returns_now=returns_now)]


def execute(app: str, argument: str = "", number: int = 0) -> str:
    lines = [f"sendmsg {CALL}", "call-command: execute", f"execute-app-name: {app}"]
    lines += [f"execute-app-arg: {argument}"] if argument else []
    lines += [f"Event-UUID: {CALL}.{number}"] if number else []
    return "\n".join([*lines, "event-lock: true"])


BRIDGE = (
    f"[origination_uuid={LEG},ppc_call={CALL},leg_timeout=25,leg_progress_timeout=8,"
    "execute_on_answer=sched_hangup +3601 allotted_timeout]sofia/"
)
RETURNS = "hangup_after_bridge=false transfer_after_bridge=ppc_reclaim:XML:ppc"


@pytest.mark.parametrize(
    ("command", "frames"),
    [
        (EVERY[0], [execute("answer", number=1)]),
        (PLAY, [execute("playback", "/usr/share/freeswitch/sounds/ppc/welcome.wav", 2)]),
        (
            COLLECT,
            [
                execute(
                    "play_and_get_digits",
                    r"1 5 1 6000 # /usr/share/freeswitch/sounds/ppc/ask_zip.wav silence_stream://10 ppc_d3 \d+ 3000",
                    3,
                )
            ],
        ),
        (DIAL, [execute("bridge", f"{BRIDGE}gateway/carrier-1/+18005550100", 7)]),
        (
            to(gateway="", destination="sip:sales@10.1.2.3:5070"),
            [execute("bridge", f"{BRIDGE}trunks/sales@10.1.2.3:5070", 7)],
        ),
        (
            dataclasses.replace(DIAL, early_media="bridge"),
            [execute("bridge", f"{{bridge_early_media=true}}{BRIDGE}gateway/carrier-1/+18005550100", 7)],
        ),
        (
            dataclasses.replace(DIAL, returns=True),
            [execute("multiset", RETURNS), execute("bridge", f"{BRIDGE}gateway/carrier-1/+18005550100", 7)],
        ),
        (EVERY[4], [f"api uuid_break {CALL}"]),
        (BreakApp(call_id=CALL, gathering=True), [f"api uuid_recv_dtmf {CALL} #"]),
        (EVERY[5], [f"api uuid_kill {CALL} USER_BUSY"]),
        (EVERY[6], [f"api uuid_kill {LEG} ALLOTTED_TIMEOUT"]),
    ],
)
def test_the_spelling_that_a_real_switch_takes(command: Command, frames: list[str]) -> None:
    assert written(command) == frames


def test_each_leg_of_a_round_has_its_own_variables() -> None:
    (frame,) = written(dataclasses.replace(DIAL, legs=[GATEWAY_LEG, FULL_LEG]))
    prompts = SITE.prompts_dir
    assert frame == execute(
        "bridge",
        f"{BRIDGE}gateway/carrier-1/+18005550100,"
        f"[origination_uuid={FULL_LEG.leg_id},ppc_call={CALL},leg_timeout=20,leg_progress_timeout=6,"
        "execute_on_answer=sched_hangup +73 allotted_timeout,origination_caller_id_number=+13105550100,"
        "sip_h_X-Call-Token=abc,sip_h_X-Zip=90210,group_confirm_key=1,"
        f"group_confirm_file=file_string://{prompts}/roofing_call.wav!{prompts}/press_one.wav,"
        "group_confirm_timeout=12]sofia/trunks/sales@10.1.2.3:5070",
        7,
    )


@pytest.mark.parametrize(
    ("changed", "variables"),
    [
        (
            {"whisper": "roofing_call", "accept_ms_max": 30_000},
            "group_confirm_key=exec,group_confirm_file=playback /usr/share/freeswitch/sounds/ppc/roofing_call.wav,"
            "group_confirm_timeout=30",
        ),
        (
            {"accept_prompt": "press_one", "accept_digit": "*", "accept_ms_max": 8_000},
            "group_confirm_key=*,group_confirm_file=/usr/share/freeswitch/sounds/ppc/press_one.wav,"
            "group_confirm_timeout=8",
        ),
        ({"caller_id": "withheld"}, "origination_caller_id_number=anonymous,sip_cid_type=none"),
    ],
)
def test_what_a_target_is_told_and_asked(changed: dict[str, Any], variables: str) -> None:
    (frame,) = written(to(**changed))
    assert f",{variables}]sofia/gateway/" in frame


def test_music_is_repeated_and_the_ring_tone_has_no_end() -> None:
    file = "/usr/share/freeswitch/sounds/ppc/hold_music.wav"
    (frame,) = written(dataclasses.replace(PLAY, prompt="hold_music", loops=True))
    assert frame == execute("playback", f"file_string://{'!'.join([file] * 8)}", 2)
    (frame,) = written(dataclasses.replace(PLAY, prompt="ringing", loops=True))
    assert frame == execute("playback", "tone_stream://%(2000,4000,440,480);loops=-1", 2)


def test_a_caller_who_would_return_is_told_not_to_by_the_next_dial() -> None:
    first, second = written(DIAL, returns_now=True)
    assert first == execute("multiset", "hangup_after_bridge=true transfer_after_bridge=")
    assert second == written(DIAL)[0]


def test_timers_are_armed_in_the_group_of_the_call_and_deleted_by_their_id() -> None:
    assert arm_timer(CALL, 15) == f"api sched_api +15 {CALL} uuid_transfer {CALL} ppc_fallback XML ppc"
    assert delete_timer("17") == "api sched_del 17"
    assert dump(CALL) == f"api uuid_dump {CALL} json"


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda: delete_timer(CALL),  # That would be the group: the newer timer too.
        lambda: delete_timer(""),
        lambda: arm_timer(CALL, 0),
        lambda: arm_timer(f"{CALL} none", 15),
        lambda: dump(CALL.upper()),
        lambda: Site("trunks]", "/prompts"),
        lambda: Site("trunks", "/prompts/../etc"),
        lambda: Site("trunks", "prompts"),
        lambda: Site("trunks", "/prompts", "recordings"),
        lambda: Site("trunks", "/prompts", voice="flite|slt"),
        lambda: messages(Finish(call_id=CALL), SITE, returns_now=False),
        lambda: api_line(DIAL),
        lambda: messages(dataclasses.replace(DIAL, legs=[]), SITE, returns_now=False),
        lambda: messages(dataclasses.replace(DIAL, legs=[GATEWAY_LEG] * 6), SITE, returns_now=False),
        lambda: messages(to(headers={"P-Asserted-Identity": "x"}), SITE, returns_now=False),
        lambda: messages(to(headers={"X-A": "a,sip_h_X-B=b"}), SITE, returns_now=False),
        lambda: messages(to(accept_prompt="press_one", accept_digit="11"), SITE, returns_now=False),
        lambda: checked_frame("api status\n\napi fsctl shutdown"),
        lambda: checked_frame("api originate reload Mod_Event_Socket"),
        lambda: checked_frame("api caf\xe9"),
        lambda: checked_frame(""),
    ],
)
def test_what_was_not_foreseen_is_refused(forbidden: Any) -> None:
    with pytest.raises(ForbiddenTextError):
        forbidden()


def read_message(frame: str) -> tuple[str, dict[str, str]]:
    """As mod_event_socket reads a sendmsg: lines up to an empty one, each split at its first colon."""
    assert "\n\n" not in frame
    assert frame.isascii()
    assert re.search("(?i)(re|un)load", frame) is None or "mod_event_socket" not in frame.lower()
    first, *lines = re.split("\r?\n", frame)
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines)
    return first, headers


def read_dial_string(text: str) -> tuple[dict[str, str], list[tuple[dict[str, str], str]]]:
    """As switch_ivr_originate reads it: brackets end at the first closing one, values split at commas, then at ``=``;
    a comma behind a leg's address begins the next leg."""

    def variables(opening: str, closing: str, rest: str) -> tuple[dict[str, str], str]:
        if not rest.startswith(opening):
            return {}, rest
        inside, rest = rest[1:].split(closing, 1)
        assert not set(inside) & set(opening + "'\"\\^$")
        return dict(pair.split("=", 1) for pair in inside.split(",")), rest

    for_all, text = variables("{", "}", text)
    legs = []
    while text:
        for_leg, text = variables("[", "]", text)
        way, comma, text = text.partition(",")
        assert bool(text) == bool(comma)
        # Nothing that would make it more than one leg, expand, quote, or open another set of variables.
        assert not set(way) & set("|<>{}[]$\\'\" ^")
        assert ":_:" not in way
        legs.append((for_leg, way))
    return for_all, legs


def assert_rings(command: Dial, argument: str) -> None:
    """Every leg of the dial, and nothing else, with the variables that its fields stand for."""
    for_all, legs = read_dial_string(argument)
    assert set(for_all) <= {"bridge_early_media"}
    assert len(legs) == len(command.legs)
    for (for_leg, way), leg in zip(legs, command.legs, strict=True):
        assert for_leg["origination_uuid"] == leg.leg_id
        assert for_leg["ppc_call"] == command.call_id
        assert {name: value for name, value in for_leg.items() if name.startswith("sip_h_")} == {
            f"sip_h_{name}": value for name, value in leg.headers.items()
        }
        number = for_leg.get("origination_caller_id_number", "")
        assert number == ("anonymous" if leg.caller_id == "withheld" else leg.caller_id)
        heard = [f"{SITE.prompts_dir}/{name}.wav" for name in (leg.whisper, leg.accept_prompt) if name]
        assert for_leg.get("group_confirm_file", "").endswith("!".join(heard))
        if heard:
            assert for_leg["group_confirm_key"] == (leg.accept_digit if leg.accept_prompt else "exec")
        withheld = leg.caller_id == "withheld"
        assert len(for_leg) == 5 + bool(number) + withheld + len(leg.headers) + 3 * bool(heard)
        kind, rest = way.removeprefix("sofia/").split("/", 1)
        if leg.gateway:
            assert (kind, rest) == ("gateway", f"{leg.gateway}/{leg.destination}")
        else:
            assert (kind, rest) == (SITE.profile, leg.destination.removeprefix("sip:"))


def assert_means(command: Command, frames: list[str]) -> None:
    """What a switch would understand of these frames is what the command says."""
    if isinstance(command, (BreakApp, Hangup, HangupLeg)):
        (line,) = frames
        leg = command.leg_id if isinstance(command, HangupLeg) else command.call_id
        assert re.fullmatch(f"api uuid_(break|recv_dtmf|kill) {re.escape(leg)}( [#A-Z0-9_]+)?", line)
        assert line.endswith(getattr(command, "cause", ""))
        return
    first, headers = read_message(frames[-1])
    assert first == f"sendmsg {command.call_id}"
    assert headers["Event-UUID"] == command.command_id
    argument = headers.get("execute-app-arg", "")
    assert "$" not in argument
    if isinstance(command, Dial):
        assert_rings(command, argument)
    elif isinstance(command, CollectDigits):
        words = argument.split(" ")
        assert len(words) == 10
        assert words[5] == f"{SITE.prompts_dir}/{command.prompt}.wav"
        assert (words[0], words[1], words[3], words[4], words[9]) == (
            str(command.digits_min), str(command.digits_max), str(command.first_digit_ms_max), command.terminator,
            str(command.next_digit_ms_max),
        )  # fmt: skip
    elif isinstance(command, Play):
        assert argument == f"{SITE.prompts_dir}/{command.prompt}.wav"


HOSTILE = (
    "\r\n\r\napi fsctl shutdown", "\n\nauth x", "${system id}", "reload mod_event_socket", "mod_event_socket", "]", "}",
    "|", ",", "^^:", ":_:", "'", '"', "\\", "\x00", "\u2028", "\xe9", " ", "=", "../", "%0a", "{a=b}", "[a=b]", "<x=y>",
    "sofia/gateway/x/900", "+18005550100", CALL, LEG, f"{CALL}.1", "carrier-1", "ignore", "a@b", "sip:a@b:5060", "#",
)  # fmt: skip
texts = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4).map("".join),
    st.from_regex(r"[ -~]{0,40}", fullmatch=True),
)
TEXT_FIELDS = {
    type(command): [f.name for f in dataclasses.fields(command) if isinstance(getattr(command, f.name), str)]
    for command in EVERY
}
TEXT_FIELDS[Dial] += [f"leg.{f.name}" for f in dataclasses.fields(Leg) if isinstance(getattr(FULL_LEG, f.name), str)]
TEXT_FIELDS[Dial] += ["leg.header name", "leg.header value"]


LAWFUL = {f"leg.{name}": value for name, value in dataclasses.asdict(FULL_LEG).items() if isinstance(value, str)}
LAWFUL |= {"leg.header name": "X-Zip", "leg.header value": "90210"}


def with_leg_text(command: Dial, fields: dict[str, str]) -> Dial:
    """The dial with a full second leg beside the first, whose fields are changed."""
    name, value = fields.pop("header name", "X-Zip"), fields.pop("header value", "90210")
    second = dataclasses.replace(FULL_LEG, headers={"X-Call-Token": "abc", name: value})
    return dataclasses.replace(command, legs=[GATEWAY_LEG, dataclasses.replace(second, **fields)])


def with_text(command: Command, fields: dict[str, str]) -> None:
    """Refused, or written so that it means what it says: there is no third."""
    changed = dataclasses.replace(command, **{name: text for name, text in fields.items() if "." not in name})
    if isinstance(changed, Dial):
        changed = with_leg_text(changed, {name[4:]: text for name, text in fields.items() if "." in name})
    try:
        frames = written(changed)
    except ForbiddenTextError:
        return
    assert_means(changed, frames)


@given(st.sampled_from(EVERY), st.data())
def test_any_text_in_any_field_is_refused_or_means_itself(command: Command, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(TEXT_FIELDS[type(command)]), min_size=1, max_size=3, unique=True))
    with_text(command, {name: data.draw(texts) for name in names})


def test_a_hundred_thousand_random_strings() -> None:
    """Many more than hypothesis has time for: each field in turn, hostile through and through, or lawful but for one
    hostile piece in the middle."""
    draw = random.Random(20_261_122)
    pieces = [*HOSTILE, *map(chr, range(0, 0x180, 3)), "a", "1", "_", "-", "+", "."]
    fields = [(command, name) for command in EVERY for name in TEXT_FIELDS[type(command)]]
    for number in range(50_000):
        command, name = fields[number % len(fields)]
        lawful, cut = LAWFUL[name] if name in LAWFUL else getattr(command, name), draw.randint(0, 40)
        with_text(command, {name: "".join(draw.choices(pieces, k=draw.randint(1, 5)))})
        with_text(command, {name: lawful[:cut] + draw.choice(pieces) + lawful[cut:]})


def test_a_command_of_another_call_is_refused() -> None:
    for command in (PLAY, COLLECT, DIAL, EVERY[0], dataclasses.replace(DIAL, returns=True)):
        with pytest.raises(ForbiddenTextError, match="command_id"):
            written(dataclasses.replace(command, command_id=f"{LEG}.7"))


@given(st.one_of(st.integers(), st.booleans(), st.floats(), texts))
@example(2**31)
def test_only_whole_numbers_within_their_limits_are_written(value: Any) -> None:
    for changed in (
        to(ring_ms_max=value),
        to(connected_ms_max=value),
        dataclasses.replace(COLLECT, first_digit_ms_max=value),
    ):
        try:
            frames = written(changed)
        except ForbiddenTextError:
            continue
        assert type(value) is int
        assert 0 < value <= 24 * 3_600_000
        assert_means(changed, frames)


def test_a_ring_time_is_never_shortened_by_rounding() -> None:
    for ring_ms, seconds in ((1, 1), (999, 1), (1_000, 1), (1_001, 2), (25_500, 26)):
        assert f"leg_timeout={seconds}," in written(to(ring_ms_max=ring_ms))[0]
