"""What holds in every test: gevent patched as in ``ppc serve``, nothing leaves the machine, no greenlet left over."""

from gevent import monkey

monkey.patch_all()

import ipaddress  # noqa: E402
import sys  # noqa: E402
import weakref  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

GRACE_S = 1.0  # A greenlet that was told to stop may still need its turn of the hub.

# No deadline: a shared machine is slow at times, and a slow example is no wrong one.
settings.register_profile("ppc", deadline=None, database=None)
settings.load_profile("ppc")


class OutsideConnectionError(RuntimeError):
    """A test tried to reach another machine. Not an OSError, so that no retry loop takes it for a network fault."""


_connections_refused: list[str] = []


def is_loopback(address: Any) -> bool:
    """Whether a socket address stays on this machine: a Unix socket's path, loopback, or a name for it."""
    host = address[0] if isinstance(address, tuple) else ""
    if host in ("", "localhost", "0.0.0.0", "::", None):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guard_network(event: str, arguments: tuple[Any, ...]) -> None:
    # An audit hook sees every socket of the process, whoever wraps it; it cannot be taken off again, which suits.
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
    elif event == "socket.getaddrinfo":
        address = (arguments[0],)
    else:
        return
    if not is_loopback(address):
        _connections_refused.append(f"{event} {address}")
        raise OutsideConnectionError(_connections_refused[-1])


sys.addaudithook(_guard_network)

_spawned: weakref.WeakSet[gevent.Greenlet] = weakref.WeakSet()
gevent.Greenlet.add_spawn_callback(_spawned.add)


def greenlets_left(before: set[gevent.Greenlet]) -> list[gevent.Greenlet]:
    """Greenlets spawned since ``before`` that do not end within the grace time."""
    alive = [g for g in list(_spawned) if g not in before and not g.dead]
    if alive:
        gevent.joinall(alive, timeout=GRACE_S)
    return [g for g in alive if not g.dead]


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    """Fails the test that reached outside, even where the code swallowed it, or that left a greenlet running."""
    before = set(_spawned)
    refused_before = len(_connections_refused)
    yield
    left = greenlets_left(before)
    gevent.killall(left, block=False)
    assert not left, f"the test left greenlets running: {left}"
    assert _connections_refused[refused_before:] == [], "the test tried to connect outside loopback"
