"""Ports of 127.0.0.1 that nobody uses: each is given out once in a run."""

from __future__ import annotations

import random
import socket
import threading

FIRST, LAST = 10_000, 19_999  # Below the kernel's own choice for clients, above the well-known ones.
TRIES_MAX = 500

_given: set[int] = set()
_lock = threading.Lock()


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_ports(count: int = 1) -> int:
    """The first of ``count`` consecutive free ports, TCP and UDP alike. Raises OSError when there are none."""
    for _ in range(TRIES_MAX):
        first = random.randrange(FIRST, LAST - count, 2)
        wanted = range(first, first + count)
        with _lock:
            if _given.isdisjoint(wanted) and all(map(_is_free, wanted)):
                _given.update(wanted)
                return first
    raise OSError(f"no {count} consecutive free ports between {FIRST} and {LAST}")
