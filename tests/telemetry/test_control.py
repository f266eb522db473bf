"""Orders over a real socket: who is heard, what is refused, and that every request leaves a line."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ppc_engine.telemetry.control import BODY_BYTES_MAX, Control, control_token, is_this_machine
from ppc_engine.telemetry.http import MonitoringServer
from ppc_engine.values.errors import BadValueError

SECRET = "a secret of thirty-two characters or more"
RIGHT = {"Authorization": f"Bearer {control_token(SECRET)}"}


def obey(order: Any) -> dict[str, Any]:
    if order.get("do") == "fail":
        raise BadValueError("no such order")
    if order.get("do") == "break":
        raise RuntimeError("a defect")
    return {"heard": order}


@pytest.fixture
def logged() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def bugs() -> list[str]:
    return []


def serving(secret: str, logged: list[tuple[str, dict[str, Any]]], bugs: list[str]) -> MonitoringServer:
    control = Control(
        secret=secret, orders={"/control": obey}, log=lambda event, **fields: logged.append((event, fields))
    )
    server = MonitoringServer(
        host="127.0.0.1", port=0, render_metrics=bytes, health={}, ready={}, on_bug=bugs.append, control=control
    )
    server.start()
    return server


@pytest.fixture
def server(logged: list[tuple[str, dict[str, Any]]], bugs: list[str]) -> Iterator[MonitoringServer]:
    running = serving(SECRET, logged, bugs)
    yield running
    running.stop()


def send(
    server: MonitoringServer, body: bytes = b"{}", method: str = "POST", path: str = "/control", **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    read = answer.read()
    connection.close()
    return answer.status, json.loads(read) if answer.getheader("Content-Type") == "application/json" else read


def test_an_order_with_the_right_bearer_is_obeyed_and_logged(
    server: MonitoringServer, logged: list[tuple[str, dict[str, Any]]]
) -> None:
    order = {"do": "look", "who": "maria"}
    assert send(server, json.dumps(order).encode(), **RIGHT) == (200, {"ok": True, "heard": order})
    assert logged == [("control", {"path": "/control", "client": "127.0.0.1", "do": "look", "who": "maria"})]


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer ", f"Bearer {control_token(SECRET)[:-1]}", f"Basic {control_token(SECRET)}",
     f"Bearer {control_token(SECRET + 'x')}", "Bearer ümläut"],
)  # fmt: skip
def test_any_other_bearer_is_refused_and_logged_without_what_it_showed(
    server: MonitoringServer, logged: list[tuple[str, dict[str, Any]]], shown: str
) -> None:
    status, told = send(server, b'{"do": "look"}', Authorization=shown.encode().decode("latin-1"))
    assert (status, told["ok"]) == (401, False)
    assert [event for event, _ in logged] == ["control_refused"]
    assert control_token(SECRET)[:8] not in str(logged)


def test_an_engine_without_a_secret_obeys_nobody(logged: list[tuple[str, dict[str, Any]]], bugs: list[str]) -> None:
    server = serving("", logged, bugs)
    try:
        assert send(server, Authorization=f"Bearer {control_token('')}")[0] == 401
        assert send(server, Authorization="Bearer ")[0] == 401
    finally:
        server.stop()


@pytest.mark.parametrize("body", [b"{", b"[]", b'"look"', b"\xff\xfe", b"nan"])
def test_what_is_no_json_object_is_refused(server: MonitoringServer, body: bytes) -> None:
    assert send(server, body, **RIGHT)[0] == 400


def test_a_body_that_is_too_large_is_refused_unread(server: MonitoringServer) -> None:
    order = json.dumps({"do": "x" * BODY_BYTES_MAX}).encode()
    assert send(server, order, **RIGHT)[0] == 400


def test_other_methods_and_paths_are_refused(server: MonitoringServer) -> None:
    assert send(server, method="GET", **RIGHT)[0] == 405
    assert send(server, path="/control/", **RIGHT)[0] == 404
    assert send(server, path="/metrics", **RIGHT)[0] == 405


def test_an_order_that_cannot_be_followed_says_why_and_a_defect_is_counted(
    server: MonitoringServer, bugs: list[str]
) -> None:
    status, told = send(server, b'{"do": "fail"}', **RIGHT)
    assert (status, told) == (422, {"ok": False, "error": "no such order", "code": "bad_value"})
    assert send(server, b'{"do": "break"}', **RIGHT)[0] == 500
    assert bugs == ["http"]


@pytest.mark.parametrize(
    ("client", "server_address", "heard"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.9.9.9", "0.0.0.0", True),
        ("::1", "::", True),
        ("::ffff:127.0.0.1", "::", True),
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.0.6", "10.0.0.5", False),
        ("192.0.2.1", "0.0.0.0", False),
        ("0.0.0.0", "127.0.0.1", False),
        ("", "", False),
        ("localhost", "localhost", False),
    ],
)
def test_only_this_machine_is_heard(client: str, server_address: str, heard: bool) -> None:
    assert is_this_machine(client, server_address) is heard
