"""Choosing: what is in use is read, targets are selected by the campaign's order, and their slots are taken.

Source: semantics.md, "Choosing a target". A round is what rings at once: one target, or several of one level of
priority. A slot is taken before its target is dialled; a target whose slots are refused is left out of the round.
"""

from __future__ import annotations

from typing import Any

from ppc_engine.calls import ids
from ppc_engine.calls.capping import Capping
from ppc_engine.calls.commands import LookUp, ReadUsage
from ppc_engine.calls.events import LookedUp, SlotRefused, SlotReserved, UsageRead
from ppc_engine.calls.state import AttemptState, HuntState
from ppc_engine.calls.states import Phase, Step
from ppc_engine.catalog.model import Target
from ppc_engine.flows.waits import RouteWait
from ppc_engine.routing.duplicates import DAY_US, earlier_calls
from ppc_engine.routing.eligibility import Situation
from ppc_engine.routing.pool import Pool
from ppc_engine.routing.selection import Selection

REFUSED_MAX = 50  # Lost races for a slot in one call; each uses an attempt number up.
HISTORY_MS_MAX = 300  # What a caller may wait for a rule about earlier calls.
ANSWERED = "answered"


class Choosing(Capping):
    """The part of the call machine that chooses whom to ring, and reserves. ``_usage`` is what this turn was told."""

    _usage: UsageRead

    def _hunt_over(self, route_exit: str) -> None:
        raise NotImplementedError

    def _dial(self) -> None:
        raise NotImplementedError

    def _exhausted(self, selection: Selection | None) -> None:
        raise NotImplementedError

    def _start_hunt(self, wait: RouteWait, *, ordered: bool = False) -> None:
        self.state.phase = Phase.HUNTING
        self.state.hunt = self._new_hunt(wait)
        self.state.hunt.ordered = ordered
        self._read_usage()

    def _new_hunt(self, wait: RouteWait) -> HuntState:
        return HuntState(
            targets=list(wait.targets or self._campaign().targets),
            order=wait.order,
            together=wait.together,
            sticky=wait.sticky,
            stop_on=sorted(wait.stop_on),
        )

    def _hunt(self) -> HuntState:
        assert self.state.hunt is not None
        return self.state.hunt

    def _round(self) -> list[AttemptState]:
        """The attempts that ring, or are to ring, at once."""
        numbers = self._hunt().round
        return [attempt for attempt in self.state.attempts if attempt.number in numbers]

    def _pool(self) -> Pool:
        """The targets of this hunt, ready to be chosen from."""
        targets = tuple(self._hunt().targets)
        named = () if targets == self._campaign().targets else targets
        return self.context.routes.pool(self.state.campaign, named, self._hunt().order)

    def pool(self) -> Pool:
        """The targets of the hunt that the call is in."""
        return self._pool()

    def order(self) -> str:
        """By what its targets are chosen on the same level."""
        return self._hunt().order or self._campaign().order

    def situation(self, usage: UsageRead) -> Situation:
        """What the next choice would be made from."""
        self._at = usage.at
        return self._situation(usage)

    # What is in use.

    def _ordered_elsewhere(self) -> bool:
        """Whether a person's order takes the call away from this hunt, now or as soon as nothing plays any more."""
        raise NotImplementedError

    def _read_usage(self) -> None:
        if self._ordered_elsewhere():
            return
        hunt = self._hunt()
        hunt.step, hunt.round, hunt.awaited = Step.USAGE, [], []
        if self._asks_for_history():
            return
        self._give(self.usage_wanted())

    def usage_wanted(self) -> ReadUsage:
        """What must be known of the world for a choice; the queue board's question wants the same."""
        targets = self._hunt().targets
        pool = [] if tuple(targets) == self._campaign().targets else list(targets)
        return ReadUsage(call_id=self.state.call_id, pool=pool)

    def _on_usage(self, event: UsageRead) -> None:
        if self._hunt().step is Step.USAGE:
            self._choose(event)

    def _asks_for_history(self) -> bool:
        """Ask for the caller's earlier calls, once a call, where a target has a rule against duplicates."""
        state, pool = self.state, self._pool()
        if state.earlier_asked == ANSWERED or not state.caller_key or state.test or not pool.history_needed:
            return False
        self._hunt().step = Step.HISTORY
        state.earlier_asked = self._next_command_id()
        days = max(target.duplicates.window_days for _, target in pool.pairs if target.duplicates is not None)
        params = {"since": state.offered_at - days * DAY_US, "before": state.offered_at, "talks": True}
        self._give(
            LookUp(
                call_id=state.call_id,
                command_id=state.earlier_asked,
                kind="history",
                key=state.caller_key,
                params=params,
                ms_max=HISTORY_MS_MAX,
            )
        )
        return True

    def _on_earlier_calls(self, event: LookedUp) -> None:
        """What could not be had in time makes nobody a duplicate: the qualifier judges once more."""
        if event.command_id != self.state.earlier_asked or self._hunt().step is not Step.HISTORY:
            return
        self.state.earlier_asked = ANSWERED
        if event.status == "ok":
            self.state.earlier = list(event.data.get("talks", ()))
        else:
            self._tell("history_unknown", {"status": event.status})
        self._read_usage()

    # Who is asked.

    def _next_number(self) -> int:
        return len(self.state.attempts) + self.state.attempts_skipped + 1

    def _choose(self, usage: UsageRead) -> None:
        self._usage = usage
        state = self.state
        dialed = sum(attempt.dialed for attempt in state.attempts)
        attempts_max = self._campaign().attempts_max
        if dialed >= attempts_max or self._next_number() > attempts_max + REFUSED_MAX:
            self._tell("hunt_limit", {"attempts": dialed, "limit": attempts_max})
            self._exhausted(None)
            return
        first = self._select_first(usage)
        if first.target is None:
            self._exhausted(first)
            return
        self._take(first)
        self._choose_companions(usage, min(self._hunt().together, attempts_max - dialed))
        self._hunt().redial = []
        if not self._hunt().awaited:
            self._dial()

    def _select(self, usage: UsageRead, **narrowed: Any) -> Selection:
        routes, pool = self.context.routes, self._pool()
        return routes.select(pool, self._situation(usage), self._next_number(), order=self._hunt().order, **narrowed)

    def _select_first(self, usage: UsageRead) -> Selection:
        """One that is to be rung again, else the caller's own from an earlier call, else by the order of all."""
        hunt = self._hunt()
        preferred = list(hunt.redial)
        if hunt.sticky in hunt.targets and not any(a.target == hunt.sticky for a in self.state.attempts):
            preferred.append(hunt.sticky)
        for target in preferred:
            selection = self._select(usage, among=(target,))
            if selection.target is not None:
                self._tell_selection(selection, "redial" if target in hunt.redial else "sticky")
                return selection
        selection = self._select(usage)
        self._tell_selection(selection)
        return selection

    def _choose_companions(self, usage: UsageRead, together: int) -> None:
        """More targets of the same level of priority, up to as many as ring at once."""
        level = self._round_targets()[0].priority
        for _ in range(together - 1):
            selection = self._select(usage, priority=level)
            if selection.target is None:
                return
            self._tell_selection(selection, "together")
            self._take(selection)

    def _round_targets(self) -> list[Target]:
        known = self.context.catalog.targets
        return [known[attempt.target][1] for attempt in self._round()]

    def _tell_selection(self, selection: Selection, by: str = "") -> None:
        told: dict[str, Any] = {"number": self._next_number(), **({"by": by} if by else {})}
        order = self._hunt().order or self._campaign().order
        if selection.target is not None:
            told.update(target=selection.target.id, draw=selection.draw, weight_total=selection.weight_total)
            told.update({"order": order, "value": selection.value} if order != "priority_weight" else {})
        else:
            told["nobody"] = selection.nobody
        self._tell("selection", told)

    def _situation(self, usage: UsageRead) -> Situation:
        """What is known of the call for the next choice, with what the engine said is in use."""
        state, hunt = self.state, self._hunt()
        tags = state.run.tags if state.run else {}
        tried = {a.target for a in state.attempts if a.target and a.dialed} - set(hunt.redial)
        tried |= {a.target for a in self._round()}
        known = self.context.catalog.targets
        return Situation(
            call_id=state.call_id,
            at=self._at,
            campaign=state.campaign,
            publisher=state.publisher,
            dialed_number=state.dialed_number,
            caller_key=state.caller_key,
            attestation=state.attestation,
            zip_code=tags.get("zip_code", ""),
            zip_source=tags.get("zip_source", ""),
            state=tags.get("state", "") or self.context.places.area_code_state(state.area_code),
            area_code=state.area_code,
            used=usage.used,
            own=self._own_units(),
            shared=self._units()[1],
            refused=self._refused_now(),
            paused=usage.paused,
            stats=usage.stats,
            known=self._view().known(),
            history=earlier_calls(state.earlier) if state.earlier is not None else None,
            test=state.test,
            tried_targets=frozenset(tried),
            tried_destinations=frozenset(known[target][1].destination for target in tried),
        )

    # Their slots.

    def _take(self, selection: Selection) -> None:
        """Make the selected target an attempt of this round, and ask for its slots."""
        assert selection.target is not None
        hunt, number = self._hunt(), self._next_number()
        attempt = AttemptState(
            number=number,
            attempt_id=ids.attempt_id(self.state.call_id, number),
            target=selection.target.id,
            reserved_at=self._at,
        )
        self.state.attempts.append(attempt)
        hunt.round.append(number)
        if self._reserve_attempt(attempt, self._pool()):
            hunt.step = Step.RESERVE
            hunt.awaited.append(number)

    def _awaited(self, lease_id: str) -> AttemptState | None:
        hunt = self._hunt()
        if hunt.step is not Step.RESERVE:
            return None
        return next((a for a in self._round() if a.attempt_id == lease_id and a.number in hunt.awaited), None)

    def _on_slot(self, event: SlotReserved) -> None:
        attempt = self._awaited(event.lease_id)
        if attempt is not None:
            self._granted(attempt)
            self._slot_answered(attempt)

    def _on_slot_refused(self, event: SlotRefused) -> None:
        attempt = self._awaited(event.lease_id)
        if attempt is None:
            return
        self._refused(attempt, event.full)
        attempt.over = True
        self._tell("slot_refused", {"number": attempt.number, "full": event.full})
        self._slot_answered(attempt)

    def _slot_answered(self, attempt: AttemptState) -> None:
        """Once the last slot of the round is answered, whoever has slots is rung; nobody has: the next are chosen."""
        hunt = self._hunt()
        hunt.awaited.remove(attempt.number)
        if hunt.awaited:
            return
        hunt.round = [one.number for one in self._round() if not one.over]
        if hunt.round:
            self._dial()
        else:
            self._read_usage()
