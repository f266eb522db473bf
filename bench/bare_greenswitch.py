"""The smallest call control that greenswitch allows: every parked call is bridged to one target, no questions asked.

Usage: python -m bench.bare_greenswitch PORT DIAL_STRING (the password comes from PPC_SWITCH_PASSWORD). It keeps no
record, has no timer, no journal and no database.
"""

from __future__ import annotations

import os
import sys

import gevent.event
from greenswitch import InboundESL


def main() -> None:
    port, dial_string = int(sys.argv[1]), sys.argv[2]
    client = InboundESL(host="127.0.0.1", port=port, password=os.environ["PPC_SWITCH_PASSWORD"])
    ended = gevent.event.Event()

    def parked(event: object) -> None:
        client.send(
            f"sendmsg {event.headers['Unique-ID']}\ncall-command: execute\n"
            f"execute-app-name: bridge\nexecute-app-arg: {dial_string}"
        )

    client.register_handle("CHANNEL_PARK", parked)
    client.register_handle("CHANNEL_HANGUP_COMPLETE", lambda event: None)
    client.register_handle("DISCONNECT", lambda event: ended.set())
    client.connect()
    client.send("event plain CHANNEL_PARK CHANNEL_HANGUP_COMPLETE")
    print("ready", flush=True)
    ended.wait()


if __name__ == "__main__":
    main()
