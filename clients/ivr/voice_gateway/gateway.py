"""The gateway: listens for calls, answers as many as it has room for, and drives them all from one thread.

Implements specs/protocol.md section 7.9.
"""

from __future__ import annotations

import logging
import time

import pjsua2 as pj

from voice_gateway.call import Line
from voice_gateway.callers import caller_number, host
from voice_gateway.endpoint import Endpoint
from voice_gateway.operator import Operator, described
from voice_gateway.settings import Settings

log = logging.getLogger("voice_gateway")

GOODBYE_S = 2.0
# PJSIP as its wheel is built holds four calls a process; one place is kept, so that the next can be told 503.
MAX_CALLS = 3


class Gateway:
    """Answers calls until `stop`. Everything but `stop` belongs to the thread that made it."""

    def __init__(self, settings: Settings, operator: Operator) -> None:
        self._settings = settings
        self._operator = operator
        self._trunks = {each.strip() for each in settings.trunks.split(",")}
        self._lines: dict[int, Line] = {}
        self._over: list[Line] = []
        self._stopping = False
        self._endpoint = Endpoint(settings, MAX_CALLS + 1)
        self._door = _Door(self)
        self._door.create(self._endpoint.account("callback"))

    def run(self) -> None:
        """Serve until `stop` is called; then end the calls."""
        while not self._stopping:
            self._endpoint.poll()
            self._operator.deliver()
            self._tick(time.monotonic())
            # Not in the callback that told of the end: PJSIP is still using the object there.
            self._over.clear()
        self._say_goodbye()

    def _tick(self, now: float) -> None:
        # Apart, so that no name holds a call when the library goes.
        for line in list(self._lines.values()):
            line.tick(now)

    def _say_goodbye(self) -> None:
        self._endpoint.hang_up()
        until = time.monotonic() + GOODBYE_S
        while self._lines and time.monotonic() < until:
            self._endpoint.poll()
        # Nothing may hold a call any more when the library goes.
        self._operator.stop()
        self._lines.clear()
        self._over.clear()
        self._door.shutdown()
        self._endpoint.close()

    def stop(self) -> None:
        self._stopping = True

    def ring(self, call_id: int, message: str, source: str) -> None:
        """Somebody rings: answered when it is a trunk of the bank's and there is room."""
        number = caller_number(message, self._settings.country_code)
        line = Line(self._door, call_id, number, self._operator, self._settings, self._endpoint.retire, self._forget)
        self._lines[call_id] = line
        if host(source) not in self._trunks:
            log.warning("a call from elsewhere than the trunks was refused")
            line.refuse(pj.PJSIP_SC_FORBIDDEN)
        elif len(self._lines) > MAX_CALLS:
            log.warning("more than %d calls", MAX_CALLS)
            line.refuse(pj.PJSIP_SC_SERVICE_UNAVAILABLE)
        else:
            line.accept()

    def _forget(self, line: Line) -> None:
        self._over.append(line)
        self._lines = {call_id: each for call_id, each in self._lines.items() if each is not line}


class _Door(pj.Account):  # type: ignore[misc]
    """Where PJSIP announces calls."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        try:
            self._gateway.ring(prm.callId, prm.rdata.wholeMsg, prm.rdata.srcAddress)
        except Exception as error:
            # One call that cannot be taken must not end the others.
            log.error("a call could not be taken: %s", described(error))
