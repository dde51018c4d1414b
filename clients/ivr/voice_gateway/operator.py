"""Asks the service for the next turn, and prepares the sounds of the turn. This happens outside of PJSIP's thread.

Implements specs/protocol.md section 7.9. After any failure, the caller hears that the bank cannot check now (law L6).
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal

from callback_verification import CallbackVerificationError, Client, Request, ivr
from callback_verification.shapes import IvrTurn

from voice_gateway.prompts import Sound, Voice

log = logging.getLogger("voice_gateway")

WORKERS = 4


@dataclass(frozen=True)
class Instruction:
    """The next step of a call: play `sounds`, then do `act`.

    `to` is the target of a transfer: a staff number, or `fraud_desk`. Sounds are futures, so a verdict begins to play
    while the officer's name is still being synthesized.
    """

    sounds: tuple[Future[Sound], ...]
    act: Literal["listen", "transfer", "hang_up"]
    session_id: str = ""
    to: str = ""


Follow = Callable[[Instruction], None]


class Operator:
    """Asks the service in worker threads. PJSIP's thread must call `deliver` to receive the answers."""

    def __init__(self, client: Client, voice: Voice, dialled_number: str) -> None:
        self._client = client
        self._voice = voice
        self._dialled_number = dialled_number
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="operator")
        self._answers: SimpleQueue[tuple[Follow, Instruction]] = SimpleQueue()

    def begin(self, caller_number: str | None, follow: Follow) -> None:
        """Begin a dialogue. `deliver` passes the answer to `follow`."""
        self._ask(ivr.begin(dialled_number=self._dialled_number, caller_number=caller_number), follow)

    def step(self, session_id: str, keys: str | None, follow: Follow) -> None:
        """Send the keys that the caller entered, or None for silence. `deliver` passes the answer to `follow`."""
        self._ask(ivr.step(session_id, keys), follow)

    def deliver(self) -> None:
        """Pass each answer that has arrived to its call."""
        while True:
            try:
                follow, instruction = self._answers.get_nowait()
            except Empty:
                return
            follow(instruction)

    def apology(self) -> Instruction:
        """Return an instruction: say in both languages that the bank cannot check now, then hang up."""
        return Instruction(tuple(_finished(each) for each in self._voice.apology), "hang_up")

    def stop(self) -> None:
        """Stop the threads, and drop all references to calls."""
        self._threads.shutdown(cancel_futures=True)
        self._client.close()
        self._answers = SimpleQueue()

    def _ask(self, request: Request[IvrTurn], follow: Follow) -> None:
        self._threads.submit(self._answer, request, follow)

    def _answer(self, request: Request[IvrTurn], follow: Follow) -> None:
        try:
            turn = self._client.send(request)
            sounds = tuple(self._threads.submit(self._voice.sound, say, slow=turn.slow) for say in turn.say)
            instruction = Instruction(sounds, turn.act, turn.session_id, turn.to or "")
        except CallbackVerificationError as error:
            log.warning("no answer for a caller: %s", type(error).__name__)
            instruction = self.apology()
        except Exception as error:
            # Play the apology after a bug too. Silence would not warn the caller.
            log.error("bug in a dialogue: %s", described(error))
            instruction = self.apology()
        self._answers.put((follow, instruction))


def described(error: Exception) -> str:
    """Describe an error for the log by its type and place. Leave out the message: it may hold a caller's data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"


def _finished(sound: Sound) -> Future[Sound]:
    made: Future[Sound] = Future()
    made.set_result(sound)
    return made
