"""The gateway: answers up to MAX_CALLS calls at a time, and runs all of them in one thread.

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

HANG_UP_S = 2.0
# The Python wheel of PJSIP allows 4 calls in each process. The gateway serves 3, and keeps the fourth slot free to
# reject a further call with 503.
MAX_CALLS = 3


class Gateway:
    """Answers calls until `stop` is called.

    Any thread may call `stop`. Only the thread that created the gateway may call its other methods.
    """

    def __init__(self, settings: Settings, operator: Operator) -> None:
        self._settings = settings
        self._operator = operator
        self._trunks = {each.strip() for each in settings.trunks.split(",")}
        self._lines: dict[int, Line] = {}
        self._over: list[Line] = []
        self._stopping = False
        self._endpoint = Endpoint(settings, MAX_CALLS + 1)
        self._account = _Account(self)
        self._account.create(self._endpoint.account("callback"))

    def run(self) -> None:
        """Serve until `stop` is called, then end all calls."""
        while not self._stopping:
            self._endpoint.poll()
            self._operator.deliver()
            self._tick(time.monotonic())
            # PJSIP still uses a call while it reports the end of the call. So release ended calls here, not earlier.
            self._over.clear()
        self._shut_down()

    def _tick(self, now: float) -> None:
        # Keep this a separate function: its variable `line` must not refer to a call any more when the library closes.
        for line in list(self._lines.values()):
            line.tick(now)

    def _shut_down(self) -> None:
        self._endpoint.hang_up()
        until = time.monotonic() + HANG_UP_S
        while self._lines and time.monotonic() < until:
            self._endpoint.poll()
        # No object may refer to a call when the library closes.
        self._operator.stop()
        self._lines.clear()
        self._over.clear()
        self._account.shutdown()
        self._endpoint.close()

    def stop(self) -> None:
        self._stopping = True

    def ring(self, call_id: int, message: str, source: str) -> None:
        """Answer a call if it comes from one of the bank's trunks and the limit is not reached. Otherwise refuse it."""
        number = caller_number(message, self._settings.country_code)
        line = Line(self._account, call_id, number, self._operator, self._settings, self._endpoint.retire, self._forget)
        self._lines[call_id] = line
        if host(source) not in self._trunks:
            log.warning("a call was refused, since it did not come from a trunk")
            line.refuse(pj.PJSIP_SC_FORBIDDEN)
        elif len(self._lines) > MAX_CALLS:
            log.warning("a call was refused, since there are already %d", MAX_CALLS)
            line.refuse(pj.PJSIP_SC_SERVICE_UNAVAILABLE)
        else:
            line.accept()

    def _forget(self, line: Line) -> None:
        self._over.append(line)
        self._lines = {call_id: each for call_id, each in self._lines.items() if each is not line}


class _Account(pj.Account):  # type: ignore[misc]
    """The account through which PJSIP reports incoming calls."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        try:
            self._gateway.ring(prm.callId, prm.rdata.wholeMsg, prm.rdata.srcAddress)
        except Exception as error:
            # An error in one call must not end the others.
            log.error("a call could not be answered: %s", described(error))
