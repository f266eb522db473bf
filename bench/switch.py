"""The one real switch of a run: the shipped configuration, and one extension that bridges without any controller."""

from __future__ import annotations

import socket
from pathlib import Path

from private_switch import PrivateSwitch
from processes import LiveError

DIALPLAN_NUMBER = "18005550001"  # Bridged by FreeSWITCH's own dialplan; every other number is claimed as shipped.
RTP_PORTS = 2_400  # 600 calls of two legs with two ports each.
RTP_FIRST, RTP_LAST = 20_000, 31_999  # Above those of tests/live, below the kernel's own choice for clients.
CLAIM_S = 15

# What the claim sets too, and what the engine says for each target, but nothing that only a controller needs.
DIALPLAN = """
    <extension name="bench_dialplan">
      <condition field="destination_number" expression="^{number}$">
        <action application="ring_ready"/>
        <action application="multiset" data="continue_on_fail=true hangup_after_bridge=true ignore_early_media=true \
call_timeout=130 effective_caller_id_name=_undef_ transfer_ringback=$${{ppc_ring_tone}} playback_terminators=none \
media_timeout=$${{ppc_media_timeout_ms}} outbound_redirect_fatal=true sip_copy_custom_headers=false \
export_vars=media_timeout,outbound_redirect_fatal,sip_copy_custom_headers"/>
        <action application="bridge" data="[leg_timeout=25,leg_progress_timeout=8,\
execute_on_answer=sched_hangup +3600 allotted_timeout]sofia/trunks/buyer@127.0.0.1:{target_port}"/>
      </condition>
    </extension>
"""


class BenchSwitch(PrivateSwitch):
    """A private switch as scripts/live starts it, with room for a load and the bench's extension."""

    def __init__(self, directory: Path, target_port: int) -> None:
        self._target_port = target_port
        super().__init__(directory, CLAIM_S)

    @property
    def pid(self) -> int:
        return self._child.pid

    def _configure(self, claim_s: int) -> None:
        super()._configure(claim_s)
        conf = self._directory / "conf"
        first = _free_rtp_ports()
        _add(
            conf / "ppc_site" / "vars.xml",
            "<include>",
            f'\n<X-PRE-PROCESS cmd="set" data="ppc_rtp_port_first={first}"/>'
            f'\n<X-PRE-PROCESS cmd="set" data="ppc_rtp_port_last={first + RTP_PORTS - 1}"/>',
            last=True,
        )
        extension = DIALPLAN.format(number=DIALPLAN_NUMBER, target_port=self._target_port)
        _add(conf / "dialplan" / "ppc.xml", '<context name="ppc">', extension)


def _free_rtp_ports() -> int:
    for first in range(RTP_FIRST, RTP_LAST - RTP_PORTS + 2, RTP_PORTS):
        if all(map(_is_free, range(first, first + RTP_PORTS))):
            return first
    raise LiveError(f"no {RTP_PORTS} consecutive free UDP ports between {RTP_FIRST} and {RTP_LAST}")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _add(path: Path, after: str, text: str, *, last: bool = False) -> None:
    """Put text after a line of a configuration file, or before the end of it."""
    whole = path.read_text()
    mark = "</include>" if last else after
    if whole.count(mark) != 1:
        raise RuntimeError(f"{path}: {mark} is not there once")
    path.write_text(whole.replace(mark, f"{text}\n{mark}" if last else f"{mark}\n{text}"))
