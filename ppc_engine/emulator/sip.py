"""The variables that SIP and RTP leave on a leg at each step, as recorded from mod_sofia of FreeSWITCH 1.11.1."""

from __future__ import annotations

from ppc_engine.emulator import causes
from ppc_engine.emulator.channel import Channel
from ppc_engine.emulator.draws import draw_between, draw_token

SWITCH_HOST = "127.0.0.1"
SWITCH_SIP_PORT = 5080
RTP_PORTS = (20_000, 32_767)

_NEGOTIATED = {
    "ep_codec_string": "CORE_PCM_MODULE.PCMU@8000h@20i@64000b",
    "remote_video_media_flow": "inactive",
    "remote_text_media_flow": "inactive",
    "remote_audio_media_flow": "sendrecv",
    "rtp_audio_recv_pt": "0",
    "rtp_use_codec_name": "PCMU",
    "rtp_use_codec_rate": "8000",
    "rtp_use_codec_ptime": "20",
    "rtp_use_codec_channels": "1",
    "rtp_last_audio_codec_string": "PCMU@8000h@20i@1c",
    "read_codec": "PCMU",
    "original_read_codec": "PCMU",
    "read_rate": "8000",
    "original_read_rate": "8000",
    "write_codec": "PCMU",
    "write_rate": "8000",
    "dtmf_type": "rfc2833",
}

_COUNTERS = """
    in_raw_bytes in_media_bytes in_packet_count in_media_packet_count in_jitter_packet_count in_dtmf_packet_count
    in_cng_packet_count in_flush_packet_count in_largest_jb_size in_flaw_total out_raw_bytes out_media_bytes
    out_packet_count out_media_packet_count out_skip_packet_count out_dtmf_packet_count out_cng_packet_count
    rtcp_packet_count rtcp_octet_count
"""
_MEASURES = """
    in_jitter_min_variance in_jitter_max_variance in_jitter_loss_rate in_jitter_burst_rate in_mean_interval
"""
_RTP_STATISTICS = {
    **{f"variable_rtp_audio_{name}": "0" for name in _COUNTERS.split()},
    **{f"variable_rtp_audio_{name}": "0.00" for name in _MEASURES.split()},
    "variable_rtp_audio_in_quality_percentage": "100.00",
    "variable_rtp_audio_in_mos": "4.50",
}


def _sdp(owner: str, port: int, extra: str = "") -> str:
    return (
        f"v=0\r\no={owner} IN IP4 {SWITCH_HOST}\r\ns=-\r\nc=IN IP4 {SWITCH_HOST}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        f"a=fmtp:101 0-15\r\n{extra}"
    )


def _rtp_port(*ids: object) -> int:
    return draw_between(*RTP_PORTS, "rtp", *ids) & ~1


def offered(
    channel: Channel, *, number: str, name: str, dialed: str, address: str, profile: str, headers: dict[str, str]
) -> dict[str, str]:
    """The variables of an inbound leg when its INVITE has been read."""
    ip, port = address.split(":")
    caller, tag = f"{number}@{address}", draw_token(12, "tag", channel.uuid)
    callee = f"{dialed}@{SWITCH_HOST}:{SWITCH_SIP_PORT}"
    said = {
        "direction": "inbound",
        "uuid": channel.uuid,
        "call_uuid": channel.uuid,
        "session_id": str(channel.number),
        "video_media_flow": "disabled",
        "text_media_flow": "disabled",
        "channel_name": channel.name,
        "sip_call_id": f"1-{channel.number}@{ip}",
        "sip_local_network_addr": SWITCH_HOST,
        "sip_network_ip": ip,
        "sip_network_port": port,
        "sip_invite_stamp": str(channel.created_at),
        "sip_received_ip": ip,
        "sip_received_port": port,
        "sip_via_protocol": "udp",
        "sip_via_host": ip,
        "sip_via_port": port,
        "sip_from_user_stripped": number.removeprefix("+"),
        "sip_from_tag": tag,
        "sip_from_display": name,
        "sofia_profile_name": profile,
        "sofia_profile_url": f"sip:mod_sofia@{SWITCH_HOST}:{SWITCH_SIP_PORT}",
        "recovery_profile_name": profile,
        "sip_full_via": f"SIP/2.0/UDP {address};branch=z9hG4bK-{channel.number}-1-0",
        "sip_full_from": f'"{name}" <sip:{caller}>;tag={tag}',
        "sip_full_to": f"<sip:{callee}>",
        "max_forwards": "70",
        "switch_r_sdp": _sdp("u 1 1", _rtp_port(channel.uuid, "caller")),
        **_NEGOTIATED,
        "rtp_use_codec_string": "PCMU",
        "audio_media_flow": "sendrecv",
        "remote_media_ip": ip,
        "remote_media_port": str(_rtp_port(channel.uuid, "caller")),
        "endpoint_disposition": "RECEIVED",
        **{f"sip_h_{header}": value for header, value in headers.items()},
    }
    for kind, (user, host, its_port) in {
        "from": (number, ip, port),
        "contact": (number, ip, port),
        "req": (dialed, SWITCH_HOST, str(SWITCH_SIP_PORT)),
        "to": (dialed, SWITCH_HOST, str(SWITCH_SIP_PORT)),
    }.items():
        said |= {f"sip_{kind}_user": user, f"sip_{kind}_port": its_port, f"sip_{kind}_host": host}
        said[f"sip_{kind}_uri"] = f"{user}@{host}:{its_port}"
    return said


