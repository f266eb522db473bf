"""A process that is cut off in the middle of an event: says "ticking" as long as its greenlets still run.

Apart from the tests, because a client that loops for ever without yielding freezes its whole process. Started with
the client's name and the port of a server that cuts.
"""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402

from tests.contracts.esl_clients import BareGreenswitch, OurClient  # noqa: E402
from tests.contracts.esl_fake import PASSWORD  # noqa: E402

TICK_S = 0.05
TICKS = 12  # From the cut on: well past the moment at which a reader that loops would have stopped them.


def main(name: str, port: int) -> None:
    client = {"OurClient": OurClient, "BareGreenswitch": BareGreenswitch}[name](port, PASSWORD, lambda event: None)
    client.connect()
    gevent.spawn(client.subscribe)  # The server cuts instead of answering.
    for _ in range(TICKS):
        gevent.sleep(TICK_S)
        print("tick", time.monotonic(), flush=True)
    print("still ticking", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
