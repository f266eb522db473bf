"""The ``api`` commands that the emulated switch knows, with the replies of mod_commands.c word for word."""

from __future__ import annotations

from collections.abc import Callable
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any

import orjson

from ppc_engine.emulator import causes
from ppc_engine.emulator.channel import Channel
from ppc_engine.emulator.dialplan import expand
from ppc_engine.emulator.events import HOST, duration_in_words
from ppc_engine.emulator.tasks import Task

if TYPE_CHECKING:
    from ppc_engine.emulator.model import SwitchModel

NO_CHANNEL = "-ERR No such channel!\n"
OK = "+OK\n"
USAGE = "-USAGE: {}\n"


def run(model: SwitchModel, line: str) -> str:
    """Perform one api command; the reply is never empty (reference A1)."""
    name, _, argument = line.strip().partition(" ")
    command = _COMMANDS.get(name.lower())
    if command is None:
        return f"-ERR {name} Command not found!\n"
    return command(model, argument.strip()) or "-ERR no reply\n"


def _live(model: SwitchModel, uuid: str) -> Channel | None:
    channel = model.channels.get(uuid)
    return channel if channel is not None and channel.up else None


def _status(model: SwitchModel, argument: str) -> str:
    live, peak = len(model.channels), model.sessions_peak
    return (
        f"UP {duration_in_words(model.now - model.started_at)}\n"
        "FreeSWITCH (Version 1.11.1-release  64bit) is ready\n"
        f"{model.sessions} session(s) since startup\n"
        f"{live} session(s) - peak {peak}, last 5min {peak} \n"
        "0 session(s) per Sec out of max 2000, peak 0, last 5min 0 \n"
        "20000 session(s) max\nmin idle cpu 0.00/100.00\nCurrent Stack Size/Max 240K/240K\n"
    )


def _uuid_exists(model: SwitchModel, argument: str) -> str:
    return "true" if _live(model, argument) else "false"


def _uuid_dump(model: SwitchModel, argument: str) -> str:
    uuid, _, form = argument.partition(" ")
    channel = _live(model, uuid)
    if channel is None:
        return NO_CHANNEL
    model.source.sequence += 1
    event = model.source.of_channel("CHANNEL_DATA", model.now, channel)
    if form.strip() == "json":
        return orjson.dumps(event).decode()
    return "".join(f"{name}: {value}\n" for name, value in event.items()) + "\n"


def _uuid_getvar(model: SwitchModel, argument: str) -> str:
    uuid, _, name = argument.partition(" ")
    channel = _live(model, uuid)
    if channel is None:
        return NO_CHANNEL
    return channel.get(name.strip()) or "_undef_"


def _uuid_setvar(model: SwitchModel, argument: str) -> str:
    words = argument.split(" ", 2)
    if len(words) < 2:
        return USAGE.format("<uuid> <var> [value]")
    channel = _live(model, words[0])
    if channel is None:
        return NO_CHANNEL
    channel.set(words[1], words[2] if len(words) > 2 else "")
    return OK


def _uuid_setvar_multi(model: SwitchModel, argument: str) -> str:
    uuid, _, assignments = argument.partition(" ")
    channel = _live(model, uuid)
    if channel is None:
        return NO_CHANNEL
    for assignment in assignments.split(";"):
        name, _, value = assignment.partition("=")
        if name.strip():
            channel.set(name.strip(), value)
    return OK


def _uuid_kill(model: SwitchModel, argument: str) -> str:
    uuid, _, cause = argument.partition(" ")
    channel = _live(model, uuid)
    if channel is None:
        return NO_CHANNEL
    model.hang_up(channel, causes.by_name(cause))
    return OK


def _uuid_break(model: SwitchModel, argument: str) -> str:
    uuid, _, flag = argument.partition(" ")
    channel = _live(model, uuid)
    if channel is None:
        return NO_CHANNEL
    if "all" in flag:
        channel.messages.clear()
    channel.broken = True
    model.poke(channel)
    return OK


def _uuid_transfer(model: SwitchModel, argument: str) -> str:
    words = argument.split()
    if not 2 <= len(words) <= 4:
        return USAGE.format("<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]")
    channel = _live(model, words[0])
    if channel is None:
        return NO_CHANNEL
    extension, dialplan, context = [*words[1:], "", ""][:3]
    model.send_to(channel, extension, dialplan, context)
    return OK


def _sched_transfer(model: SwitchModel, argument: str) -> str:
    words = argument.split()
    if not 2 <= len(words) <= 5:
        return USAGE.format("[+]<time> <uuid> <extension> [<dialplan>] [<context>]")
    if _live(model, words[1]) is None:
        return NO_CHANNEL
    extension, dialplan, context = [*words[2:], "", "", ""][:3]
    model.tasks.add_transfer(words[0], words[1], extension, dialplan, context)
    return OK


def _sched_hangup(model: SwitchModel, argument: str) -> str:
    words = argument.split()
    if len(words) < 2:
        return USAGE.format("[+]<time> <uuid> [<cause>]")
    channel = _live(model, words[1])
    if channel is None:
        return NO_CHANNEL
    cause = words[2] if len(words) > 2 else "ALLOTTED_TIMEOUT"
    if words[0].lstrip("+") == "0":
        model.hang_up(channel, causes.by_name(cause))
    else:
        model.tasks.add_hangup(words[0], words[1], cause)
    return OK


