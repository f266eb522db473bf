"""The guards of tests/conftest.py hold: each is broken once, here."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import gevent
import pytest
from gevent import monkey

from tests import conftest

OUTSIDE = "192.0.2.1"  # TEST-NET-1 (RFC 5737): no route leads there.


def test_the_whole_process_is_patched():
    assert all(monkey.is_module_patched(name) for name in ("socket", "threading", "select", "time", "subprocess"))


def _send_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", (OUTSIDE, 9))


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection((OUTSIDE, 80), timeout=1),
        _send_datagram,
        lambda: socket.getaddrinfo("example.com", 80),
    ],
    ids=["connect", "sendto", "resolve"],
)
def test_nothing_reaches_another_machine(reach):
    with pytest.raises(conftest.OutsideConnectionError):
        reach()
    assert conftest._connections_refused.pop()


def test_loopback_is_reachable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


def test_a_running_greenlet_is_found_and_an_ended_one_is_not(monkeypatch):
    monkeypatch.setattr(conftest, "GRACE_S", 0.01)
    before = set(conftest._spawned)
    ended, running = gevent.spawn(int), gevent.spawn(gevent.sleep, 3600)
    ended.join()
    assert conftest.greenlets_left(before) == [running]
    running.kill()
    assert conftest.greenlets_left(before) == []


def test_a_running_thread_is_found_too(monkeypatch):
    monkeypatch.setattr(conftest, "GRACE_S", 0.01)
    before = set(conftest._spawned)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    assert len(conftest.greenlets_left(before)) == 1
    stop.set()
    thread.join()


def test_a_test_that_hangs_in_a_greenlet_is_ended_by_its_time_limit(pytester_run):
    result = pytester_run("import gevent\n\ndef test_hang():\n    gevent.sleep(3600)\n", "--timeout=1")
    assert "Timeout" in result


@pytest.fixture
def pytester_run(tmp_path):
    """Run pytest in a process of its own on one test file, under this conftest; returns its output."""

    def run(source: str, *arguments: str) -> str:
        (tmp_path / "conftest.py").write_text(Path(conftest.__file__).read_text())
        (tmp_path / "test_it.py").write_text(source)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, "test_it.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50)
        return done.stdout + done.stderr

    return run


def test_a_test_that_leaves_a_greenlet_fails(pytester_run):
    result = pytester_run(
        "import gevent\nimport conftest\nconftest.GRACE_S = 0.01\n\n"
        "def test_leak():\n    global kept\n    kept = gevent.spawn(gevent.sleep, 3600)\n"
    )
    assert "left greenlets running" in result and "1 error" in result


def test_a_swallowed_outside_connection_fails_the_test(pytester_run):
    result = pytester_run(
        "import contextlib, socket\n\ndef test_swallow():\n"
        f"    with contextlib.suppress(Exception):\n        socket.create_connection(('{OUTSIDE}', 80))\n"
    )
    assert "outside loopback" in result and "1 error" in result
