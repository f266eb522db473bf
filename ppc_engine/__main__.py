"""The command ``ppc``. Decides one thing: whether this process runs calls, and so must be patched for gevent.

Patching comes before every other import, since a module that was imported earlier keeps the blocking originals.
Batch commands (qualify, report, db) run unpatched: they would gain nothing and lose the plain behaviour of threads.
"""

from __future__ import annotations

import sys

PATCHED_COMMANDS = frozenset({"serve", "demo"})


def command_name(arguments: list[str]) -> str:
    """The first word that is no option; "" when there is none. The group itself has no option that takes a value."""
    return next((word for word in arguments if not word.startswith("-")), "")


if command_name(sys.argv[1:]) in PATCHED_COMMANDS:
    from gevent import monkey

    monkey.patch_all()

from ppc_engine.cli import main

if __name__ == "__main__":
    main()
