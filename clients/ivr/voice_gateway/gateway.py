"""The gateway: listens for calls, answers as many as it has room for, and drives them all from one thread.

Carries out specs/protocol.md section 7.9.
"""

from __future__ import annotations

import logging
import time

import pjsua2 as pj

from voice_gateway.call import Line
from voice_gateway.callers import caller_number, host
from voice_gateway.operator import Operator
from voice_gateway.settings import RTP_PORTS_EACH, Settings, address

log = logging.getLogger("voice_gateway")

POLL_MS = 10
GOODBYE_S = 2.0
# PJSIP as its wheel is built holds four calls a process; one place is kept, so that the next can be told 503.
MAX_CALLS = 3
CODECS = ("PCMA/8000", "PCMU/8000", "G722/16000")
_SRTP = {"off": pj.PJMEDIA_SRTP_DISABLED, "optional": pj.PJMEDIA_SRTP_OPTIONAL, "required": pj.PJMEDIA_SRTP_MANDATORY}


class Gateway:
    """Answers calls until `stop`. Everything but `stop` belongs to the thread that made it."""

    def __init__(self, settings: Settings, operator: Operator) -> None:
        self._settings = settings
        self._operator = operator
        self._trunks = {each.strip() for each in settings.trunks.split(",")}
        self._lines: dict[int, Line] = {}
        self._over: list[Line] = []
        self._stopping = False
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        self._endpoint.libInit(self._configuration())
        for codec in self._endpoint.codecEnum2():
            known = any(codec.codecId.startswith(each) for each in CODECS)
            self._endpoint.codecSetPriority(codec.codecId, 200 if known else 0)
        self.ports = [self._listen(pj.PJSIP_TRANSPORT_UDP), self._listen(pj.PJSIP_TRANSPORT_TCP)]
        if settings.tls_listen:
            self.ports.append(self._listen(pj.PJSIP_TRANSPORT_TLS))
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        self._door = _Door(self)
        self._door.create(self._account())

    def run(self) -> None:
        """Serve until `stop` is called; then end the calls."""
        while not self._stopping:
            self._endpoint.libHandleEvents(POLL_MS)
            self._operator.deliver()
            now = time.monotonic()
            for line in list(self._lines.values()):
                line.tick(now)
            # Not in the callback that told of the end: PJSIP is still using the object there.
            self._over.clear()
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        self._endpoint.hangupAllCalls()
        until = time.monotonic() + GOODBYE_S
        while self._lines and time.monotonic() < until:
            self._endpoint.libHandleEvents(POLL_MS)
        # Nothing may hold a call any more when the library goes.
        self._operator.stop()
        self._lines.clear()
        self._over.clear()
        self._door.shutdown()
        self._endpoint.libDestroy()

    def stop(self) -> None:
        self._stopping = True

    def ring(self, call_id: int, message: str, source: str) -> None:
        """Somebody rings: answered when it is a trunk of the bank's and there is room."""
        number = caller_number(message, self._settings.country_code)
        line = Line(self._door, call_id, number, self._operator, self._settings, self._forget)
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

    def _listen(self, kind: int) -> int:
        transport = pj.TransportConfig()
        listen = self._settings.tls_listen if kind == pj.PJSIP_TRANSPORT_TLS else self._settings.listen
        transport.boundAddress, transport.port = address(listen)
        if kind == pj.PJSIP_TRANSPORT_TLS:
            transport.tlsConfig.certFile = self._settings.tls_certificate
            transport.tlsConfig.privKeyFile = self._settings.tls_key
        return int(self._endpoint.transportCreate(kind, transport))

    def _configuration(self) -> pj.EpConfig:
        configuration = pj.EpConfig()
        configuration.uaConfig.threadCnt = 0
        configuration.uaConfig.mainThreadOnly = True
        configuration.uaConfig.maxCalls = MAX_CALLS + 1
        configuration.uaConfig.userAgent = "voice-gateway"
        configuration.medConfig.clockRate = 8000
        configuration.medConfig.noVad = True
        # Nothing of what a caller says is listened to; an echo canceller would cost half the machine.
        configuration.medConfig.ecTailLen = 0
        configuration.medConfig.quality = 3
        configuration.logConfig.level = configuration.logConfig.consoleLevel = 1
        return configuration

    def _account(self) -> pj.AccountConfig:
        account = pj.AccountConfig()
        name, _ = address(self._settings.listen)
        account.idUri = f"sip:callback@{name or 'localhost'}"
        account.mediaConfig.srtpUse = _SRTP[self._settings.srtp]
        account.mediaConfig.srtpSecureSignaling = 0
        # Sound comes from the address that signals, unless that is every address there is.
        if name.strip("0.:"):
            account.mediaConfig.transportConfig.boundAddress = name
        account.mediaConfig.transportConfig.port = self._settings.rtp_ports
        account.mediaConfig.transportConfig.portRange = RTP_PORTS_EACH
        account.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
        return account


class _Door(pj.Account):  # type: ignore[misc]
    """Where PJSIP announces calls."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        try:
            self._gateway.ring(prm.callId, prm.rdata.wholeMsg, prm.rdata.srcAddress)
        except Exception:
            # One call that cannot be taken must not end the others.
            log.exception("a call could not be taken")
