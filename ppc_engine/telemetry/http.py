"""The engine's answers to monitoring: /metrics, /health (is the process well) and /ready (should calls come here).

Meant for loopback (security.md D16): it has no login, but for orders (control.py). A connection may last REQUEST_S_MAX
and there may be CONNECTIONS_MAX of them, so that a client that dawdles cannot hold anything up.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gevent
import orjson
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer
from prometheus_client import CONTENT_TYPE_LATEST

from ppc_engine.telemetry.control import Answer, Control
from ppc_engine.values.errors import OutsideError

REQUEST_S_MAX = 10.0
CONNECTIONS_MAX = 16
BACKLOG = 32
STOP_S_MAX = 1.0

Check = Callable[[], str]
"""Says why something is not well, "" when it is."""


class BoundedServer(WSGIServer):
    """Gives every connection a deadline, which pywsgi does not."""

    def handle(self, client_socket: Any, address: Any) -> None:
        with gevent.Timeout(REQUEST_S_MAX, False):
            super().handle(client_socket, address)


class MonitoringServer:
    """Serves GET of three paths between ``start`` and ``stop``; refuses everything else.

    ``health`` and ``ready`` are the checks by name; an answer of 503 tells every reason as JSON.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        render_metrics: Callable[[], bytes],
        health: Mapping[str, Check],
        ready: Mapping[str, Check],
        on_bug: Callable[[str], None],
        control: Control | None = None,
    ) -> None:
        self._control = control
        self._listen_on = (host, port)
        self._on_bug = on_bug
        self._pages: dict[str, Callable[[], Answer]] = {
            "/metrics": lambda: ("200 OK", CONTENT_TYPE_LATEST, render_metrics()),
            "/health": lambda: judge(health),
            "/ready": lambda: judge(ready),
        }
        self._server: BoundedServer | None = None

    def start(self) -> None:
        """Listen. Raises OutsideError when the port cannot be had."""
        host, port = self._listen_on
        try:
            # Ours, since pywsgi would leave its socket behind when the port cannot be had.
            listener = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
            )
        except OSError as error:
            why = error.strerror or str(error)
            raise OutsideError(f"cannot serve metrics on {host}:{port}: {why} (http_host, http_port)") from None
        self._server = BoundedServer(listener, self._application, spawn=Pool(CONNECTIONS_MAX), log=None, error_log=None)
        self._server.start()

    @property
    def port(self) -> int:
        """The port that is listened on, also when 0 was asked for."""
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.server_port)

    def stop(self) -> None:
        """Close the port and what is open on it."""
        if self._server is not None:
            self._server.stop(timeout=STOP_S_MAX)
            self._server = None

    def _application(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, content_type, body = self._answer(environ, environ["REQUEST_METHOD"], environ["PATH_INFO"])
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Connection", "close")]
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD" if environ["PATH_INFO"] in self._pages else "POST"))
        start_response(status, headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _answer(self, environ: Mapping[str, Any], method: str, path: str) -> Answer:
        page = self._pages.get(path)
        control = self._control
        if control is not None and control.answers(path):
            method, page = "GET", lambda: control.answer(environ, self._listen_on[0])
        if page is None:
            return "404 Not Found", "text/plain", b"/metrics /health /ready\n"
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", "text/plain", b"GET\n"
        try:
            return page()
        except Exception:
            self._on_bug("http")
            return "500 Internal Server Error", "text/plain", b"a bug; see ppc_bugs\n"


def judge(checks: Mapping[str, Check]) -> Answer:
    """200 when no check complains, else 503; both tell the state of every check as JSON."""
    complaints = {name: complaint for name, check in checks.items() if (complaint := check())}
    body = {"ok": not complaints, "checks": {name: complaints.get(name, "ok") for name in checks}}
    status = "503 Service Unavailable" if complaints else "200 OK"
    return status, "application/json", orjson.dumps(body) + b"\n"
