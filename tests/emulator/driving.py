"""Drives an emulated switch without a socket or a clock: says what time it is, commands, and reads call traces."""

from ppc_engine.emulator import api
from ppc_engine.emulator.model import SwitchModel
from ppc_engine.emulator.scenario import Scenario
from tests.emulator.comparing import summary

START_US = 1_795_000_000_000_000  # A whole second, so that timers of whole seconds are easy to follow.


class Letters(dict):
    """Names legs A, B, C in the order in which they are first asked about."""

    def of(self, event):
        return self.setdefault(event["Unique-ID"], "ABCDEFGH"[len(self) % 8]) if "Unique-ID" in event else "-"

    def rename(self, text):
        for uuid, letter in self.items():
            text = text.replace(uuid, f"<{letter}>")
        return text


class Drive:
    """One scenario on one switch. Times are seconds from the moment at which the callers begin."""

    def __init__(self, *, callers=({},), buyers=(), seed=1, wanted=("ALL",), **scenario):
        callers = [
            {"id": f"c{n}", "number": "+13105550123", "dials": ["+18005550100"], **c} for n, c in enumerate(callers)
        ]
        data = {"callers": callers, "buyers": list(buyers), **scenario}
        self.model = SwitchModel(Scenario.model_validate(data), seed=seed, start_us=START_US)
        self.model.wanted = set(wanted)
        self.events = []
        self.letters = Letters()
        self.model.open_lines()
        self.run(0)

    @property
    def now(self):
        return (self.model.now - START_US) / 1e6

    def run(self, until_s):
        """Let time pass until then."""
        self.model.advance(START_US + round(until_s * 1e6))
        self.events += [event for _, event in self.model.outbox]
        self.model.outbox.clear()
        for event in self.events:
            self.letters.of(event)
        return self

    def uuid(self, letter="A"):
        return next(uuid for uuid, name in self.letters.items() if name == letter)

    def execute(self, app, data="", *, uuid="", leg="A", locked=True):
        """sendmsg execute to a leg, locked as the engine does."""
        headers = {"call-command": "execute", "execute-app-name": app, "execute-app-arg": data, "Event-UUID": uuid}
        if locked:
            headers["event-lock"] = "true"
        assert self.model.queue_message(self.uuid(leg), headers, "")
        return self

    def bridge(self, where, *, uuid="dial", options=""):
        return self.execute("bridge", f"{options}sofia/{where}", uuid=uuid)

    def hold(self):
        """Delete the dead-man's timers, so that a test may take its time."""
        self.api(f"sched_del {self.uuid()}")
        return self

    def api(self, line):
        return api.run(self.model, line)

    def trace(self, *kinds, leg=None):
        """What was said: "A CHANNEL_PARK", only some kinds of event or one leg if asked so."""
        return [
            f"{self.letters.of(event)} {summary(self.letters, event)}".replace("CHANNEL_", "")
            for event in self.events
            if (not kinds or event["Event-Name"].removeprefix("CHANNEL_") in kinds)
            and leg in (None, self.letters.of(event))
        ]

    def last(self, kind, leg="A"):
        return [e for e in self.events if e["Event-Name"] == f"CHANNEL_{kind}" and self.letters.of(e) == leg][-1]

    def at(self, kind, leg="A"):
        """When the last event of a kind was."""
        return (int(self.last(kind, leg)["Event-Date-Timestamp"]) - START_US) / 1e6

    def variable(self, name, leg="A"):
        return self.model.channels[self.uuid(leg)].get(name)


def answers(where="b@127.0.0.1:6001", *, rings_ms=500, **more):
    """A buyer at an address who answers."""
    return {"id": "buyer", "address": where, "behaviours": [{"does": "answer", "rings_ms": rings_ms, **more}]}


def behaves(does, where="b@127.0.0.1:6001", name="buyer", **more):
    return {"id": name, "address": where, "behaviours": [{"does": does, **more}]}
