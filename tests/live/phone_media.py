"""The media of a caller's telephone: what it hears, and the digits that it keys as RFC 4733 events.

SIPp does the signalling and only names this port in its SDP. The port answers whoever sends to it first, so it needs
no word from SIPp; a switch that has answered plays a prompt at once.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Sequence

from free_ports import free_ports

PACKET_S = 0.02
SAMPLES = 160
SILENCE = b"\xff" * SAMPLES
MULAW, EVENT = 0, 101  # Payload types of our SDP.
LOUD_BELOW = 0x70  # Mu-law magnitude bits are inverted: quiet samples are 0x70 and more without their sign.
LOUD_SAMPLES = 8  # That many loud samples make a packet heard.
DIGIT_PACKETS, END_PACKETS, GAP_S = 5, 3, 0.12
KEYS = "0123456789*#ABCD"


class PhoneMedia:
    """One telephone. ``digits`` are (seconds after the first packet heard, text) pairs."""

    def __init__(self, digits: Sequence[tuple[float, str]] = ()) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = free_ports(2)
        self._socket.bind(("127.0.0.1", self.port))
        self._socket.settimeout(PACKET_S)
        self._digits = sorted(digits)
        self._heard: list[tuple[float, bool]] = []
        self._sequence, self._timestamp = random.randrange(1 << 16), random.randrange(1 << 31)
        self._keyed_now = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phone", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def key(self, text: str) -> None:
        """Key these digits as soon as the next packet is due."""
        self._keyed_now = text

    def longest_silence_s(self) -> float:
        """The longest time between two packets with sound in them, from the first packet to the last with sound."""
        loud = [at for at, is_loud in self._heard if is_loud]
        starts = [self._heard[0][0], *loud] if self._heard else []
        return max((after - before for before, after in zip(starts, loud, strict=False)), default=0.0)

    def sound_s(self) -> float:
        """How much of what came was sound."""
        return sum(PACKET_S for _, is_loud in self._heard if is_loud)

    def _run(self) -> None:
        peer, first_at, next_send = None, 0.0, 0.0
        while not self._stopping.is_set():
            try:
                packet, peer = self._socket.recvfrom(2048)
            except (TimeoutError, ConnectionError):
                packet = b""
            now = time.monotonic()
            first_at = first_at or now
            if len(packet) > 12 and packet[1] & 0x7F == MULAW:
                loud = sum(1 for sample in packet[12:] if sample & 0x7F < LOUD_BELOW) >= LOUD_SAMPLES
                self._heard.append((now, loud))
            if peer is None:
                first_at = 0.0
            elif now >= next_send:
                next_send = max(next_send + PACKET_S, now)
                if self._digits and now - first_at >= self._digits[0][0]:
                    self._keyed_now += self._digits.pop(0)[1]
                if self._keyed_now:
                    text, self._keyed_now = self._keyed_now, ""
                    self._send_digits(text, peer)
                    next_send = time.monotonic()
                self._send(peer, MULAW, SILENCE)
                self._timestamp += SAMPLES

    def _send_digits(self, text: str, peer: tuple[str, int]) -> None:
        for digit in text:
            for count in range(1, DIGIT_PACKETS + END_PACKETS + 1):
                ended = 0x80 if count > DIGIT_PACKETS else 0
                duration = min(count, DIGIT_PACKETS) * SAMPLES
                self._send(peer, EVENT, struct.pack("!BBH", KEYS.index(digit), ended | 10, duration), count == 1)
                time.sleep(PACKET_S)
            self._timestamp += (DIGIT_PACKETS + END_PACKETS) * SAMPLES
            time.sleep(GAP_S)
            self._timestamp += int(GAP_S * 8_000)

    def _send(self, peer: tuple[str, int], kind: int, payload: bytes, marker: bool = False) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        header = struct.pack(
            "!BBHII", 0x80, kind | (0x80 if marker else 0), self._sequence, self._timestamp & 0xFFFFFFFF, self.port
        )
        try:
            self._socket.sendto(header + payload, peer)
        except OSError:
            return  # The switch closed its port: the call is over.
