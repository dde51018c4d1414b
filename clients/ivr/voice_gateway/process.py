"""One of the gateway's processes. Implements specs/protocol.md section 7.9."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

from callback_verification import Client, SystemKey
from callback_verification.sending import Patience

from voice_gateway.gateway import Gateway
from voice_gateway.operator import Operator
from voice_gateway.prompts import Voice
from voice_gateway.settings import Settings

# A caller waits in silence meanwhile: better an apology soon than an answer late.
PATIENCE = Patience(try_s=2.5, connect_s=1.0, total_s=6.0, tries=3)


def serve(settings: Settings, cache: Path) -> None:
    """One process: answer calls until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    gateway = Gateway(settings, Operator(client(settings), voice(settings, cache), settings.dialled_number))
    signal.signal(signal.SIGTERM, lambda *_: gateway.stop())
    # The terminal interrupts everybody; the first process passes it on as SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.info("ready for calls on %s", settings.listen)
    gateway.run()


def client(settings: Settings) -> Client:
    """The client of the service. Raises OSError and ValueError for a key that cannot be used."""
    credential = SystemKey(settings.key_id, Path(settings.key_file).read_bytes())
    return Client(settings.verifier_url, credential, patience=PATIENCE)


def voice(settings: Settings, cache: Path) -> Voice:
    """What speaks. Raises CannotSpeak."""
    return Voice(Path(settings.recordings) if settings.recordings else None, cache)
