"""Monitoring over a real socket: three pages, reasons in JSON, and nobody who dawdles holds it up."""

import http.client
import json
import socket

import gevent
import pytest

from ppc_engine.telemetry import http as monitoring
from ppc_engine.telemetry.metrics import Metrics
from ppc_engine.values.errors import OutsideError


@pytest.fixture
def checks():
    """What is wrong with each part now; "" is nothing."""
    return {"hub": "", "switch": "", "journal": "", "catalog": ""}


@pytest.fixture
def bugs():
    return []


@pytest.fixture
def server(checks, bugs):
    ready = {name: (lambda name=name: checks[name]) for name in ("switch", "journal", "catalog")}
    running = monitoring.MonitoringServer(
        host="127.0.0.1",
        port=0,
        render_metrics=Metrics().render,
        health={"hub": lambda: checks["hub"]},
        ready=ready,
        on_bug=bugs.append,
    )
    running.start()
    yield running
    running.stop()


def ask(server, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheader("Content-Type"), body


def test_metrics_are_served_as_prometheus_wants_them(server):
    status, content_type, body = ask(server, "/metrics")
    assert status == 200 and content_type.startswith("text/plain; version=")
    assert b"# TYPE ppc_calls_total counter" in body


def test_ready_says_every_reason_why_not(server, checks):
    assert ask(server, "/ready")[0] == 200
    checks["switch"], checks["journal"] = "not connected to 127.0.0.1:8021", "disk full"
    status, content_type, body = ask(server, "/ready")
    assert (status, content_type) == (503, "application/json")
    assert json.loads(body) == {
        "ok": False,
        "checks": {"switch": "not connected to 127.0.0.1:8021", "journal": "disk full", "catalog": "ok"},
    }
    checks["switch"] = checks["journal"] = ""
    assert ask(server, "/ready")[0] == 200


def test_health_is_about_the_process_and_not_about_the_switch(server, checks):
    checks["switch"] = "not connected"
    assert ask(server, "/health")[0] == 200
    checks["hub"] = "the event loop has not ticked for 6.0 s"
    status, _, body = ask(server, "/health")
    assert status == 503 and json.loads(body)["checks"] == {"hub": "the event loop has not ticked for 6.0 s"}


@pytest.mark.parametrize("path", ["/", "/metrics/", "/admin", "/ready%0d%0aX:y", "/%2e%2e/etc/passwd"])
def test_other_paths_are_refused(server, path):
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_refused(server, method):
    assert ask(server, "/metrics", method)[0] == 405


def test_head_has_no_body(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(b"HEAD /health HTTP/1.0\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200 OK\r\n") and received.endswith(b"\r\n\r\n")


def test_a_check_that_breaks_is_a_counted_bug(server, checks, bugs):
    del checks["journal"]
    assert ask(server, "/ready")[0] == 500
    assert bugs == ["http"]
    assert ask(server, "/health")[0] == 200


@pytest.mark.parametrize("sent", [b"", b"GET /metrics", b"\xff\xfe\x00garbage\r\n\r\n", b"GET " + b"a" * 20_000])
def test_a_client_that_dawdles_or_talks_nonsense_is_put_out(server, monkeypatch, sent):
    monkeypatch.setattr(monitoring, "REQUEST_S_MAX", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(sent)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received == b"" or received.startswith(b"HTTP/1.1 4")
    assert ask(server, "/health")[0] == 200


def test_as_many_dawdlers_as_there_are_places_delay_nobody_for_long(server, monkeypatch):
    monkeypatch.setattr(monitoring, "REQUEST_S_MAX", 0.3)
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(monitoring.CONNECTIONS_MAX + 4)]
    with gevent.Timeout(4):
        assert ask(server, "/health")[0] == 200
    for client in idle:
        client.close()


def test_a_taken_port_is_one_clear_line(server, checks):
    second = monitoring.MonitoringServer(
        host="127.0.0.1", port=server.port, render_metrics=bytes, health={}, ready={}, on_bug=print
    )
    with pytest.raises(OutsideError, match=rf"cannot serve metrics on 127.0.0.1:{server.port}: .*in use"):
        second.start()


def test_stopping_closes_the_port_and_may_be_repeated(server):
    port = server.port
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
