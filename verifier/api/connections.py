"""Who may stay connected: how many at once, and how long each may take. Implements specs/protocol.md section 12.2.

aiohttp has no bound on a body that trickles in, on an answer that nobody takes, or on the number of connections, so
each connection has a small protocol of asyncio in front of aiohttp's; specs/decisions/0021 says why there.
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

Stage = Literal["headers", "body", "answer", "untaken", "idle"]
Reason = Literal["headers", "body", "untaken", "idle", "full"]

SWEEP_S = 0.25
SEND_BUFFER = 65_536
# Of all connections together: what the process holds of answers that their clients have not taken.
MOST_UNTAKEN = 67_108_864


# A client that is silent for this long is asked, each so often, whether it is there; seconds.
PROBE_AFTER_S, PROBE_EVERY_S = 2, 1


class Bounds(Struct, frozen=True):
    """How many connections may be open at once, and how many seconds one may stay in each stage.

    headers: from connecting, or from the first byte of a later request, to complete headers. body: from there to
    the complete body. untaken: while the client leaves some of its answer untaken. idle: between two requests.
    The stage between a complete request and its answer is the service's own, event streams with it, and has none.
    """

    most: int
    headers: float
    body: float
    untaken: float
    idle: float


class Connection(asyncio.Protocol):
    """One connection: passes everything on to aiohttp's protocol, and knows from it which stage it is in."""

    def __init__(self, connections: Connections, http: asyncio.Protocol) -> None:
        self._connections = connections
        self._http = http
        self._stage: Stage = "headers"
        self._untaken = False
        self._handing = False
        self._admitted = False
        self.transport: asyncio.Transport | None = None
        self.at: Stage | None = None
        """Where `Connections` has it; nowhere before it is admitted and once it is cut or closed."""
        self.held = 0
        """How many bytes of its answer the process held when the client stopped taking them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        # Else the kernel takes in megabytes of answers for a client that takes none, and has us make them.
        with suppress(OSError):  # some systems refuse it for a client that has gone again
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        # With this mark writing is paused exactly while there are bytes that the client has not taken.
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
        self._untaken = True
        self._http.pause_writing()
        self._place()
        if self.transport is not None:
            self._connections.hold(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._untaken = False
        self._connections.hold(self, 0)
        self._http.resume_writing()
        self._place()

    def hand_over(self) -> None:
        """An answer is handed over in pieces now. The client's time is for all of them, not for each."""
        self._handing = True

    def handed_over(self) -> None:
        """The last piece has been handed over, or the client is gone."""
        self._handing = False
        self._place()

    def asked(self, request: web.Request) -> None:
        """The headers of a request are complete."""
        if request.content.is_eof():
            self._enter("answer")
        else:
            self._enter("body")
            request.content.on_eof(self._received)

    def answered(self) -> None:
        """The handler is done; what is still to be written keeps the connection untaken until it is."""
        self._enter("idle")

    def _received(self) -> None:
        if self._stage == "body":
            self._enter("answer")

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._place()

    def _place(self) -> None:
        """Go where it belongs. What has begun to be untaken stays so, since then, until all of it is taken."""
        if not self._untaken and not (self._handing and self.at == "untaken"):
            self._connections.global_index(self, self._stage)
        elif self.at != "untaken":
            self._connections.global_index(self, "untaken")


class Connections:
    """The open connections of one listener by stage, in each those first that entered it first."""

    def __init__(self, listener: str, bounds: Bounds) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._most = bounds.most
        self._held = 0
        self._seconds: dict[Stage, float] = {
            "headers": bounds.headers,
            "body": bounds.body,
            "untaken": bounds.untaken,
            "idle": bounds.idle,
        }
        self._stages: dict[Stage, OrderedDict[Connection, float]] = {
            stage: OrderedDict() for stage in (*self._seconds, "answer")
        }
        for stage, entered in self._stages.items():
            CONNECTIONS.labels(listener, stage).set_function(partial(len, entered))
        for reason in (*self._seconds, "full"):
            CONNECTIONS_CUT.labels(listener, reason)  # shown from the start, so that the first is seen as a change

    def admit(self, connection: Connection) -> bool:
        """Whether it may stay. When there are too many, the oldest without a complete request makes room for it."""
        if sum(map(len, self._stages.values())) >= self._most:
            spare = self._spare()
            if spare is None:
                self._count("full")
                return False
            self._cut(spare, "full")
        connection.at = "headers"
        self._stages["headers"][connection] = self._loop.time()
        return True

    def global_index(self, connection: Connection, stage: Stage) -> None:
        """It has entered that stage now. One that has been cut stays out."""
        if connection.at is not None:
            del self._stages[connection.at][connection]
            connection.at = stage
            self._stages[stage][connection] = self._loop.time()

    def hold(self, connection: Connection, octets: int) -> None:
        """So much of its answer is held for it. When that is too much for all together, the longest untaken are cut."""
        if connection.at is None:
            return
        self._held += octets - connection.held
        connection.held = octets
        while self._held > MOST_UNTAKEN and (first := self._first("untaken")):
            self._cut(first[1], "untaken")

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._held -= connection.held
        connection.held = 0
        if connection.at is not None:
            del self._stages[connection.at][connection]
            connection.at = None

    async def watch(self) -> None:
        """Cut whoever takes too long, for as long as the listener is open."""
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
        """Who owes a request longest; if nobody does, who has left an answer untaken longest."""
        owing = [first for stage in ("headers", "body", "idle") if (first := self._first(stage))]
        chosen = min(owing, key=lambda first: first[0]) if owing else self._first("untaken")
        return chosen[1] if chosen else None

    def _cut(self, connection: Connection, reason: Reason) -> None:
        self.forget(connection)
        self._count(reason)
        # Closing in order would wait for a client that takes nothing.
        if connection.transport is not None:
            connection.transport.abort()

    def _count(self, reason: Reason) -> None:
        CONNECTIONS_CUT.labels(self._listener, reason).inc()


def notice_vanishing(transport: asyncio.BaseTransport | None, seconds: int) -> None:
    """Have the kernel ask a client that it hears nothing of whether it is there, and give it up after so long.

    What has been sent and is not acknowledged is bounded apart, by TCP_USER_TIMEOUT.
    """
    found = None if transport is None else transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    probes = max(1, (seconds - PROBE_AFTER_S) // PROBE_EVERY_S)
    with suppress(OSError, AttributeError):  # not every system has all of them
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_S)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_EVERY_S)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)
