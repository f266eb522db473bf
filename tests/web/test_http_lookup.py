"""Servers of others are asked only where, and only as long, as security.md D10 allows."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.server import StreamServer
from hypothesis import given
from hypothesis import strategies as st

from ppc_engine.web.http_lookup import ANSWER_BYTES_MAX, HTTPLookups, may_connect, take
from ppc_engine.web.lookup_hosts import LookupServer

TLS = Path(__file__).parents[1] / "data" / "tls"
TAKE = {"score": "result.score"}
JSON = b'{"result": {"score": 87, "tags": ["a", "b"]}}'


class Web:
    """A server on loopback that says what a test wants. ``asked`` are the requests it read, to the empty line."""

    def __init__(self, *, tls: bool = False) -> None:
        self.asked: list[str] = []
        self.says: Callable[[Any], None] = lambda peer: peer.sendall(answer(JSON))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "enrich.pem", TLS / "enrich.key")
        options = {"ssl_context": context} if tls else {}
        self._server = StreamServer(("127.0.0.1", 0), self._serve, **options)
        self._server.start()
        self.port: int = self._server.server_port

    def _serve(self, peer: Any, _: Any) -> None:
        text = b""
        while b"\r\n\r\n" not in text:
            read = peer.recv(4096)
            if not read:
                return
            text += read
        self.asked.append(text.decode())
        with contextlib.suppress(OSError):  # The client had enough.
            self.says(peer)
        peer.close()

    def stop(self) -> None:
        self._server.stop()


def answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.stop()


def fetch(web: Web, path: str = "/", seconds: float = 2.0, **more: Any) -> tuple[str, dict[str, Any]]:
    """Ask the server as http://enrich.test, allowed in every way."""
    hosts = [LookupServer(name=f"enrich.test:{web.port}", insecure=True, private=True, token=more.pop("token", ""))]
    lookups = HTTPLookups(hosts, addresses=lambda name, port: ["127.0.0.1"])
    return lookups.fetch(f"http://enrich.test:{web.port}{path}", {"take": TAKE, **more}, seconds)


def test_fields_are_sent_and_parts_of_the_answer_come_back(web: Web) -> None:
    status, data = fetch(web, "/v1?k=1", send={"phone": "+13105550123", "x": "a&b"}, token="s3cret")
    assert (status, data) == ("ok", {"http": 200, "taken": {"score": "87"}})
    (asked,) = web.asked
    assert asked.startswith("GET /v1?k=1&phone=%2B13105550123&x=a%26b HTTP/1.1\r\n")
    assert f"Host: enrich.test:{web.port}\r\n" in asked and "Authorization: Bearer s3cret\r\n" in asked


def test_post_sends_a_json_object(web: Web) -> None:
    bodies = []

    def read_body(peer: Any) -> None:
        bodies.append(web.asked[-1].partition("\r\n\r\n")[2] or peer.recv(4096).decode())
        peer.sendall(answer(JSON))

    web.says = read_body
    assert fetch(web, method="post", send={"phone": '"+1'})[0] == "ok"
    assert web.asked[0].startswith("POST / HTTP/1.1\r\n") and bodies == ['{"phone": "\\"+1"}']


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (answer(b"", "302 Found", "Location: http://169.254.169.254/\r\n"), ("bad_answer", {"http": 302})),
        (answer(b"no", "500 Oops"), ("bad_answer", {"http": 500})),
        (answer(b"{"), ("bad_answer", {"http": 200, "why": "no_json"})),
        (answer(b"[" * 60_000), ("bad_answer", {"http": 200, "why": "no_json"})),
        (answer(JSON, headers="Content-Encoding: gzip\r\n"), ("bad_answer", {"http": 200, "why": "packed"})),
        (answer(b'"' + b"x" * ANSWER_BYTES_MAX + b'"'), ("bad_answer", {"http": 200, "why": "too_long"})),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", ("bad_answer", {"http": 200, "why": "too_long"})),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000, ("bad_answer", {"http": 200, "why": "too_long"})),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ("failed", {"why": "ProtocolError"})),
        (b"", ("failed", {"why": "ProtocolError"})),
        (answer(b'{"result": {"score": "\\ud800"}}'), ("ok", {"http": 200, "taken": {"score": "?"}})),
        (answer(b'{"result": {}}'), ("ok", {"http": 200, "taken": {}})),
    ],
)
def test_what_a_server_may_say(web: Web, said: bytes, expected: tuple[str, dict[str, Any]]) -> None:
    web.says = lambda peer: peer.sendall(said)
    assert fetch(web) == expected
    assert len(web.asked) == 1  # No second try, no redirect followed.


def test_slow_drip_and_silence_end_at_the_deadline(web: Web) -> None:
    def drip(peer: Any) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(200):
            peer.sendall(b" ")
            gevent.sleep(0.02)

    for says in (drip, lambda peer: peer.recv(1)):
        web.says = says
        began = time.monotonic()
        assert fetch(web, seconds=0.3)[0] == "timeout"
        assert time.monotonic() - began < 1.5


