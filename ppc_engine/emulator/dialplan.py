"""The emulated dialplan as data: which applications a number runs in a context, and what ``${...}`` stands for.

``CLAIM_DIALPLAN`` is the claim pattern that ``freeswitch/conf/dialplan/ppc.xml`` gives to a real switch (reference
freeswitch.md, "Seen" 1); a test keeps the two alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f'"{text}" is no regular expression ({error})') from None
    return text


def _action(value: object) -> object:
    if isinstance(value, str):
        return (value, "")
    if isinstance(value, list) and len(value) == 1:
        return (value[0], "")
    return value


Regex = Annotated[str, AfterValidator(_regex)]
Action = Annotated[tuple[str, str], BeforeValidator(_action)]


class Extension(BaseModel):
    """Applications to run when every field of ``when`` matches; with ``continues`` later extensions may add theirs.

    A field is destination_number, answered_time (microseconds, 0 when not answered), privacy_hide_number, or
    ``${name}`` of the channel.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    when: dict[str, Regex] = {}
    continues: bool = False
    actions: list[Action]


Dialplan = dict[str, list[Extension]]

GLOBALS = {
    "ppc_claim_s": "15",
    "ppc_ring_tone": "%(2000,4000,440,480)",
    "ppc_media_timeout_ms": "120000",
    "ppc_prompts_dir": "/usr/share/freeswitch/sounds/ppc",
    "ppc_backup_route": "",
    "hostname": "emulated",
}

_IS_OURS = {"${ppc_dialplan}": "^1$"}
_APOLOGY: list[Action] = [("playback", "$${ppc_prompts_dir}/apology.wav"), ("hangup", "NORMAL_TEMPORARY_FAILURE")]

CLAIM_DIALPLAN: Dialplan = {
    "ppc": [
        Extension(
            name="ppc_reclaim",
            when={"destination_number": "^ppc_reclaim$", **_IS_OURS},
            actions=[
                ("multiset", "ppc_reclaimed=true hangup_after_bridge=true"),
                ("sched_transfer", "+$${ppc_claim_s} ppc_fallback XML ppc"),
                ("park", ""),
            ],
        ),
        Extension(
            name="ppc_fallback_unanswered",
            when={"destination_number": "^ppc_fallback$", **_IS_OURS, "answered_time": "^0$"},
            actions=[
                ("set", 'sip_reason=Q.850;cause=41;text="engine_fallback"'),
                ("hangup", "NORMAL_TEMPORARY_FAILURE"),
            ],
        ),
        Extension(
            name="ppc_fallback_backup",
            when={
                "destination_number": "^ppc_fallback$",
                **_IS_OURS,
                "${ppc_reclaimed}": "^$",
                "${ppc_backup_route}": "^sofia/",
            },
            actions=[
                ("multiset", "hangup_after_bridge=true transfer_after_bridge= call_timeout=60"),
                ("bridge", "$${ppc_backup_route}"),
                *_APOLOGY,
            ],
        ),
        Extension(
            name="ppc_fallback_apology",
            when={"destination_number": "^ppc_fallback$", **_IS_OURS},
            actions=_APOLOGY,
        ),
        Extension(
            name="ppc_privacy",
            when={"privacy_hide_number": "^true$"},
            continues=True,
            actions=[("set", "effective_caller_id_number=anonymous")],
        ),
        Extension(
            name="ppc_claim",
            when={"${ppc_dialplan}": "^$", "destination_number": r"^(\+?[0-9]{3,15})(;.*)?$"},
            actions=[
                ("ring_ready", ""),
                (
                    "multiset",
                    "ppc_dialed_number=$1 ppc_dialplan=1 execute_on_pre_bridge=sched_cancel continue_on_fail=true"
                    " hangup_after_bridge=true ignore_early_media=true call_timeout=130"
                    " effective_caller_id_name=_undef_ transfer_ringback=$${ppc_ring_tone} playback_terminators=none"
                    " media_timeout=$${ppc_media_timeout_ms} outbound_redirect_fatal=true"
                    " sip_copy_custom_headers=false"
                    " export_vars=media_timeout,outbound_redirect_fatal,sip_copy_custom_headers"
                    " app_disable_expand_variables=true",
                ),
                ("sched_transfer", "+$${ppc_claim_s} ppc_fallback XML ppc"),
                ("park", ""),
            ],
        ),
        Extension(
            name="ppc_no_number",
            actions=[
                ("set", 'sip_reason=Q.850;cause=1;text="unknown_number"'),
                ("hangup", "UNALLOCATED_NUMBER"),
            ],
        ),
    ]
}

Lookup = Callable[[str], str]
_compiled = lru_cache(maxsize=256)(re.compile)


def actions_of(
    dialplan: Mapping[str, list[Extension]], context: str, field: Lookup, global_of: Lookup
) -> list[tuple[str, str]]:
    """The applications for a channel, with ``$1`` and ``$${global}`` filled in; [] when no extension takes it.

    ``field`` gives the value of a condition's field. ``$1`` comes from the condition that stands last.
    """
    found: list[tuple[str, str]] = []
    for extension in dialplan.get(context, ()):
        match = None
        for name, pattern in extension.when.items():
            match = _compiled(pattern).search(field(name))
            if match is None:
                break
        else:
            groups = match.groups() if match else ()
            found += [(app, _fill(data, groups, global_of)) for app, data in extension.actions]
            if not extension.continues:
                break
    return found


def _fill(data: str, groups: tuple[str | None, ...], global_of: Lookup) -> str:
    data = re.sub(r"\$\$\{([^}]*)\}", lambda found: global_of(found[1]), data)
    return re.sub(
        r"\$(\d)", lambda found: (groups[int(found[1]) - 1] or "") if int(found[1]) <= len(groups) else "", data
    )


def expand(text: str, variable: Lookup) -> str:
    """``${name}`` replaced by the channel's variable, "" when it has none. API calls in ``${...}`` are not emulated."""
    return re.sub(r"\$\{([^}]*)\}", lambda found: variable(found[1]), text) if "${" in text else text
