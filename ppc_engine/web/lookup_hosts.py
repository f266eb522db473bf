"""How engine.yaml says which servers a ``lookup`` node may ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

HOSTS_MAX = 100


class LookupHost(BaseModel):
    """One server: ``host`` is its name, with the port where that is not the usual one.

    Beyond https to a public address only what is said here is allowed: ``insecure_http`` plain http,
    ``private_network`` an address of our own network. ``token_file`` (mode 600) holds a bearer token, ``ca_file`` the
    authorities to trust instead of the system's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?$")]
    insecure_http: bool = False
    private_network: bool = False
    token_file: str | None = None
    ca_file: str | None = None


def _hosts(value: object) -> object:
    """Names alone are enough: a list of them, or in one text with commas."""
    listed = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if isinstance(listed, (list, tuple)):
        return tuple({"host": item} if isinstance(item, str) else item for item in listed)
    return listed


LookupHosts = Annotated[tuple[LookupHost, ...], Field(max_length=HOSTS_MAX), BeforeValidator(_hosts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupServer:
    """A server that may be asked: ``name`` with the port where that is not the usual one ("api.example.com:8443").

    ``insecure`` allows http, ``private`` allows an address of our own network, ``token`` is sent as a bearer token,
    ``ca_file`` holds the authorities to trust instead of the system's.
    """

    name: str
    insecure: bool = False
    private: bool = False
    token: str = field(default="", repr=False)
    ca_file: str = ""
