"""Sends the leg events of one telephone exchange, and tells the service that the exchange is alive.

Implements specs/pbx.md section 6.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections import Counter
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, TypeVar

from callback_verification import legs
from callback_verification.client import Client
from callback_verification.errors import Problem
from callback_verification.pbx.reading import Reading
from callback_verification.requests import Request
from callback_verification.sending import Timeouts
from callback_verification.shapes import LegTaken

MAX_WAITING: Final = 10_000
# If such an event were lost, the code would stay hidden, or the call would stay live. So retry for an hour.
LASTING: Final = Timeouts(try_s=5.0, connect_s=2.0, total_s=3600.0, tries=1000)
# Ringing is over soon, so a failure to report it must not hold up the events after it.
RINGING: Final = Timeouts(try_s=2.0, connect_s=1.0, total_s=5.0, tries=3)
_ALIVE = Timeouts(try_s=5.0, connect_s=2.0, total_s=5.0, tries=1)
# The pause, in seconds, until the service has said how often it wants to hear, and after each failure.
_FIRST_PAUSE_S = 5.0
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 1200.0

Answer = TypeVar("Answer")
log = logging.getLogger("callback_verification.pbx")


class Reporter:
    """Sends requests about legs in their order, and says in between that the exchange is alive.

    Use it in a `with` block, and leave the block when the connection to the exchange is lost. At the end of the block,
    the remaining leg events are sent, but no more signs of life.

    A thread of its own sends everything. While it cannot deliver a leg event, it sends no sign of life either: the
    service does not know what happened at the exchange, and must say that it cannot check.

    `quiet_s` is for an exchange that regularly sends something: if nothing was heard for so many seconds, the exchange
    counts as lost, and the signs of life stop until something is heard again. `timeouts` are those of leg events other
    than `ringing`.

    `counts` has the number of each result: `matched`, `unmatched` and `ambiguous` legs, `alive`, `refused` and `lost`.
    """

    def __init__(self, client: Client, *, quiet_s: float = math.inf, timeouts: Timeouts = LASTING) -> None:
        self._client = client
        self._quiet_s = quiet_s
        self._timeouts = timeouts
        self._heard_at = time.monotonic()
        self._pause_s = _FIRST_PAUSE_S
        self._waiting: queue.Queue[tuple[Request[Any], Timeouts, Future[Any]] | None] = queue.Queue(MAX_WAITING)
        self._lost = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self.counts: Counter[str] = Counter()

    def report(self, reading: Reading) -> list[Future[LegTaken]]:
        """Send the leg events of a reading. The exchange counts as heard, even if there are none."""
        self.heard()
        return [self.send(legs.by_number(leg), RINGING if leg.event == "ringing" else None) for leg in reading.legs]

    def heard(self) -> None:
        """Note that the exchange has sent something, such as an answer to a ping."""
        self._heard_at = time.monotonic()

    def send(self, request: Request[Answer], timeouts: Timeouts | None = None) -> Future[Answer]:
        """Send a request after those before it. Blocks while MAX_WAITING requests wait.

        Raises RuntimeError after the end of the block.
        """
        if self._lost:
            raise RuntimeError("the exchange was lost, so nothing more is sent")
        future: Future[Answer] = Future()
        self._waiting.put((request, timeouts or self._timeouts, future))
        return future

    def __enter__(self) -> Reporter:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lost = True
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            # A leg event that waits would be later than this sign of life, and is one itself.
            if time.monotonic() >= due and not self._lost and self._waiting.empty():
                due = time.monotonic() + self._say_alive()
            try:
                waiting = self._waiting.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                continue
            if waiting is None:
                return
            self._deliver(*waiting)

    def _say_alive(self) -> float:
        """Say that the exchange is alive, unless it is quiet. Return the pause until the next time, in seconds."""
        if time.monotonic() - self._heard_at > self._quiet_s:
            return _SHORTEST_PAUSE_S
        try:
            silence_s = self._client.send(legs.alive(), timeouts=_ALIVE).silence_seconds
        except Exception as error:
            self._failed("a sign of life", error)
            return min(self._pause_s, _FIRST_PAUSE_S)
        self.counts["alive"] += 1
        self._pause_s = min(max(silence_s / 3, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)
        return self._pause_s

    def _deliver(self, request: Request[Any], timeouts: Timeouts, future: Future[Any]) -> None:
        try:
            answer = self._client.send(request, timeouts=timeouts)
        except Exception as error:
            self._failed("a request", error)
            future.set_exception(error)
            return
        if isinstance(answer, LegTaken):
            self.counts[answer.result] += 1
        future.set_result(answer)

    def _failed(self, what: str, error: Exception) -> None:
        result = "refused" if isinstance(error, Problem) else "lost"
        self.counts[result] += 1
        # Log only the 1st, 2nd, 4th, 8th failure and so on, so that an outage does not flood the log.
        if self.counts[result].bit_count() == 1:
            log.warning("%s was %s, %d so far: %s", what, result, self.counts[result], error)
