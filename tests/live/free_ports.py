"""Ports of 127.0.0.1 that nobody uses: each is given out once in a run."""

from __future__ import annotations

import random
import socket
import threading

FIRST, LAST = 10_000, 19_999  # Below the kernel's own choice for clients, above the well-known ones.

_lock = threading.Lock()
_next = random.randrange(FIRST, LAST, 2)  # Two runs at once on a machine begin at different places.


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
    global _next
    with _lock:
        for _ in range((LAST - FIRST) // 2):
            first = _next if _next + count <= LAST else FIRST
            taken = next((port for port in range(first, first + count) if not _is_free(port)), None)
            if taken is None:
                _next = first + count + count % 2
                return first
            _next = taken + 1 + taken % 2
    raise OSError(f"no {count} consecutive free ports between {FIRST} and {LAST}")
