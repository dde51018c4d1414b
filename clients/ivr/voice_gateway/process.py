"""Runs one process of the gateway. Implements specs/protocol.md section 7.9."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

from callback_verification import Client, SystemKey
from callback_verification.sending import Timeouts

from voice_gateway.gateway import Gateway
from voice_gateway.operator import Operator
from voice_gateway.prompts import Voice
from voice_gateway.settings import Settings

# The caller hears nothing until the service answers. So an early apology is better than a late answer.
TIMEOUTS = Timeouts(try_s=2.5, connect_s=1.0, total_s=6.0, tries=3)


def serve(settings: Settings, cache: Path) -> None:
    """Answer calls until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    gateway = Gateway(settings, Operator(client(settings), voice(settings, cache), settings.dialled_number))
    signal.signal(signal.SIGTERM, lambda *_: gateway.stop())
    # Ctrl-C sends SIGINT to all processes. Ignore SIGINT here, because the supervisor then sends SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.info("ready for calls on %s", settings.listen)
    gateway.run()


def client(settings: Settings) -> Client:
    """Make the client of the service. Raises OSError or ValueError for an invalid key."""
    credential = SystemKey(settings.key_id, Path(settings.key_file).read_bytes())
    return Client(settings.verifier_url, credential, timeouts=TIMEOUTS)


def voice(settings: Settings, cache: Path) -> Voice:
    """Make the voice. Raises CannotSpeak if the apology has no sound."""
    return Voice(Path(settings.recordings) if settings.recordings else None, cache)
