"""The PJSIP endpoint of the gateway and the dialler. It uses one thread and no sound card. Its codecs are G.711 and
G.722.

Implements specs/protocol.md sections 7.9 and 7.10.
"""

from __future__ import annotations

import time
from collections import deque

import pjsua2 as pj

from voice_gateway.settings import RTP_PORTS_EACH, Sip, address

POLL_MS = 10
# PJSIP reports the end of a sound from its own thread. If the player of the sound has already been released, PJSIP
# crashes (pjproject issue 4812, fixed after 2.15.1). So keep stopped players for this number of seconds.
RETIRED_S = 2.0
CODECS = ("PCMA/8000", "PCMU/8000", "G722/16000")
_SRTP = {"off": pj.PJMEDIA_SRTP_DISABLED, "optional": pj.PJMEDIA_SRTP_OPTIONAL, "required": pj.PJMEDIA_SRTP_MANDATORY}


class Endpoint:
    """A SIP endpoint on UDP and TCP, and also on TLS if `tls_listen` is set.

    Only the thread that created an endpoint may use it.
    """

    def __init__(self, settings: Sip, max_calls: int) -> None:
        self._settings = settings
        self._retired: deque[tuple[float, pj.AudioMediaPlayer]] = deque()
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
        """Handle events for at most 10 ms."""
        self._library.libHandleEvents(POLL_MS)
        while self._retired and self._retired[0][0] < time.monotonic():
            self._retired.popleft()

    def retire(self, player: pj.AudioMediaPlayer) -> None:
        """Keep a stopped player for RETIRED_S, then release it."""
        self._retired.append((time.monotonic() + RETIRED_S, player))

    def hang_up(self) -> None:
        """Hang up all telephone calls. Run `poll` until they have ended."""
        self._library.hangupAllCalls()

    def close(self) -> None:
        """Close the endpoint. The caller must first drop all references to calls and accounts."""
        while self._retired:
            self.poll()
        self._library.libDestroy()

    def account(self, user: str) -> pj.AccountConfig:
        """Return the settings of a SIP account: the address of `user`, and the audio settings."""
        account = pj.AccountConfig()
        name, _ = address(self._settings.listen)
        account.idUri = f"sip:{user}@{name or 'localhost'}"
        account.mediaConfig.srtpUse = _SRTP[self._settings.srtp]
        account.mediaConfig.srtpSecureSignaling = 0
        # Send audio from the same address as signalling, unless that address is a wildcard.
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
    """Return the audio of a call, or None if no audio flows yet."""
    # Keep `info` in a variable: PJSIP frees `info.media` together with `info`.
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
    # Switch off the echo canceller. Without a loudspeaker it is useless, and it would take half of the CPU time.
    configuration.medConfig.ecTailLen = 0
    configuration.medConfig.quality = 3
    # Switch off the log of PJSIP. It would contain SIP addresses, which contain telephone numbers.
    configuration.logConfig.level = configuration.logConfig.consoleLevel = 0
    return configuration
