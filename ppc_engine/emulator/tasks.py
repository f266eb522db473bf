"""The scheduler of the switch: hang-ups and transfers at a later moment, by id and by group (the leg's UUID).

Source: switch_scheduler.c. Moments are whole seconds: ``+N`` is due at the second now + N, and the list is looked at
when a task is added and then each half second; so +6 fires between 5.0 and 6.5 s later (recorded).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ppc_engine.emulator import causes

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

SECOND_US = 1_000_000
LOOK_EVERY_US = 500_000


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do at a whole second of the epoch."""

    id: int
    description: str
    group: str
    second: int
    act: Callable[[], object]


class Tasks:
    """Tasks that wait. Ids count up over the whole switch."""

    def __init__(self, model: SwitchModel) -> None:
        self._model = model
        self._last_id = 0
        self.waiting: dict[int, Task] = {}
        self._groups: dict[str, set[int]] = {}

    def add_transfer(self, when: str, uuid: str, extension: str, dialplan: str, context: str) -> int:
        """Send a leg to an extension later. Returns the task's id."""

        def act() -> None:
            channel = self._model.channels.get(uuid)
            if channel is not None and channel.up:
                self._model.send_to(channel, extension, dialplan, context)

        return self.add(when, "switch_ivr_schedule_transfer", uuid, act)

    def add_hangup(self, when: str, uuid: str, cause: str) -> int:
        """Hang a leg up later. Returns the task's id."""

        def act() -> None:
            channel = self._model.channels.get(uuid)
            if channel is not None:
                self._model.hang_up(channel, causes.by_name(cause))

        return self.add(when, "switch_ivr_schedule_hangup", uuid, act)

    def add(self, when: str, description: str, group: str, act: Callable[[], object]) -> int:
        """Do something later; ``when`` is "+seconds" or a second of the epoch. Returns the task's id."""
        now = self._model.now
        number = when.removeprefix("+")
        seconds = int(number) if number.isdigit() else 0
        second = now // SECOND_US + seconds if when.startswith("+") else seconds
        self._last_id += 1
        task = Task(self._last_id, description, group, second, act)
        self.waiting[task.id] = task
        self._groups.setdefault(group, set()).add(task.id)
        looks = max(0, -(-(second * SECOND_US - now) // LOOK_EVERY_US))
        self._model.at(now + looks * LOOK_EVERY_US, self._fire, task.id)
        self._say("ADD_SCHEDULE", task)
        return task.id

    def delete(self, id_or_group: str) -> int:
        """Delete one task by its id or all of a group; returns how many."""
        ids = [int(id_or_group)] if id_or_group.isdigit() else sorted(self._groups.get(id_or_group, ()))
        doomed = [task for task in map(self._take, ids) if task is not None]
        for task in doomed:
            self._say("DEL_SCHEDULE", task)
        return len(doomed)

    def _take(self, task_id: int) -> Task | None:
        task = self.waiting.pop(task_id, None)
        if task is not None:
            group = self._groups[task.group]
            group.discard(task.id)
            if not group:
                del self._groups[task.group]
        return task

    def _fire(self, task_id: int) -> None:
        task = self._take(task_id)
        if task is not None:
            task.act()
            self._say("DEL_SCHEDULE", task)

    def _say(self, event: str, task: Task) -> None:
        self._model.emit(
            event,
            extra={
                "Task-ID": str(task.id),
                "Task-Desc": task.description,
                "Task-Group": task.group,
                "Task-Runtime": str(task.second),
            },
        )
