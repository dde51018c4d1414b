"""`voice-gateway`: settings from the environment, then serves until it is told to stop.

Carries out specs/protocol.md section 7.9.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

from callback_verification import Client, SystemKey
from callback_verification.sending import Patience

from voice_gateway.gateway import Gateway
from voice_gateway.operator import Operator
from voice_gateway.prompts import CannotSpeak, Voice
from voice_gateway.settings import BadSettings, read

# A caller waits in silence meanwhile: better an apology soon than an answer late.
PATIENCE = Patience(try_s=2.5, connect_s=1.0, total_s=6.0, tries=3)


def main() -> None:
    """Serve; exit status 2 for bad settings."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = read(os.environ)
        credential = SystemKey(settings.key_id, Path(settings.key_file).read_bytes())
        client = Client(settings.verifier_url, credential, patience=PATIENCE)
    except (BadSettings, OSError, ValueError) as error:
        sys.exit(_refused(error))
    with tempfile.TemporaryDirectory(prefix="voice-gateway-") as folder:
        try:
            recordings = Path(settings.recordings) if settings.recordings else None
            voice = Voice(recordings, Path(settings.cache or folder))
        except CannotSpeak as error:
            sys.exit(_refused(error))
        gateway = Gateway(settings, Operator(client, voice, settings.dialled_number))
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: gateway.stop())
        logging.info("ready for calls on %s", settings.listen)
        gateway.run()


def _refused(error: Exception) -> int:
    print(f"voice-gateway: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
