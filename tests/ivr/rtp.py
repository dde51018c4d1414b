"""The sound of a test telephone: it receives G.711 and sends keys as RFC 4733 events, optionally with packet loss."""

from __future__ import annotations

import math
import random
import socket
import struct
import threading
import time
from array import array
from collections.abc import Iterable

EVENT_TYPE = 101
RATE = 8000
KEYS = "0123456789*#ABCD"


class Sound:
    """An RTP endpoint on loopback. `received` has the arrival time, sequence number and payload of each packet."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.received: list[tuple[float, int, bytes]] = []
        self._peer: tuple[str, int] | None = None
        self._sequence = random.randrange(30_000)
        self._stamp = random.randrange(1 << 30)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                packet, peer = self._socket.recvfrom(2048)
            except OSError:
                return
            if len(packet) > 12 and packet[1] & 0x7F == 8:
                self._peer = peer
                self.received.append((time.monotonic(), struct.unpack_from("!H", packet, 2)[0], packet[12:]))

    def close(self) -> None:
        self._socket.close()

    def press(self, keys: str, *, copies: int = 1, lose: Iterable[int] = (), gap_s: float = 0.04) -> float:
        """Press keys. Each key is eight packets, and the last three mark its end. `lose` lists the packets of every
        key that are not sent. Each other packet is sent `copies` times. Returns the monotonic time of the last end."""
        assert self._peer is not None, "nothing has been heard from the gateway"
        for key in keys:
            self._stamp += 1600
            for n in range(8):
                self._sequence = (self._sequence + 1) & 0xFFFF
                end, marker = (0x80 if n >= 5 else 0), (0x80 if n == 0 else 0)
                duration = 160 * min(n + 1, 6)
                packet = struct.pack(
                    "!BBHIIBBH",
                    0x80,
                    marker | EVENT_TYPE,
                    self._sequence,
                    self._stamp,
                    7,
                    KEYS.index(key),
                    end | 10,
                    duration,
                )
                if n not in lose:
                    for _ in range(copies):
                        self._socket.sendto(packet, self._peer)
                time.sleep(0.01)
            time.sleep(gap_s)
        return time.monotonic() - gap_s

    def samples(self, since: float = 0.0) -> array[int]:
        """The samples received since that monotonic time."""
        heard = array("h")
        for at, _, payload in list(self.received):
            if at >= since:
                heard.extend(_A_LAW[byte] for byte in payload)
        return heard

    def first_sound(self, since: float) -> float | None:
        """When the first sound after that time arrived, not counting silence."""
        for at, _, payload in list(self.received):
            if at >= since and max(abs(_A_LAW[byte]) for byte in payload) > 500:
                return at
        return None


def _expanded(byte: int) -> int:
    """A-law to linear (ITU-T G.711)."""
    byte ^= 0x55
    exponent, mantissa = (byte >> 4) & 7, byte & 15
    value = (mantissa << 4) + 8
    if exponent:
        value = (value + 0x100) << (exponent - 1)
    return value if byte & 0x80 else -value


_A_LAW = [_expanded(byte) for byte in range(256)]


def tone(frequency: int, seconds: float) -> array[int]:
    """A marker tone."""
    return array("h", (int(9000 * math.sin(2 * math.pi * frequency * n / RATE)) for n in range(int(RATE * seconds))))


def strength(samples: array[int], frequency: int) -> float:
    """The share of the power at a frequency, from 0 to 1 (Goertzel)."""
    power = sum(each * each for each in samples)
    if not power:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * frequency / RATE)
    before, last = 0.0, 0.0
    for each in samples:
        before, last = last, each + turn * last - before
    found = last * last + before * before - turn * last * before
    return 2 * found / (len(samples) * power)


def loudness(samples: array[int], rate: int = RATE) -> list[float]:
    """The envelope in steps of 20 ms, without leading and trailing silence."""
    step = rate // 50
    steps = [
        math.sqrt(sum(each * each for each in samples[at : at + step]) / step)
        for at in range(0, len(samples) - step, step)
    ]
    loud = [n for n, each in enumerate(steps) if each > 200]
    return steps[loud[0] : loud[-1] + 1] if loud else []


def likeness(one: list[float], other: list[float]) -> float:
    """The best correlation of two envelopes, with one shifted by up to a fifth of a second."""
    return max((_correlation(one[max(0, n) :], other[max(0, -n) :]) for n in range(-10, 11)), default=0.0)


def _correlation(one: list[float], other: list[float]) -> float:
    length = min(len(one), len(other))
    if length < 20 or length < 0.8 * max(len(one), len(other)):
        return 0.0
    one, other = one[:length], other[:length]
    mean_one, mean_other = sum(one) / length, sum(other) / length
    together = sum((a - mean_one) * (b - mean_other) for a, b in zip(one, other, strict=True))
    spread = math.sqrt(sum((a - mean_one) ** 2 for a in one) * sum((b - mean_other) ** 2 for b in other))
    return together / spread if spread else 0.0
