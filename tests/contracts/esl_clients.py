"""The two clients of the ESL contract in one shape: ours, and greenswitch as it comes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Protocol

from greenswitch import InboundESL

from ppc_engine.switch.connection import ESLConnection
from ppc_engine.switch.headers import load

Handler = Callable[[Mapping[str, str]], None]
KINDS = "CHANNEL_PARK BACKGROUND_JOB"


class Client(Protocol):
    """What the contract is written against."""

    def __init__(self, port: int, password: str, handler: Handler) -> None: ...
    def connect(self) -> None: ...
    def subscribe(self) -> None: ...
    def ask(self, command: str) -> str: ...
    def stop(self) -> None: ...


class OurClient:
    """ppc_engine's connection; events are asked for in the only form that it reads."""

    def __init__(self, port: int, password: str, handler: Handler) -> None:
        self._esl = ESLConnection("127.0.0.1", port, password, on_event=lambda body: handler(load(body)))

    def connect(self) -> None:
        self._esl.connect()

    def subscribe(self) -> None:
        self._esl.send(f"event json {KINDS}")

    def ask(self, command: str) -> str:
        return self._esl.send(command)

    def stop(self) -> None:
        self._esl.stop()


class BareGreenswitch:
    """greenswitch 0.0.19 itself; events are asked for in the only form that it reads."""

    def __init__(self, port: int, password: str, handler: Handler) -> None:
        self._esl = InboundESL("127.0.0.1", port, password, timeout=1)
        self._esl.register_handle("*", lambda event: handler({**event.headers, "_body": getattr(event, "data", "")}))

    def connect(self) -> None:
        self._esl.connect()

    def subscribe(self) -> None:
        self._esl.send(f"event plain {KINDS}")

    def ask(self, command: str) -> str:
        return str(self._esl.send(command).data)

    def stop(self) -> None:
        """By force: its own stop() waits for answers that never come."""
        esl = self._esl
        esl._run = False
        for greenlet in (esl._receive_events_greenlet, esl._process_events_greenlet):
            if greenlet is not None:
                greenlet.kill()
        with contextlib.suppress(AttributeError, OSError):
            esl.sock.close()
            esl.sock_file.close()
