"""Caps in the memory of one engine, rebuilt from its calls and the database after a restart.

Every method runs to its end without giving way to another greenlet, so each is atomic without a lock.
"""

from __future__ import annotations

from ppc_engine.routing.cap_book import CapBook


class MemoryCapacityStore(CapBook):
    """``ports.CapacityStore`` for an engine that shares its caps with no other."""
