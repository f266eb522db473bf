"""Orders over the monitoring port: POST /control and /control/reload, for the command line of this very machine.

Rules this file obeys: only a client on this machine is heard; it proves that it knows the installation's secret (the
bearer is an HMAC of it, compared in constant time); every request, refused or not, is a line of the log (security.md
D16). What an order means is decided elsewhere: here it is a JSON object in and one out.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ppc_engine.values.errors import PPCError

CONTROL_PATH = "/control"
RELOAD_PATH = "/control/reload"
BODY_BYTES_MAX = 65_536
WORD_CHARS_MAX = 64  # Of what a stranger sends, so much is logged.
_PURPOSE = b"ppc control 1"  # The secret names legs too: each use has a key of its own.

Answer = tuple[str, str, bytes]
"""Status, content type, body."""

Obey = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes an order and says what came of it. Raises PPCError when it cannot be followed."""


def control_token(secret: str) -> str:
    """What a client shows as its bearer: it can be had from the secret alone."""
    return hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).hexdigest()


class Control:
    """Answers the two paths. ``orders`` maps a path to who obeys it; with no secret nothing is obeyed."""

    def __init__(self, *, secret: str, orders: Mapping[str, Obey], log: Callable[..., None]) -> None:
        self._token = control_token(secret) if secret else ""
        self._orders = orders
        self._log = log

    def answers(self, path: str) -> bool:
        """Whether this path is one of ours."""
        return path in self._orders

    def answer(self, environ: Mapping[str, Any], server: str) -> Answer:
        """Take one request (WSGI) and answer it. ``server`` is the address that is listened on."""
        path, client = environ["PATH_INFO"], str(environ.get("REMOTE_ADDR", ""))
        refused = self._refusal(environ, client, server)
        if refused:
            self._log("control_refused", path=path, client=client, status=refused[0])
            return _told(*refused)
        order, problem = _body(environ)
        if problem:
            self._log("control_refused", path=path, client=client, status="400 Bad Request")
            return _told("400 Bad Request", problem)
        word, who = (str(order.get(name, ""))[:WORD_CHARS_MAX] for name in ("do", "who"))
        try:
            said = self._orders[path](order)
        except PPCError as error:
            self._log("control", path=path, client=client, do=word, who=who, error=error.code)
            return _told("422 Unprocessable Entity", str(error), code=error.code)
        self._log("control", path=path, client=client, do=word, who=who)
        return "200 OK", "application/json", orjson.dumps({"ok": True, **said}) + b"\n"

    def _refusal(self, environ: Mapping[str, Any], client: str, server: str) -> tuple[str, str] | None:
        if environ["REQUEST_METHOD"] != "POST":
            return "405 Method Not Allowed", "POST"
        if not is_this_machine(client, server):
            return "403 Forbidden", "only a client on this machine may give orders"
        kind, _, shown = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        # The comparison takes its time whatever was shown, so that nobody learns how near he was.
        matches = hmac.compare_digest(shown.strip().encode(), self._token.encode())
        if not (self._token and matches and kind.lower() == "bearer"):
            return "401 Unauthorized", "the bearer is not that of this engine's secret"
        return None


def is_this_machine(client: str, server: str) -> bool:
    """Whether a client's address is one of this machine: loopback, or the address that the server listens on."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or client == server


def _body(environ: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The JSON object that was sent, or what is wrong with it."""
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        return {}, f"the body may have {BODY_BYTES_MAX} bytes"
    try:
        order = orjson.loads(environ["wsgi.input"].read(int(length)) or b"{}")
    except orjson.JSONDecodeError:
        return {}, "the body is not JSON"
    return (order, "") if isinstance(order, dict) else ({}, "the body is no JSON object")


def _told(status: str, why: str, code: str = "") -> Answer:
    body = {"ok": False, "error": why, **({"code": code} if code else {})}
    return status, "application/json", orjson.dumps(body) + b"\n"
