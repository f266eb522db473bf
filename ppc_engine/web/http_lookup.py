"""Asks servers of others over HTTP while a caller waits: only those that engine.yaml names, and never our own network.

Source: security.md D10. https unless the host says otherwise; the name is resolved once and that very address is
connected to, so that it cannot be answered differently the second time; private, loopback, link-local, CGNAT and ULA
addresses are refused, wrapped ones too; no redirect, no proxy of the environment, no second try; 2 s to connect, 5 s
in all, 64 KiB of answer as it stands (nothing is unpacked).
"""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError, SSLError
from urllib3.util import Timeout

from ppc_engine import __version__
from ppc_engine.web.lookup_hosts import LookupServer

CONNECT_S_MAX = 2.0
TOTAL_S_MAX = 5.0
ANSWER_BYTES_MAX = 64 * 1024
CHUNK_BYTES = 8 * 1024
VALUE_CHARS_MAX = 256
PORTS = {"https": 443, "http": 80}
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_OWN = tuple(
    ipaddress.ip_network(own)
    for own in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")
)

Found = tuple[str, dict[str, Any]]
Addresses = Callable[[str, int], list[str]]


class _NotAllowedError(Exception):
    pass


class HTTPLookups:
    """Answers to look-ups of the kind http. Many greenlets may wait in ``fetch`` at once; no connection is kept."""

    def __init__(self, hosts: Iterable[LookupServer], addresses: Addresses | None = None) -> None:
        self._hosts = {host.name.lower(): host for host in hosts}
        self._addresses = addresses or resolve
        for host in self._hosts.values():
            if not host.insecure:
                _authorities(host.ca_file)  # Now, and not while the first caller waits.

    def fetch(self, url: str, params: Mapping[str, Any], seconds_max: float) -> Found:
        """Status and data of ``LookedUp``: ok with what was taken from the answer, or why there is none.

        ``params``: method (get or post), send (fields), take (name -> path in the JSON answer). Never raises.
        """
        end = time.monotonic() + min(seconds_max, TOTAL_S_MAX)
        try:
            return self._fetch(url, params, end)
        except _NotAllowedError as error:
            return "refused", {"why": str(error)}
        except NewConnectionError:  # A kind of ConnectTimeoutError to the library.
            return "failed", {"why": "connect"}
        except (ConnectTimeoutError, ReadTimeoutError, TimeoutError):
            return "timeout", {}
        except socket.gaierror:
            return "failed", {"why": "dns"}
        except (SSLError, ssl.SSLError):
            return "failed", {"why": "tls"}
        except (HTTPError, OSError, ValueError) as error:
            return "failed", {"why": type(error).__name__}

    def _fetch(self, url: str, params: Mapping[str, Any], end: float) -> Found:
        parts = urlsplit(url)
        host = self._host(parts)
        address = self._address(host, parts)
        sent = {str(name): str(value) for name, value in params.get("send", {}).items()}
        headers = {"Host": parts.netloc, "User-Agent": f"ppc-engine/{__version__}", "Accept": "application/json"}
        headers["Accept-Encoding"] = "identity"
        if host.token:
            headers["Authorization"] = f"Bearer {host.token}"
        target, query, body = parts.path or "/", parts.query, None
        if params.get("method") == "post":
            headers["Content-Type"] = "application/json"
            body = json.dumps(sent).encode()
        elif sent:
            query = "&".join(filter(None, (query, urlencode(sent))))
        pool = self._pool(host, parts, address)
        try:
            answer = pool.urlopen(
                "POST" if body is not None else "GET",
                f"{target}?{query}" if query else target,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                timeout=Timeout(connect=min(CONNECT_S_MAX, _left(end)), read=_left(end)),
            )
            return _read(answer, params.get("take", {}), end)
        finally:
            pool.close()

    def _host(self, parts: SplitResult) -> LookupServer:
        name = (parts.hostname or "").lower()
        port = parts.port or PORTS.get(parts.scheme, 0)
        usual = port == PORTS.get(parts.scheme)
        host = self._hosts.get(f"{name}:{port}") or (self._hosts.get(name) if usual else None)
        if host is None:
            raise _NotAllowedError("host_not_listed")
        if parts.scheme != "https" and not (parts.scheme == "http" and host.insecure):
            raise _NotAllowedError("not_https")
        return host

    def _address(self, host: LookupServer, parts: SplitResult) -> str:
        """One address of the host that may be connected to; the name is not looked up again after this."""
        found = self._addresses(parts.hostname or "", parts.port or PORTS[parts.scheme])
        allowed = [address for address in found if may_connect(address, private=host.private)]
        if not allowed:
            raise _NotAllowedError("private_address")
        return allowed[0]

    def _pool(self, host: LookupServer, parts: SplitResult, address: str) -> urllib3.HTTPConnectionPool:
        port = parts.port or PORTS[parts.scheme]
        if parts.scheme == "http":
            return urllib3.HTTPConnectionPool(address, port, maxsize=1)
        return urllib3.HTTPSConnectionPool(
            address,
            port,
            maxsize=1,
            ssl_context=_authorities(host.ca_file),
            server_hostname=parts.hostname,
            assert_hostname=parts.hostname,
        )


@lru_cache(maxsize=32)
def _authorities(ca_file: str) -> ssl.SSLContext:
    """Who is trusted to certify a name; reading the system's list takes a tenth of a second."""
    return ssl.create_default_context(cafile=ca_file or None)


def resolve(name: str, port: int) -> list[str]:
    """Addresses of a name, as the system's resolver gives them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]


def may_connect(address: str, *, private: bool = False) -> bool:
    """Whether an address is out in the public Internet, or, with ``private``, one of our own network or machine.

    What wraps an IPv4 address (mapped, 6to4, Teredo, NAT64) is what it wraps. Link-local addresses, where clouds keep
    their credentials, are never allowed.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and any(ip in network for network in _NAT64):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return may_connect(str(inner), private=private)
    if ip.is_multicast:  # Some of it counts as global.
        return False
    return ip.is_global or (private and any(ip in network for network in _OWN))


def take(answer: Any, path: str) -> str | None:
    """The text of what a JSON answer has at a path of names and indices ("people.0.age"), None for nothing plain."""
    for name in path.split("."):
        if isinstance(answer, dict):
            answer = answer.get(name)
        elif isinstance(answer, list) and name.isdigit() and int(name) < len(answer):
            answer = answer[int(name)]
        else:
            return None
    if isinstance(answer, bool):
        return "true" if answer else "false"
    if not isinstance(answer, (str, int, float)):
        return None
    return str(answer)[:VALUE_CHARS_MAX].encode("utf-8", "replace").decode()  # JSON may escape half a character.


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _read(answer: urllib3.BaseHTTPResponse, paths: Mapping[str, str], end: float) -> Found:
    told: dict[str, Any] = {"http": answer.status}
    if not 200 <= answer.status < 300:
        return "bad_answer", told
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        return "bad_answer", {**told, "why": "packed"}
    if int(answer.headers.get("Content-Length") or 0) > ANSWER_BYTES_MAX:
        return "bad_answer", {**told, "why": "too_long"}
    body = b""
    while chunk := answer.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            return "bad_answer", {**told, "why": "too_long"}
        _left(end)
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return "bad_answer", {**told, "why": "no_json"}
    taken = {name: take(parsed, path) for name, path in paths.items()}
    return "ok", {**told, "taken": {name: value for name, value in taken.items() if value is not None}}
