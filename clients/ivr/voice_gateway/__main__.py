"""`voice-gateway`: reads the settings, and supervises the processes that serve calls.

Implements specs/protocol.md section 7.9.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from voice_gateway.process import client, serve, voice
from voice_gateway.prompts import CannotSpeak
from voice_gateway.settings import BadSettings, Settings, check_ports, of_process, read

POLL_S = 0.2
RESTART_S = 1.0
_spawn = multiprocessing.get_context("spawn")


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exit with status 2 for bad settings."""
    with tempfile.TemporaryDirectory(prefix="voice-gateway-") as folder:
        try:
            settings = read(os.environ, "GATEWAY_", Settings)
            cache = Path(settings.cache or folder)
            # Check everything here, so that an error is printed once and not by every process.
            client(settings).close()
            voice(settings, cache)
            for index in range(settings.processes):
                check_ports(of_process(settings, index))
        except (BadSettings, CannotSpeak, OSError, ValueError) as error:
            print(f"voice-gateway: {error}", file=sys.stderr)
            sys.exit(2)
        _supervise(settings, cache)


def _supervise(settings: Settings, cache: Path) -> None:
    """Run the processes until a signal. If a process dies, start a new one.

    The calls of a dead process are lost. The calls of the other processes go on.
    """
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
    processes = [_started(settings, index, cache) for index in range(settings.processes)]
    while not stopping:
        time.sleep(POLL_S)
        for index, process in enumerate(processes):
            if not process.is_alive() and not stopping:
                print(f"voice-gateway: process {index} ended with {process.exitcode}", file=sys.stderr)
                time.sleep(RESTART_S)
                processes[index] = _started(settings, index, cache)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _started(settings: Settings, index: int, cache: Path) -> BaseProcess:
    process = _spawn.Process(target=serve, args=(of_process(settings, index), cache), name=f"voice-gateway-{index}")
    process.start()
    return process


if __name__ == "__main__":
    main()
