"""One connection against a switch that behaves and one that does not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import socket

from ppc_engine.ports import SwitchError
from ppc_engine.switch import connection
from ppc_engine.switch.connection import ESLConnection
from ppc_engine.switch.errors import DeadlineError, ForbiddenTextError, SwitchAwayError
from ppc_engine.values.errors import BadValueError, PPCError
from tests.contracts.esl_fake import PASSWORD, FakeConnection, FakeESL, api_response, json_event, reply


@contextlib.contextmanager
def connected(switch: FakeESL, **callbacks: Any) -> Iterator[ESLConnection]:
    esl = ESLConnection("127.0.0.1", switch.port, PASSWORD, **callbacks)
    try:
        esl.connect()
        yield esl
    finally:
        esl.stop()


@pytest.fixture
def switch() -> Iterator[FakeESL]:
    with FakeESL() as fake:
        yield fake


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "GREETING_S_MAX", 0.1)
    monkeypatch.setattr(connection, "READER_GRACE_S", 0.02)


def refusal(switch: FakeESL, password: str = PASSWORD) -> str:
    esl = ESLConnection("127.0.0.1", switch.port, password)
    try:
        with pytest.raises(SwitchError) as refused:
            esl.connect()
    finally:
        esl.stop()
    return str(refused.value).replace(str(switch.port), "PORT")


@pytest.mark.parametrize("password", ["ClueCon", "", "with\nnewline", " blank ", "caf\xe9"])
def test_a_password_that_must_not_be_used_is_refused_before_anything(password: str) -> None:
    with pytest.raises(BadValueError):
        ESLConnection("127.0.0.1", 8021, password)


def test_a_wrong_password_is_one_clear_line_without_the_password(switch: FakeESL) -> None:
    assert refusal(switch, "wrong-password") == "ESL password refused by 127.0.0.1:PORT"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(SwitchAwayError, match=f"connection refused by 127.0.0.1:{port}"):
        ESLConnection("127.0.0.1", port, PASSWORD).connect()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("greeting", "told"),
    [
        (b"", "127.0.0.1:PORT accepted a connection but sent no auth/request: is it a switch?"),
        (
            b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
            "127.0.0.1:PORT does not let our address in (apply-inbound-acl)",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "127.0.0.1:PORT sent what is no ESL: a frame begins with b'HTTP/1.1', which no ESL frame does",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n",
            "127.0.0.1:PORT sent what is no ESL: a frame begins with b'SSH-2.0-', which no ESL frame does",
        ),
    ],
)
def test_who_greets_otherwise_is_no_switch_of_ours(greeting: bytes, told: str) -> None:
    with FakeESL(greeting=greeting) as switch:
        assert refusal(switch) == told


@pytest.mark.usefixtures("quick")
def test_a_password_that_is_never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ESLConnection.send, "__defaults__", (0.1,))
    with FakeESL({"auth": None}) as switch:
        assert refusal(switch) == "127.0.0.1:PORT gave no answer within 0.1 s"


def test_answers_go_to_who_asked_first(switch: FakeESL) -> None:
    switch.answers["api"] = lambda _, command: api_response(command.removeprefix("api "))
    with connected(switch) as esl:
        asking = [gevent.spawn(esl.send, f"api {number}") for number in range(50)]
        together = esl.send_all([f"api {letter}" for letter in "abc"])
        assert [asked.get(timeout=5) for asked in asking] == [str(number) for number in range(50)]
        assert together == ["a", "b", "c"]


def test_the_end_of_the_connection_wakes_everyone_who_waits(switch: FakeESL) -> None:
    switch.answers["api"] = None
    reasons: list[str] = []
    with connected(switch, on_close=reasons.append) as esl:
        asking = [gevent.spawn(esl.send, f"api {number}") for number in range(5)]
        switch.wait_for_command("api 4")
        switch.connections[0].close()
        for asked in asking:
            with pytest.raises(SwitchAwayError, match="closed the connection"):
                asked.get(timeout=5)
        with pytest.raises(SwitchAwayError, match="closed the connection"):
            esl.send("api later")
    assert reasons == [f"127.0.0.1:{switch.port} closed the connection"]


@pytest.mark.usefixtures("quick")
def test_an_overdue_answer_ends_the_connection_for_all_who_wait(switch: FakeESL) -> None:
    """Answers carry no id: were one lost, the next would be taken for it."""
    switch.answers["api"] = None
    with connected(switch) as esl:
        waiting = gevent.spawn(esl.send, "api first", 5)
        switch.wait_for_command("api first")
        with pytest.raises(DeadlineError, match=r"gave no answer within 0\.05 s"):
            esl.send("api second", 0.05)
        with pytest.raises(SwitchAwayError, match="gave no answer"):
            waiting.get(timeout=5)
        assert not esl.connected


def test_an_answer_that_came_while_we_stood_still_counts(switch: FakeESL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READER_GRACE_S", 2.0)

    def slow(link: FakeConnection, _: str) -> None:
        gevent.spawn_later(0.1, link.write, api_response("late"))

    switch.answers["api slow"] = slow
    with connected(switch) as esl:
        assert esl.send("api slow", 0.01) == "late"
        assert esl.send("api more") == "+OK\n"


@pytest.mark.parametrize("answer", [reply("+OK") + reply("+OK"), b"\n", b"Content-Type: text/html\n\n"])
def test_what_cannot_be_an_answer_ends_the_connection(switch: FakeESL, answer: bytes) -> None:
    switch.answers["api"] = answer
    reasons: list[str] = []
    with connected(switch, on_close=reasons.append) as esl:
        with contextlib.suppress(SwitchAwayError):
            esl.send("api status")
        switch.wait_for(lambda: reasons, "the end of the connection")
    assert "what is no ESL" in reasons[0]


@pytest.mark.parametrize("command", ["api a\n\napi b", "api a\r", "api a\x00", "api \x7f", "api \u2028", "", "\napi a"])
def test_a_command_with_a_forbidden_byte_never_leaves(switch: FakeESL, command: str) -> None:
    with connected(switch) as esl:
        with pytest.raises(ForbiddenTextError):
            esl.send(command)
        assert esl.send("api after") == "+OK\n"
    assert switch.commands == [f"auth {PASSWORD}", "api after"]


def test_a_command_that_was_written_in_part_ends_the_connection(switch: FakeESL) -> None:
    with connected(switch) as esl:
        switch.reading.clear()
        with pytest.raises(DeadlineError):
            esl.send("api " + "x" * 20_000_000, 0.3)
        assert "could not be written" in esl.closed_because


def test_a_greenlet_killed_while_it_waits_leaves_the_order_intact(switch: FakeESL) -> None:
    held: list[FakeConnection] = []
    switch.answers["api held"] = lambda link, _: held.append(link)
    with connected(switch) as esl:
        waiting = gevent.spawn(esl.send, "api held")
        switch.wait_for(lambda: held, "the command")
        waiting.kill()
        after = gevent.spawn(esl.send, "api after")
        held[0].write(api_response("of the dead"))
        assert after.get(timeout=5) == "+OK\n"


def test_a_handler_that_fails_or_waits_costs_only_its_own_event(switch: FakeESL) -> None:
    seen: list[bytes] = []
    bugs: list[str] = []

    def handler(body: bytes) -> None:
        if body == b"wait":
            gevent.sleep(60)
        if body == b"ask":
            esl.send("api status")
        if body == b"fail":
            raise ValueError("a bug")
        seen.append(body)

    with connected(switch, on_event=handler, on_bug=lambda error: bugs.append(type(error).__name__)) as esl:
        for body in (b"wait", b"ask", b"fail", b"good"):
            switch.connections[0].write(json_event(body))
        switch.wait_for(lambda: seen, "the good event")
        assert bugs == ["BlockingSwitchOutError", "BlockingSwitchOutError", "ValueError"]
        assert seen == [b"good"]


def test_events_come_in_order_however_many_and_bytes_are_counted(switch: FakeESL) -> None:
    seen: list[bytes] = []
    with connected(switch, on_event=seen.append) as esl:
        sent = [b'{"n":%d,"x":"%s"}' % (number, b"y" * 9_000) for number in range(100)]
        switch.connections[0].write(b"".join(map(json_event, sent)))
        assert esl.send("api after") == "+OK\n"
        assert seen == sent
        assert esl.bytes_received > 900_000


def test_a_patient_answer_is_read_with_the_next_event_and_an_urgent_one_at_once(switch: FakeESL) -> None:
    told: list[object] = []
    with connected(switch, on_event=told.append) as esl:
        esl.ask(["sendmsg patient"], told.append, is_patient=True)
        switch.wait_for_command("sendmsg patient")
        assert esl.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == connection.GATHER_BYTES
        assert told == []
        body = b"x" * 2 * connection.GATHER_BYTES
        switch.connections[0].write(json_event(body))
        switch.wait_for(lambda: len(told) == 2, "the event, and the answer before it")
        assert told == [["+OK"], body]
        esl.ask(["sendmsg patient too"], told.append, is_patient=True)
        assert esl.send("api urgent") == "+OK\n"
        assert told[2:] == [["+OK"]]
        assert esl.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


def test_the_end_of_an_event_is_read_however_short_it_is(switch: FakeESL) -> None:
    seen: list[bytes] = []
    with connected(switch, on_event=seen.append) as esl:
        esl.ask(["sendmsg patient"], lambda answers: None, is_patient=True)
        switch.wait_for_command("sendmsg patient")
        frame = json_event(b"y" * 1_000)
        switch.connections[0].write(frame[:-10])
        switch.wait_for(lambda: esl.bytes_received > 900, "all but its end")
        switch.connections[0].write(frame[-10:])
        switch.wait_for(lambda: seen, "the event")
    assert seen == [b"y" * 1_000]


def test_the_peer_is_watched_by_the_kernel_too(switch: FakeESL) -> None:
    with connected(switch) as esl:
        assert esl.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert esl.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5


def test_every_error_of_a_connection_can_be_shown_to_a_person() -> None:
    for error in (SwitchAwayError, DeadlineError, ForbiddenTextError):
        assert issubclass(error, PPCError)