def media_opened(channel: Channel) -> dict[str, str]:
    """The variables that our own answer (or 183) puts on an inbound leg."""
    port = _rtp_port(channel.uuid, "ours")
    return {
        "rtp_local_sdp_str": _sdp("FreeSWITCH 1 2", port, "a=ptime:20\r\na=sendrecv\r\n"),
        "local_media_ip": SWITCH_HOST,
        "local_media_port": str(port),
        "advertised_media_ip": SWITCH_HOST,
        "rtp_use_timer_name": "soft",
        "rtp_use_pt": "0",
        "rtp_use_ssrc": str(draw_between(1, 2**32 - 1, "ssrc", channel.uuid)),
        "rtp_2833_send_payload": "101",
        "rtp_2833_recv_payload": "101",
    }


def put_our_tag(channel: Channel) -> None:
    """The tag that our first response with one puts on the caller's dialogue."""
    channel.set("sip_to_tag", channel.get("sip_to_tag") or draw_token(13, "tag", channel.uuid, "ours"))


def acknowledged(channel: Channel) -> None:
    """The caller's ACK to our 200."""
    if channel.up:
        put_our_tag(channel)
        full_to = channel.get("sip_full_to").partition(";")[0]
        channel.update(
            {
                "sip_cseq": "1",
                "sip_full_via": channel.get("sip_full_via").removesuffix("-0") + "-6",
                "sip_full_to": f"{full_to};tag={channel.get('sip_to_tag')}",
            }
        )


def dialed(channel: Channel, caller: Channel, *, user: str, host: str, gateway: str, profile: str) -> dict[str, str]:
    """The variables of an outbound leg when its INVITE goes out."""
    port = _rtp_port(channel.uuid, "ours")
    return {
        "direction": "outbound",
        "is_outbound": "true",
        "uuid": channel.uuid,
        "session_id": str(channel.number),
        "sip_local_network_addr": SWITCH_HOST,
        "sip_profile_name": "gateway" if gateway else profile,
        **({"sip_gateway_name": gateway} if gateway else {}),
        "text_media_flow": "disabled",
        "channel_name": channel.name,
        "sip_destination_url": f"sip:{user}@{host}" if host else f"sip:{user}",
        "max_forwards": str(int(caller.get("max_forwards")) - 1),
        "originator_codec": "PCMU@8000h@20i",
        "originator": caller.uuid,
        "signal_bond": caller.uuid,
        "switch_m_sdp": caller.get("switch_r_sdp"),
        "call_uuid": caller.uuid,
        "originating_leg_uuid": caller.uuid,
        "originate_endpoint": "sofia",
        "rtp_use_codec_string": "PCMU@8000h@20i",
        "local_media_ip": SWITCH_HOST,
        "local_media_port": str(port),
        "advertised_media_ip": SWITCH_HOST,
        "audio_media_flow": "sendrecv",
        "video_media_flow": "inactive",
        "rtp_local_sdp_str": _sdp("FreeSWITCH 1 2", port, "a=rtpmap:13 CN/8000\r\na=ptime:20\r\na=sendrecv\r\n"),
        "sip_outgoing_contact_uri": f"<sip:mod_sofia@{SWITCH_HOST}:{SWITCH_SIP_PORT}>",
        "sip_req_uri": f"{user}@{host}" if host else user,
        "sip_to_host": host or SWITCH_HOST,
        "sip_from_host": SWITCH_HOST,
        "sofia_profile_name": profile,
        "recovery_profile_name": profile,
        "sofia_profile_url": f"sip:mod_sofia@{SWITCH_HOST}:{SWITCH_SIP_PORT}",
    }


