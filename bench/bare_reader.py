"""A handler that does nothing: one blocking socket, the UUID of each parked call, one `bridge` written back.

Usage: python -m bench.bare_reader PORT DIAL_STRING (the password comes from PPC_SWITCH_PASSWORD). What it takes from a
park event to its first command is what the sockets and the machine take.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from typing import BinaryIO

_LENGTH = re.compile(rb"Content-Length: (\d+)")
_PARKED = re.compile(rb'"Event-Name":\s*"CHANNEL_PARK"')
_UUID = re.compile(rb'"Unique-ID":\s*"([0-9a-f-]{36})"')


def read_frame(reader: BinaryIO) -> bytes:
    """The body of the next frame, empty for one without a body. Raises EOFError when the switch has closed."""
    length = 0
    while (line := reader.readline()) != b"\n":
        if not line:
            raise EOFError
        if found := _LENGTH.match(line):
            length = int(found[1])
    return reader.read(length)


def main() -> None:
    port, dial_string = int(sys.argv[1]), sys.argv[2].encode()
    with socket.create_connection(("127.0.0.1", port)) as link, link.makefile("rb") as reader:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read_frame(reader)
        link.sendall(b"auth " + os.environ["PPC_SWITCH_PASSWORD"].encode() + b"\n\n")
        link.sendall(b"event json CHANNEL_PARK CHANNEL_HANGUP_COMPLETE\n\n")
        read_frame(reader)
        read_frame(reader)
        print("ready", flush=True)
        while True:
            body = read_frame(reader)
            if _PARKED.search(body, 0, 200) and (uuid := _UUID.search(body)):
                link.sendall(
                    b"sendmsg " + uuid[1] + b"\ncall-command: execute\nexecute-app-name: bridge\n"
                    b"execute-app-arg: " + dial_string + b"\n\n"
                )


if __name__ == "__main__":
    with contextlib.suppress(EOFError, ConnectionError):
        main()
