"""PJSIP as both programs use it: one thread, G.711 and G.722, no sound card.

Implements specs/protocol.md sections 7.9 and 7.10.
"""

from __future__ import annotations

import time
from collections import deque

import pjsua2 as pj

from voice_gateway.settings import RTP_PORTS_EACH, Sip, address

POLL_MS = 10
# PJSIP tells of the end of a sound from a thread of its own, even when the player is gone by then, and dies of it
# (pjproject issue 4812, mended after 2.15.1): so players stay for a while after they have been stopped.
REST_S = 2.0
CODECS = ("PCMA/8000", "PCMU/8000", "G722/16000")
_SRTP = {"off": pj.PJMEDIA_SRTP_DISABLED, "optional": pj.PJMEDIA_SRTP_OPTIONAL, "required": pj.PJMEDIA_SRTP_MANDATORY}


class Endpoint:
    """A SIP endpoint on UDP, TCP and, with a certificate, TLS. It belongs to the thread that made it."""

    def __init__(self, settings: Sip, max_calls: int) -> None:
        self._settings = settings
        self._resting: deque[tuple[float, pj.AudioMediaPlayer]] = deque()
        self._library = pj.Endpoint()
        self._library.libCreate()
        self._library.libInit(_configuration(max_calls))
        for codec in self._library.codecEnum2():
            known = any(codec.codecId.startswith(each) for each in CODECS)
            self._library.codecSetPriority(codec.codecId, 200 if known else 0)
        self._listen(pj.PJSIP_TRANSPORT_UDP)
        self._listen(pj.PJSIP_TRANSPORT_TCP)
        if settings.tls_listen:
            self._listen(pj.PJSIP_TRANSPORT_TLS)
        self._library.libStart()
        self._library.audDevManager().setNullDev()

    def poll(self) -> None:
        """Deal with what has come, for a hundredth of a second at most."""
        self._library.libHandleEvents(POLL_MS)
        while self._resting and self._resting[0][0] < time.monotonic():
            self._resting.popleft()

    def retire(self, player: pj.AudioMediaPlayer) -> None:
        """Let go of a player that has been stopped, when that is safe."""
        self._resting.append((time.monotonic() + REST_S, player))

    def hang_up(self) -> None:
        """Begin to end all calls."""
        self._library.hangupAllCalls()

    def close(self) -> None:
        """End. Nothing may hold a call or an account any more."""
        while self._resting:
            self.poll()
        self._library.libDestroy()

    def account(self, user: str) -> pj.AccountConfig:
        """Who rings and is rung here, and how sound is sent."""
        account = pj.AccountConfig()
        name, _ = address(self._settings.listen)
        account.idUri = f"sip:{user}@{name or 'localhost'}"
        account.mediaConfig.srtpUse = _SRTP[self._settings.srtp]
        account.mediaConfig.srtpSecureSignaling = 0
        # Sound comes from the address that signals, unless that is every address there is.
        if name.strip("0.:"):
            account.mediaConfig.transportConfig.boundAddress = name
        account.mediaConfig.transportConfig.port = self._settings.rtp_ports
        account.mediaConfig.transportConfig.portRange = RTP_PORTS_EACH
        account.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
        return account

    def _listen(self, kind: int) -> None:
        transport = pj.TransportConfig()
        listen = self._settings.tls_listen if kind == pj.PJSIP_TRANSPORT_TLS else self._settings.listen
        transport.boundAddress, transport.port = address(listen)
        if kind == pj.PJSIP_TRANSPORT_TLS:
            transport.tlsConfig.certFile = self._settings.tls_certificate
            transport.tlsConfig.privKeyFile = self._settings.tls_key
        self._library.transportCreate(kind, transport)


def active_audio(call: pj.Call) -> pj.AudioMedia | None:
    """The sound of a call, once it flows."""
    # Kept in a name: its parts are freed with it.
    info = call.getInfo()
    for index, media in enumerate(info.media):
        if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
            return call.getAudioMedia(index)
    return None


def _configuration(max_calls: int) -> pj.EpConfig:
    configuration = pj.EpConfig()
    configuration.uaConfig.threadCnt = 0
    configuration.uaConfig.mainThreadOnly = True
    configuration.uaConfig.maxCalls = max_calls
    configuration.uaConfig.userAgent = "voice-gateway"
    configuration.medConfig.clockRate = 8000
    configuration.medConfig.noVad = True
    # An echo canceller would cost half the machine, and there is no loudspeaker here.
    configuration.medConfig.ecTailLen = 0
    configuration.medConfig.quality = 3
    # What PJSIP would print of an error holds SIP addresses, and so telephone numbers.
    configuration.logConfig.level = configuration.logConfig.consoleLevel = 0
    return configuration
