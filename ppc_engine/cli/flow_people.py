"""The people of ``ppc flow run``: whoever sits at the terminal keys the digits and plays the buyers' telephones.

What was given on the command line is not asked for. An end of input is a hang-up, as in life.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from ppc_engine.rehearsal.people import Found, HangUp, Phone, own_name

ANSWERS = "answer [SECONDS] [caller], busy, no_answer, reject, silent, unreachable, fail, gateway_down, hang up"
NO_ANSWERS = ("timeout", "refused", "failed", "bad_answer")
HANG_UP_WORDS = frozenset({"h", "hang up", "hangup", "bye"})
RINGING_MS = 5_000  # For how long a caller listens to ringing before hanging up.
KEYS = frozenset("0123456789*#wW")
WHOSE = {"": "target", "target": "target", "caller": "caller"}

Say = Callable[[str], None]


class TerminalPeople:
    """``rehearsal.people.People`` at a terminal. ``digits`` and ``phones`` are known beforehand, by node and target."""

    def __init__(self, say: Say, *, digits: Mapping[str, str], phones: Mapping[str, Phone], ask: bool = True) -> None:
        self.hang_up: HangUp | None = None
        self.asked: dict[str, list[str]] = {}
        self.met: dict[str, list[Phone]] = {}
        self._say = say
        self._digits = digits
        self._phones = phones
        self._ask = ask

    def keys(self, node: str, prompt: str) -> str | None:
        known = next((self._digits[name] for name in (node, own_name(node), prompt, "*") if name in self._digits), None)
        first = not self.asked.get(node)
        keys: str | None
        if known is not None and (first or not self._ask):
            keys = known if first else ""
            self._say(f"the caller keys {keys or 'nothing'}")
        elif not self._ask:
            keys = ""
        else:
            keys = self._typed()
        self.asked.setdefault(node, []).append(keys or "")
        return keys

    def _typed(self) -> str | None:
        while True:
            text = self._prompt("keys (empty: none; w waits half a second; h hangs up)", "")
            if text is None or text.strip().lower() in HANG_UP_WORDS:
                return None
            if set(text) <= KEYS:
                return text
            self._say("only 0-9, *, # and the pauses w (0.5 s) and W (1 s) can be keyed")

    def message_ms(self, node: str) -> int:
        while self._ask:
            text = self._prompt("the caller speaks for how many seconds", "10")
            if text is None or text.isdigit():
                return int(text or 0) * 1000
        return 10_000

    def looked_up(self, node: str, kind: str, params: Mapping[str, Any]) -> Found | None:
        """A new caller who calls for the first time; what a server answers is asked for."""
        if kind != "http":
            return Found(data={"calls": 1 if kind == "velocity" else 0}, after_ms=0)
        while self._ask:
            text = self._prompt(f"{node} asks a server: its JSON, or {', '.join(NO_ANSWERS)}", NO_ANSWERS[0])
            try:
                return found_of(text or NO_ANSWERS[0])
            except ValueError as error:
                self._say(str(error).splitlines()[-1])
        return Found(status="timeout")

    def phone(self, target: str) -> Phone:
        phone = self._phones.get(target) or self._phones.get("*")
        while phone is None:
            phone = self._asked_phone(target) if self._ask else Phone()
        self.met.setdefault(target, []).append(phone)
        return phone

    def _asked_phone(self, target: str) -> Phone | None:
        text = self._prompt(f"{target} rings: {ANSWERS}", "answer 180")
        if text is None or text.strip().lower() in HANG_UP_WORDS:
            self.hang_up = HangUp(on="ringing", after_ms=RINGING_MS)
            return Phone(does="no_answer")
        try:
            return parse_phone(text)
        except ValueError as error:
            self._say(str(error))
            return None

    def _prompt(self, text: str, default: str) -> str | None:
        try:
            return str(click.prompt(f"          {text}", default=default, show_default=bool(default)))
        except click.Abort:
            click.echo()
            return None


def found_of(text: str) -> Found:
    """A server's answer as it is typed. Raises ValueError."""
    told = text.strip()
    if told in NO_ANSWERS:
        return Found.model_validate({"status": told})
    if not told.startswith("{"):
        raise ValueError(f'"{told}" is neither JSON ({{"score": 7}}) nor one of {", ".join(NO_ANSWERS)}')
    return Found.model_validate({"data": told})


def parse_phone(text: str) -> Phone:
    """ "busy", "answer 90", "answer 20 caller" as a telephone's behaviour. Raises ValueError."""
    does, *more = text.strip().lower().split()
    if does != "answer":
        if more:
            raise ValueError(f'"{text}" is not understood (one of: {ANSWERS})')
        return Phone.model_validate({"does": does})
    seconds = more.pop(0) if more and more[0].isdigit() else "180"
    whose = more.pop(0) if more else ""
    if more or whose not in WHOSE:
        raise ValueError(f'"{text}" is not understood (write "answer 90" or "answer 20 caller")')
    return Phone.model_validate({"does": "answer", "talks_ms": int(seconds) * 1000, "hangs_up": WHOSE[whose]})
