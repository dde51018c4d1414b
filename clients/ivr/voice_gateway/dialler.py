"""`voice-dialler CALL`: phones the officer, phones the customer, bridges the two, and reports the customer's leg.

`voice-dialler -` reads the ids of calls from its input, one a line, and makes one call after another. It says that it
is alive between the calls too.

Implements specs/protocol.md section 7.10. The customer's number comes from the ticket, so no other number is dialled.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pjsua2 as pj
from callback_verification import CallbackVerificationError, Client, Request, SystemKey, calls, legs
from callback_verification.pbx import Reporter
from callback_verification.pbx.reporter import RINGING
from callback_verification.sending import Timeouts
from callback_verification.shapes import Call, CallOfLeg, SipIdentity

from voice_gateway.endpoint import Endpoint, active_audio
from voice_gateway.settings import BadSettings, DiallerSettings, check_ports, read

log = logging.getLogger("voice_gateway")

RING_S = 60.0
LONGEST_S = 7200.0
HANG_UP_S = 2.0
MAX_LINE = 256
# If a leg event were lost, the code would stay hidden or the call would stay live. So retry for longer than usual.
TIMEOUTS = Timeouts(try_s=5.0, connect_s=2.0, total_s=60.0, tries=8)


class Leg(pj.Call):  # type: ignore[misc]
    """The officer's or the customer's leg.

    `rings` is called when the telephone rings, `up` when the leg is answered, and `down` when the leg is over.
    """

    def __init__(
        self,
        account: pj.Account,
        rings: Callable[[Leg], None],
        up: Callable[[Leg], None],
        down: Callable[[Leg], None],
    ) -> None:
        super().__init__(account)
        self._rings = rings
        self._up = up
        self._down = down
        self.rang = False
        self.answered = False
        self.over = True
        self.audio: pj.AudioMedia | None = None

    def ring(self, uri: str, identity: str = "") -> None:
        """Send the INVITE."""
        self.over = False
        asked = pj.CallOpParam(True)
        if identity:
            header = pj.SipHeader()
            header.hName, header.hValue = "Identity", identity
            asked.txOption.headers.push_back(header)
        try:
            self.makeCall(uri, asked)
        except pj.Error as error:
            # Log only the status, because the address and the reason may contain a telephone number.
            log.error("a call could not be placed: PJSIP status %d", error.status)
            self.over = True
            self._down(self)

    @property
    def leg_id(self) -> str:
        """The SIP Call-ID of the leg. No other leg ever has the same Call-ID."""
        return str(self.getInfo().callIdString)

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        state = self.getInfo().state
        if state == pj.PJSIP_INV_STATE_DISCONNECTED and not self.over:
            self.over = True
            self._down(self)
        elif state == pj.PJSIP_INV_STATE_EARLY and not self.rang:
            # 180 or 183. Early media is no answer: it may be an announcement.
            self.rang = True
            self._rings(self)
        elif state == pj.PJSIP_INV_STATE_CONFIRMED and not self.answered:
            self.answered = True
            self._up(self)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        if not self.over and self.audio is None:
            self.audio = active_audio(self)

    def end(self) -> None:
        """Hang up, unless the leg is over."""
        if not self.over:
            try:
                self.hangup(pj.CallOpParam(True))
            except pj.Error as error:
                log.debug("the leg had already ended: %s", error.reason)


class Dialler:
    """One call from an officer to a customer. Only the thread that created a dialler may use it."""

    def __init__(self, settings: DiallerSettings, reporter: Reporter, call: Call) -> None:
        self._settings = settings
        self._reporter = reporter
        self._call = call
        self._stopping = False
        self._reports: list[Future[CallOfLeg]] = []
        self._endpoint = Endpoint(settings, 2)
        self._account = pj.Account()
        self._account.create(self._endpoint.account(call.caller_number))
        self._officer = Leg(self._account, lambda _: None, self._officer_up, self._leg_down)
        self._customer = Leg(self._account, self._customer_rings, self._customer_up, self._customer_down)
        self._identity: Future[SipIdentity] | None = None
        self._rung = False
        self._bridged = False

    def run(self) -> bool:
        """Run the call to its end. Return true if the customer answered and the service knows it, and knows the end."""
        began = time.monotonic()
        self._officer.ring(self._uri(self._settings.officer_uri, officer=self._call.officer.id))
        while not self._stopping and not (self._officer.over and self._customer.over):
            self._endpoint.poll()
            self._ring_customer()
            self._bridge()
            waited = time.monotonic() - began
            if waited > LONGEST_S or (waited > RING_S and not self._customer.answered):
                self._stopping = True
        self._endpoint.hang_up()
        until = time.monotonic() + HANG_UP_S
        while not (self._officer.over and self._customer.over) and time.monotonic() < until:
            self._endpoint.poll()
        reached = self._customer.answered
        del self._officer, self._customer
        self._account.shutdown()
        self._endpoint.close()
        return reached and all(each.exception() is None for each in self._reports)

    def stop(self) -> None:
        self._stopping = True

    def _officer_up(self, leg: Leg) -> None:
        # The SIP identity is valid for one minute, so request it only now.
        kind = self._settings.identity
        if kind != "off":
            self._identity = self._reporter.send(calls.identity(self._call.call_id, kind=kind))

    def _ring_customer(self) -> None:
        """Call the customer if the officer has answered and the SIP identity for the INVITE has arrived."""
        asked = self._identity
        if self._rung or not self._officer.answered or (asked is not None and not asked.done()):
            return
        self._rung = True
        try:
            identity = "" if asked is None else asked.result().identity
        except CallbackVerificationError as error:
            log.error("no SIP identity, so the customer is not called: %s", error)
            self._stopping = True
            return
        self._customer.ring(self._uri(self._settings.customer_uri, number=self._call.number), identity)

    def _customer_rings(self, leg: Leg) -> None:
        self._reporter.send(self._event(legs.ringing, leg), RINGING)

    def _customer_up(self, leg: Leg) -> None:
        self._reports.append(self._reporter.send(self._event(legs.connected, leg)))

    def _customer_down(self, leg: Leg) -> None:
        if leg.rang or leg.answered:
            self._reports.append(self._reporter.send(self._event(legs.ended, leg)))
        self._leg_down(leg)

    def _leg_down(self, leg: Leg) -> None:
        """End the other leg, because `leg` is over."""
        (self._customer if leg is self._officer else self._officer).end()

    def _event(self, kind: Callable[..., Request[CallOfLeg]], leg: Leg) -> Request[CallOfLeg]:
        call = self._call
        return kind(
            call.call_id, leg_id=leg.leg_id, number=call.number, caller_number=call.caller_number, at=datetime.now(UTC)
        )

    def _bridge(self) -> None:
        one, other = self._officer.audio, self._customer.audio
        if not self._bridged and one is not None and other is not None:
            self._bridged = True
            one.startTransmit(other)
            other.startTransmit(one)

    @staticmethod
    def _uri(pattern: str, **values: str) -> str:
        return pattern.format(**{name: quote(value, safe="+") for name, value in values.items()})


class Line:
    """The calls of one process, one after another. A signal ends the call that goes on, and then the process."""

    def __init__(self, settings: DiallerSettings, client: Client, reporter: Reporter) -> None:
        self._settings = settings
        self._client = client
        self._reporter = reporter
        self._dialler: Dialler | None = None
        self._stopping = False

    def run(self, call_ids: Iterable[str]) -> bool:
        """Make the calls. Return true if `Dialler.run` succeeds for each."""
        succeeded = True
        for each in call_ids:
            succeeded = self._dial(each) and succeeded
            if self._stopping:
                break
        return succeeded

    def stop(self, *signal: object) -> None:
        self._stopping = True
        if self._dialler is None:
            sys.exit(0)  # this also ends the wait for the next call
        self._dialler.stop()

    def _dial(self, call_id: str) -> bool:
        try:
            call = self._client.send(calls.read(call_id))
        except (CallbackVerificationError, ValueError) as error:
            log.error("no call is made: %s", error)
            return False
        self._dialler = Dialler(self._settings, self._reporter, call)
        try:
            return self._dialler.run()
        finally:
            self._dialler = None


def main() -> None:
    """Make the calls. Exit with status 0 if all succeed, 1 if one fails, and 2 for bad settings."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    if len(sys.argv) != 2:
        print("usage: voice-dialler CALL, or voice-dialler - to read calls from the input", file=sys.stderr)
        sys.exit(2)
    try:
        settings = read(os.environ, "DIALLER_", DiallerSettings)
        credential = SystemKey(settings.key_id, Path(settings.key_file).read_bytes())
        client = Client(settings.verifier_url, credential, timeouts=TIMEOUTS)
        check_ports(settings)
    except (BadSettings, OSError, ValueError) as error:
        print(f"voice-dialler: {error}", file=sys.stderr)
        sys.exit(2)
    with Reporter(client, timeouts=TIMEOUTS) as reporter:
        line = Line(settings, client, reporter)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, line.stop)
        reached = line.run([sys.argv[1]] if sys.argv[1] != "-" else _asked())
    sys.exit(0 if reached else 1)


def _asked() -> Iterator[str]:
    """The ids of calls in the input, one a line."""
    while line := sys.stdin.readline(MAX_LINE):
        if line.strip():
            yield line.strip()


if __name__ == "__main__":
    main()
