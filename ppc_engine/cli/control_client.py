"""Speaks to the engine that runs on this machine, over its monitoring port (telemetry/control.py)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

from ppc_engine.settings import Settings
from ppc_engine.telemetry.control import CONTROL_PATH, control_token
from ppc_engine.values.errors import BadValueError, OutsideError

CONNECT_S_MAX = 2.0
ANSWER_S_MAX = 12.0  # The engine gives a request 10 s.
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, never bound


class EngineDeafError(OutsideError):
    """Something listens there, and does not take our word: another secret, another machine, or no engine at all."""

    code = "engine_deaf"


def ask(settings: Settings, order: Mapping[str, Any], path: str = CONTROL_PATH) -> dict[str, Any] | None:
    """What the running engine says to an order, None when none runs here.

    Raises EngineDeafError when it does not hear us, BadValueError when it says that the order cannot be followed.
    """
    host = ANYWHERE.get(settings.http_host, settings.http_host)
    secret = settings.secret.get_secret_value()
    if not secret:
        raise EngineDeafError("no secret is known here to speak to the engine with (set secret_file, or PPC_SECRET)")
    connection = http.client.HTTPConnection(host, settings.http_port, timeout=CONNECT_S_MAX)
    place = f"{host}:{settings.http_port}"
    try:
        try:
            connection.connect()
        except ConnectionRefusedError:
            return None
        if connection.sock is not None:
            connection.sock.settimeout(ANSWER_S_MAX)
        headers = {"Authorization": f"Bearer {control_token(secret)}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(order).encode(), headers)
        answer = connection.getresponse()
        status, body = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise EngineDeafError(f"the engine at {place} does not answer: {error or type(error).__name__}") from None
    finally:
        connection.close()
    return _read(place, status, body)


def _read(place: str, status: int, body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise EngineDeafError(f"what listens at {place} is no engine of this version (HTTP {status})")
    if status == http.client.OK:
        return said
    why = str(said.get("error", f"HTTP {status}"))
    if status == http.client.UNPROCESSABLE_ENTITY:
        raise BadValueError(why)
    raise EngineDeafError(f"the engine at {place} does not hear us: {why}")


def ask_or_fail(settings: Settings, order: Mapping[str, Any], path: str = CONTROL_PATH) -> dict[str, Any]:
    """As ``ask``, for what only a running engine can say. Raises OutsideError when none runs."""
    said = ask(settings, order, path)
    if said is None:
        raise OutsideError(f"no engine runs here ({settings.http_host}:{settings.http_port}; start it with: ppc serve)")
    return said