def heard_from(channel: Channel) -> None:
    """The first answer of any kind from whom an outbound leg dialled; 100 and 180 look alike here."""
    user, _, host = channel.get("sip_req_uri").partition("@")
    ip, _, port = (host or f"{SWITCH_HOST}:5060").partition(":")
    name, number = channel.profile["Caller-ID-Name"], channel.profile["Caller-ID-Number"]
    tag, their_tag = draw_token(13, "tag", channel.uuid), draw_token(13, "their-tag", channel.uuid)
    via = f"SIP/2.0/UDP {SWITCH_HOST}:{SWITCH_SIP_PORT};rport;branch=z9hG4bK{draw_token(13, 'via', channel.uuid)}"
    channel.update(
        {
            "sip_reply_host": ip,
            "sip_reply_port": port,
            "sip_network_ip": ip,
            "sip_network_port": port,
            "sip_recover_contact": f"<sip:{ip}:{port};transport=UDP>",
            "sip_full_via": via,
            "sip_recover_via": via,
            "sip_from_display": name,
            "sip_full_from": f'"{name}" <sip:{number}@{SWITCH_HOST}>;tag={tag}',
            "sip_full_to": f"<sip:{user}@{ip}:{port}>;tag={their_tag}",
            "sip_from_user": number,
            "sip_from_uri": f"{number}@{SWITCH_HOST}",
            "sip_to_user": user,
            "sip_to_port": port,
            "sip_to_uri": f"{user}@{ip}:{port}",
            "sip_to_host": ip,
            "sip_contact_params": "transport=UDP",
            "sip_contact_user": "nobody",
            "sip_contact_port": port,
            "sip_contact_uri": f"nobody@{ip}:{port}",
            "sip_contact_host": ip,
            "sip_to_tag": their_tag,
            "sip_from_tag": tag,
            "sip_cseq": str(draw_between(10**8, 2**27, "cseq", channel.uuid)),
            "sip_call_id": call_id(channel),
        }
    )


def picked_up(channel: Channel) -> dict[str, str]:
    """The variables that a target's 200 puts on its leg."""
    port = _rtp_port(channel.uuid, "theirs")
    return {
        "switch_r_sdp": _sdp("u 1 1", port),
        **_NEGOTIATED,
        "rtp_use_timer_name": "soft",
        "rtp_use_pt": "0",
        "rtp_use_ssrc": str(draw_between(1, 2**32 - 1, "ssrc", channel.uuid)),
        "rtp_2833_send_payload": "101",
        "rtp_2833_recv_payload": "101",
        "remote_media_ip": channel.get("sip_network_ip"),
        "remote_media_port": str(port),
    }


def reason(channel: Channel) -> str:
    """The Reason header with which the switch itself ends a leg: the channel's sip_reason, else its cause.

    mod_sofia.c:499-513; seen on a real FreeSWITCH 1.11.1: an INVITE refused with 486 carried ``sip_reason`` as it was.
    """
    protocol = "Q.850" if causes.NUMBERS[channel.cause] <= causes.Q850_MAX else "SIP"
    return channel.get("sip_reason") or f'{protocol};cause={causes.NUMBERS[channel.cause]};text="{channel.cause}"'


def refused(channel: Channel, status: int, *, listening: bool) -> dict[str, str]:
    """The variables of a leg that was refused. Nobody listening looks like a 503 without an address."""
    host = channel.get("sip_req_uri").partition("@")[2] or f"{SWITCH_HOST}:5060"
    ip, _, port = host.partition(":")
    reply = (
        {"sip_reply_host": ip, "sip_reply_port": port, "sip_network_ip": ip, "sip_network_port": port}
        if listening
        else {"sip_reply_port": "0", "sip_network_port": "0"}
    )
    return {
        "sip_call_id": call_id(channel),
        **reply,
        "sip_hangup_disposition": "recv_refuse",
        "sip_invite_failure_status": str(status),
        "sip_invite_failure_phrase": causes.phrase(status),
        **terminated(status),
    }


def terminated(status: int) -> dict[str, str]:
    """The variables of a leg that SIP ended with this status (200 is a BYE)."""
    return {
        "sip_term_status": str(status),
        "proto_specific_hangup_cause": f"sip:{status}",
        "sip_term_cause": str(causes.NUMBERS[causes.of_status(status)]),
    }


def call_id(channel: Channel) -> str:
    token = draw_token(12, "call-id", channel.uuid).lower()
    return f"{token}-612c-1240-a686-{channel.uuid[-12:]}"


def media_statistics(channel: Channel) -> dict[str, str]:
    """RTP counters of a leg that had media; the emulator sends none, so only silence is counted."""
    frames = (channel.hung_up_at - channel.answered_at) // 20_000
    return {**_RTP_STATISTICS, "variable_rtp_audio_in_skip_packet_count": str(frames)}