def _sched_api(model: SwitchModel, argument: str) -> str:
    words = argument.split(" ", 2)
    if len(words) < 3:
        return "-ERR Invalid syntax. USAGE: [+@]<time> <group_name> <command_string>[&]\n"
    when, group, line = words
    task = model.tasks.add(when, "sched_api_function", group, lambda: run(model, line.removesuffix("&")))
    return f"+OK Added: {task}\n"


def _uuid_recv_dtmf(model: SwitchModel, argument: str) -> str:
    words = argument.split()
    if len(words) < 2:
        return USAGE.format("<uuid> <dtmf_data>")
    channel = _live(model, words[0])
    if channel is None:
        return "-ERR Cannot locate session!\n"
    for digit in words[1].partition("@")[0]:
        model.key(channel, digit)
    return f"+OK {words[0]} received DTMF {words[1]}.\n"


def _sched_del(model: SwitchModel, argument: str) -> str:
    if not argument:
        return "-ERR Invalid syntax\n"
    return f"+OK Deleted: {model.tasks.delete(argument)}\n"


def _global_getvar(model: SwitchModel, argument: str) -> str:
    if argument:
        return model.globals.get(argument, "")
    return "".join(f"{name}={value}\n" for name, value in sorted(model.globals.items()))


def _show(model: SwitchModel, argument: str) -> str:
    what = argument.split()
    if what[:1] == ["tasks"]:
        rows = [_task_row(task) for task in model.tasks.waiting.values()]
    elif what[:1] in (["channels"], ["calls"]):
        rows = [_channel_row(channel) for channel in model.channels.values() if channel.up]
    else:
        return "-USAGE: codec|endpoint|application|api|... (only channels, calls and tasks are emulated)\n"
    if what[1:3] == ["as", "json"]:
        shown: dict[str, Any] = {"row_count": len(rows)}
        return orjson.dumps(shown | {"rows": rows} if rows else shown).decode()
    head = [",".join(rows[0])] if rows else []
    lines = [*head, *(",".join(row.values()) for row in rows)]
    return "\n".join([*lines, f"\n{len(rows)} total.\n"])


def _task_row(task: Task) -> dict[str, str]:
    return {
        "task_id": str(task.id),
        "task_desc": task.description,
        "task_group": task.group,
        "task_runtime": str(task.second),
        "task_sql_manager": "0",
        "hostname": HOST,
    }


def _channel_row(channel: Channel) -> dict[str, str]:
    theirs = channel.profile
    codec = ("PCMU", "8000", "64000") if channel.media else ("", "", "")
    created = channel.created_at // 1_000_000
    return {
        "uuid": channel.uuid,
        "direction": theirs["Direction"],
        "created": strftime("%Y-%m-%d %H:%M:%S", gmtime(created)),
        "created_epoch": str(created),
        "name": channel.name,
        "state": channel.state,
        "cid_name": theirs["Caller-ID-Name"],
        "cid_num": theirs["Caller-ID-Number"],
        "ip_addr": theirs["Network-Addr"],
        "dest": theirs["Destination-Number"],
        "application": channel.get("current_application"),
        "application_data": channel.get("current_application_data"),
        "dialplan": theirs["Dialplan"],
        "context": theirs["Context"],
        "read_codec": codec[0],
        "read_rate": codec[1],
        "read_bit_rate": codec[2],
        "write_codec": codec[0],
        "write_rate": codec[1],
        "write_bit_rate": codec[2],
        "secure": "",
        "hostname": HOST,
        "presence_id": "",
        "presence_data": "",
        "accountcode": "",
        "callstate": channel.call_state,
        "callee_name": "" if channel.inbound else theirs.get("Callee-ID-Name", ""),
        "callee_num": "" if channel.inbound else theirs.get("Callee-ID-Number", ""),
        "callee_direction": "",
        "call_uuid": "" if channel.inbound else channel.call_uuid,
        "sent_callee_name": "",
        "sent_callee_num": "",
        "initial_cid_name": theirs["Orig-Caller-ID-Name"],
        "initial_cid_num": theirs["Orig-Caller-ID-Number"],
        "initial_ip_addr": theirs["Network-Addr"],
        "initial_dest": theirs["Destination-Number"],
        "initial_dialplan": theirs["Dialplan"],
        "initial_context": theirs["Context"],
    }


def _says(text: str) -> Callable[[SwitchModel, str], str]:
    return lambda model, argument: text


_MODULES = frozenset({"mod_commands", "mod_dialplan_xml", "mod_dptools", "mod_event_socket", "mod_sofia"})

_COMMANDS: dict[str, Callable[[SwitchModel, str], str]] = {
    "echo": lambda model, argument: argument,
    "eval": lambda model, argument: expand(argument.replace("$${", "${"), lambda name: model.globals.get(name, "")),
    "global_getvar": _global_getvar,
    "hostname": _says(HOST),
    "module_exists": lambda model, argument: "true" if argument in _MODULES else "false",
    "sched_api": _sched_api,
    "sched_del": _sched_del,
    "sched_hangup": _sched_hangup,
    "sched_transfer": _sched_transfer,
    "show": _show,
    "status": _status,
    "uuid_break": _uuid_break,
    "uuid_dump": _uuid_dump,
    "uuid_exists": _uuid_exists,
    "uuid_getvar": _uuid_getvar,
    "uuid_kill": _uuid_kill,
    "uuid_recv_dtmf": _uuid_recv_dtmf,
    "uuid_setvar": _uuid_setvar,
    "uuid_setvar_multi": _uuid_setvar_multi,
    "uuid_transfer": _uuid_transfer,
    "version": _says("FreeSWITCH Version 1.11.1-release+git~emulated (git emulated 64bit)\n"),
}