def test_other_greenlets_run_while_one_waits(web: Web) -> None:
    web.says = lambda peer: (gevent.sleep(0.2), peer.sendall(answer(JSON)))  # type: ignore[assignment, func-returns-value]
    began = time.monotonic()
    waiting = [gevent.spawn(fetch, web) for _ in range(20)]
    gevent.joinall(waiting, timeout=10)
    assert [greenlet.value[0] for greenlet in waiting] == ["ok"] * 20
    assert time.monotonic() - began < 2.0  # One after another would take four.


# What no name of a stranger may point to, in all its spellings.
OUR_OWN = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.0.0.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fd00::1", "fe80::1",
    "fe80::1%eth0", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::", "2002:a00:1::",
]  # fmt: skip


def refused(url: str, *hosts: LookupServer, found: str = "93.184.216.34") -> str:
    status, data = HTTPLookups(hosts, addresses=lambda name, port: [found]).fetch(url, {}, 0.2)
    return str(data["why"]) if status == "refused" else status


LISTED = LookupServer(name="api.example.com")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://evil.example.com/", "host_not_listed"),
        ("https://api.example.com.evil.org/", "host_not_listed"),
        ("https://api.example.com:8443/", "host_not_listed"),
        ("https://api.example.com@evil.org/", "host_not_listed"),
        ("https://evil.org/api.example.com", "host_not_listed"),
        ("https://169.254.169.254/latest", "host_not_listed"),
        ("https://0x7f.1/", "host_not_listed"),
        ("https://[::ffff:127.0.0.1]/", "host_not_listed"),
        ("http://api.example.com/", "not_https"),
        ("ftp://api.example.com/", "host_not_listed"),
    ],
)
def test_only_the_hosts_that_are_listed_and_only_over_tls(url: str, why: str) -> None:
    assert refused(url, LISTED) == why


@pytest.mark.parametrize("address", OUR_OWN)
def test_name_that_points_into_our_own_network_is_refused(address: str) -> None:
    assert refused("https://API.example.com/", LISTED, found=address) == "private_address"


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "::ffff:169.254.169.254"])
def test_own_network_where_it_is_allowed_has_no_credentials_of_a_cloud(address: str) -> None:
    assert not may_connect(address, private=True)
    assert may_connect("10.1.2.3", private=True) and may_connect("::ffff:10.1.2.3", private=True)


@given(st.ip_addresses(v=4))
def test_wrapped_address_is_judged_as_what_it_wraps(ip: Any) -> None:
    assert may_connect(f"::ffff:{ip}") == may_connect(str(ip)) == may_connect(f"64:ff9b::{ip}")


def test_name_is_resolved_once_and_that_address_is_connected_to(web: Web) -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    hosts = [LookupServer(name=f"rebinding.test:{web.port}", insecure=True, private=True)]
    lookups = HTTPLookups(hosts, addresses=lambda name, port: answers.pop(0))
    assert lookups.fetch(f"http://rebinding.test:{web.port}/", {"take": TAKE}, 2.0)[0] == "ok"
    assert len(answers) == 1


def test_proxy_of_the_environment_is_not_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(web)[0] == "ok"


def test_certificate_must_be_of_the_name_and_of_a_trusted_authority() -> None:
    web = Web(tls=True)

    def asked(name: str, ca_file: str) -> tuple[str, dict[str, Any]]:
        host = LookupServer(name=f"{name}:{web.port}", private=True, ca_file=ca_file)
        lookups = HTTPLookups([host], addresses=lambda name, port: ["127.0.0.1"])
        return lookups.fetch(f"https://{name}:{web.port}/", {"take": TAKE}, 2.0)

    try:
        assert asked("enrich.test", str(TLS / "enrich.pem")) == ("ok", {"http": 200, "taken": {"score": "87"}})
        assert asked("other.test", str(TLS / "enrich.pem")) == ("failed", {"why": "tls"})
        assert asked("enrich.test", "") == ("failed", {"why": "tls"})
    finally:
        web.stop()


def test_nobody_there_and_no_such_name() -> None:
    host = LookupServer(name="api.example.com:1", insecure=True, private=True)
    nobody = HTTPLookups([host], addresses=lambda name, port: ["127.0.0.1"])
    assert nobody.fetch("http://api.example.com:1/", {}, 1.0) == ("failed", {"why": "connect"})

    def no_name(name: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    nowhere = HTTPLookups([host], addresses=no_name)
    assert nowhere.fetch("http://api.example.com:1/", {}, 1.0) == ("failed", {"why": "dns"})


@pytest.mark.parametrize(
    ("path", "text"),
    [("a", "1"), ("b.c", "true"), ("d.1", "y"), ("d.2", None), ("d.x", None), ("b", None), ("e", None), ("a.b", None)],
)
def test_only_plain_values_are_taken(path: str, text: str | None) -> None:
    assert take({"a": 1, "b": {"c": True}, "d": ["x", "y"], "e": None}, path) == text
