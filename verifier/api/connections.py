"""Limits on connections: their number, and a timeout for each stage. Implements specs/protocol.md section 12.2.

aiohttp has no limits on slow bodies, on slow clients, or on the number of connections. So `Connection`, a small asyncio
protocol, is in front of aiohttp's protocol. specs/decisions/0021 explains the decision.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from typing import Literal, cast

from aiohttp import web
from msgspec import Struct

from verifier.api.metrics import CONNECTIONS, CONNECTIONS_CUT

Stage = Literal["headers", "body", "answer", "slow_client", "idle"]
Reason = Literal["headers", "body", "slow_client", "idle", "full"]

SWEEP_S = 0.25
SEND_BUFFER = 65_536
# The limit on the unsent bytes of all connections together.
MOST_UNSENT = 67_108_864
# TCP keepalive, in seconds. PROBE_AFTER_S is the silence before the first probe. PROBE_EVERY_S is the pause between two
# probes.
PROBE_AFTER_S, PROBE_EVERY_S = 2, 1


class Bounds(Struct, frozen=True):
    """The maximum number of connections, and a timeout in seconds for each stage.

    - `headers`: until the headers of a request are complete. The time starts when the client connects. For each later
      request, it starts with the first byte of the request.
    - `body`: until the body is complete. The time starts when the headers are complete.
    - `slow_client`: until the client has read its whole answer. The time starts when some bytes cannot be sent at once.
    - `idle`: until the client sends its next request. The time starts when the answer is sent.

    There is no timeout while the service works on an answer. So an event stream may stay open for any length of time.
    """

    most: int
    headers: float
    body: float
    slow_client: float
    idle: float


class Connection(asyncio.Protocol):
    """The protocol of one connection.

    It tracks the connection's stage, and passes all data on to aiohttp's protocol.
    """

    def __init__(self, connections: Connections, http: asyncio.Protocol) -> None:
        self._connections = connections
        self._http = http
        self._stage: Stage = "headers"
        self._slow_client = False
        self._handing = False
        self._admitted = False
        self.transport: asyncio.Transport | None = None
        self.at: Stage | None = None
        """The stage under which `Connections` lists this connection. None if the connection is not open."""
        self.held = 0
        """The number of unsent bytes, as counted when the client stopped reading. 0 while the client reads."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        # Limit the send buffer of the kernel. Otherwise, the kernel buffers megabytes for a client that reads nothing.
        with suppress(OSError):  # some systems raise OSError if the client has already gone
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        # With the limit 0, asyncio pauses writing whenever there are unsent bytes.
        self.transport.set_write_buffer_limits(high=0)
        self._admitted = self._connections.admit(self)
        if self._admitted:
            self._http.connection_made(transport)
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._admitted:
            self._connections.forget(self)
            self._http.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._stage == "idle":
            self._enter("headers")
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def pause_writing(self) -> None:
        self._slow_client = True
        self._http.pause_writing()
        self._move()
        if self.transport is not None:
            self._connections.hold(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._slow_client = False
        self._connections.hold(self, 0)
        self._http.resume_writing()
        self._move()

    def hand_over(self) -> None:
        """Note that an answer is now sent in pieces. One timeout covers all the pieces together."""
        self._handing = True

    def handed_over(self) -> None:
        """Note that the answer in pieces has ended: the last piece was sent, or the client is gone."""
        self._handing = False
        self._move()

    def asked(self, request: web.Request) -> None:
        """Note that the headers of a request are complete."""
        if request.content.is_eof():
            self._enter("answer")
        else:
            self._enter("body")
            request.content.on_eof(self._received)

    def answered(self) -> None:
        """Note that the handler of the request is done. If bytes are still unsent, the client counts as slow."""
        self._enter("idle")

    def _received(self) -> None:
        if self._stage == "body":
            self._enter("answer")

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._move()

    def _move(self) -> None:
        """Report the current stage to `Connections`.

        While there are unsent bytes, the stage is `slow_client`. During an answer in pieces, a slow client stays in
        this stage until the last piece, so that its timeout is not restarted.
        """
        if not self._slow_client and not (self._handing and self.at == "slow_client"):
            self._connections.enter(self, self._stage)
        elif self.at != "slow_client":
            self._connections.enter(self, "slow_client")


class Connections:
    """The open connections of one listener, grouped by stage.

    Within a stage, the connection that entered the stage first comes first.
    """

    def __init__(self, listener: str, bounds: Bounds) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._most = bounds.most
        self._held = 0
        self._seconds: dict[Stage, float] = {
            "headers": bounds.headers,
            "body": bounds.body,
            "slow_client": bounds.slow_client,
            "idle": bounds.idle,
        }
        self._stages: dict[Stage, OrderedDict[Connection, float]] = {
            stage: OrderedDict() for stage in (*self._seconds, "answer")
        }
        for stage, entered in self._stages.items():
            CONNECTIONS.labels(listener, stage).set_function(partial(len, entered))
        for reason in (*self._seconds, "full"):
            # Create each counter with the value 0. Otherwise, monitoring does not see the first increase.
            CONNECTIONS_CUT.labels(listener, reason)

    def admit(self, connection: Connection) -> bool:
        """Admit a connection. Returns whether it was admitted.

        At the limit, the connection that `_spare` chooses is closed to make room. If `_spare` chooses none, the new
        connection is refused.
        """
        if sum(map(len, self._stages.values())) >= self._most:
            spare = self._spare()
            if spare is None:
                self._count("full")
                return False
            self._cut(spare, "full")
        connection.at = "headers"
        self._stages["headers"][connection] = self._loop.time()
        return True

    def enter(self, connection: Connection, stage: Stage) -> None:
        """Move a connection to a stage, and restart its timeout. Does nothing for a closed connection."""
        if connection.at is not None:
            del self._stages[connection.at][connection]
            connection.at = stage
            self._stages[stage][connection] = self._loop.time()

    def hold(self, connection: Connection, unsent: int) -> None:
        """Record the number of unsent bytes of a connection.

        While all connections together have more than `MOST_UNSENT`, disconnect the client that has been slow for
        longest.
        """
        if connection.at is None:
            return
        self._held += unsent - connection.held
        connection.held = unsent
        while self._held > MOST_UNSENT and (first := self._first("slow_client")):
            self._cut(first[1], "slow_client")

    def forget(self, connection: Connection) -> None:
        """Stop counting a connection, because it is closed."""
        self._held -= connection.held
        connection.held = 0
        if connection.at is not None:
            del self._stages[connection.at][connection]
            connection.at = None

    async def watch(self) -> None:
        """Close each connection whose timeout has passed. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = self._loop.time()
            for stage, seconds in self._seconds.items():
                while (first := self._first(stage)) and first[0] + seconds <= now:
                    self._cut(first[1], cast(Reason, stage))

    def _first(self, stage: Stage) -> tuple[float, Connection] | None:
        for connection, since in self._stages[stage].items():
            return since, connection
        return None

    def _spare(self) -> Connection | None:
        """Choose the connection to close if there are too many.

        It is the connection that has waited longest without a complete request. If all connections have a complete
        request, it is the connection of the client that has been slow for longest. None if no client is slow.
        """
        unfinished = [first for stage in ("headers", "body", "idle") if (first := self._first(stage))]
        chosen = min(unfinished, key=lambda first: first[0]) if unfinished else self._first("slow_client")
        return chosen[1] if chosen else None

    def _cut(self, connection: Connection, reason: Reason) -> None:
        self.forget(connection)
        self._count(reason)
        # Do not close gracefully, because that would wait until the client has read everything.
        if connection.transport is not None:
            connection.transport.abort()

    def _count(self, reason: Reason) -> None:
        CONNECTIONS_CUT.labels(self._listener, reason).inc()


def notice_vanishing(transport: asyncio.BaseTransport | None, seconds: int) -> None:
    """Make the kernel probe a silent client. After `seconds` without a response, the kernel closes the connection."""
    found = None if transport is None else transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    probes = max(1, (seconds - PROBE_AFTER_S) // PROBE_EVERY_S)
    with suppress(OSError, AttributeError):  # some systems do not have all of these options
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_S)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_EVERY_S)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)
