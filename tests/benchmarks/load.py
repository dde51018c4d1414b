"""The load: each keep-alive connection sends its next request as soon as it has the last answer.

The load runs on one core and must not limit the result. So requests are bytes made in advance, responses are parsed by
hand, and their contents are checked only after the measurement.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_LENGTH = b"\r\ncontent-length: "
_END = b"\r\n\r\n"


class Failed(Exception):
    """The run is invalid. The text says why."""


class Request(NamedTuple):
    """The bytes to send, and the number of their application."""

    about: int
    octets: bytes


class Answer(NamedTuple):
    """The body of an answer, and the number of its application."""

    about: int
    body: bytes


class Slice(NamedTuple):
    """The results of one stretch of load. `client_cpu_s` is the processor time of the load itself."""

    seconds: float
    latencies_s: list[float]
    answers: list[Answer]
    client_cpu_s: float

    @property
    def rps(self) -> float:
        return len(self.answers) / self.seconds


async def send(
    port: int,
    requests: Iterator[Request],
    *,
    status: int,
    connections: int,
    seconds: float | None = None,
    hold: Callable[[bool], None] | None = None,
) -> Slice:
    """Send requests until they run out or the time is over, and wait for the outstanding answers.

    With `hold`, the connections send together: when all have their answers, `hold(True)` stops the server, each
    connection sends its next request, and `hold(False)` lets the server go on.

    Raises Failed if an answer has another status than `status`, or if a connection breaks.
    """
    load = _Load(requests, status, connections, hold)
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port) for _ in range(connections)]
    cpu, started = time.process_time(), time.perf_counter()
    load.deadline = started + seconds if seconds is not None else float("inf")
    for _, connection in opened:
        load.turn(connection)
    try:
        await load.done
    finally:
        for transport, _ in opened:
            transport.close()
    return Slice(time.perf_counter() - started, load.latencies_s, load.answers, time.process_time() - cpu)


class _Load:
    """The shared state of the connections."""

    def __init__(
        self, requests: Iterator[Request], status: int, connections: int, hold: Callable[[bool], None] | None
    ) -> None:
        self.requests = requests
        self.status_line = b"HTTP/1.1 %d " % status
        self.deadline = 0.0
        self.latencies_s: list[float] = []
        self.answers: list[Answer] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking = connections
        self._hold = hold
        self._ready: list[_Connection] = []

    def turn(self, connection: _Connection) -> None:
        """Let a connection send its next request, at once or together with the others."""
        if self._hold is None:
            connection.ask()
            return
        self._ready.append(connection)
        if len(self._ready) == self._asking:
            ready, self._ready = self._ready, []
            self._hold(True)
            for each in ready:
                each.ask()
            self._hold(False)

    def leave(self) -> None:
        """Count a connection as finished."""
        self._asking -= 1
        if self._asking == 0 and not self.done.done():
            self.done.set_result(None)

    def fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(Failed(reason))


class _Connection(asyncio.Protocol):
    """One connection, with at most one pending request."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._transport: Any = None
        self._held = b""
        self._about = 0
        self._sent = 0.0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self) -> None:
        """Send the next request, or finish if there is none."""
        request = next(self._load.requests, None) if time.perf_counter() < self._load.deadline else None
        self._waiting = request is not None
        if request is None:
            self._load.leave()
            return
        self._about = request.about
        self._sent = time.perf_counter()
        self._transport.write(request.octets)

    def data_received(self, data: bytes) -> None:
        if self._held:
            data = self._held + data
        start = data.find(_END) + len(_END)
        if start < len(_END) or len(data) < start + _length(data, start):
            self._held = data
            return
        self._held = b""
        load = self._load
        load.latencies_s.append(time.perf_counter() - self._sent)
        if not data.startswith(load.status_line):
            load.fail(f"wanted {load.status_line.decode()}and got: {data[:2000].decode(errors='replace')}")
            return
        load.answers.append(Answer(self._about, data[start:]))
        load.turn(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._load.fail(f"the server closed a connection that waited for an answer ({exc})")


def _length(data: bytes, head: int) -> int:
    headers = data[:head].lower()
    at = headers.find(_LENGTH)
    if at < 0:
        raise Failed(f"an answer without a Content-Length: {data[:500]!r}")
    return int(headers[at + len(_LENGTH) : headers.index(b"\r\n", at + 2)])
