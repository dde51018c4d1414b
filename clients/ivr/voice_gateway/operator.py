"""Asks the service what to say, away from the signalling, and makes the sound of it.

Implements specs/protocol.md section 7.9. Whatever fails, the caller is told that we cannot check now (law L6).
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
    """What a call does next: play, then listen, transfer to an officer or desk, or hang up. A sound may still be in
    the making: the first of a verdict is heard while the officer's name is put into speech."""

    sounds: tuple[Future[Sound], ...]
    act: Literal["listen", "transfer", "hang_up"]
    session_id: str = ""
    to: str = ""


Follow = Callable[[Instruction], None]


class Operator:
    """Asks in threads; `deliver` is called by the thread that owns the calls, and hands the answers to them there."""

    def __init__(self, client: Client, voice: Voice, dialled_number: str) -> None:
        self._client = client
        self._voice = voice
        self._dialled_number = dialled_number
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="operator")
        self._answers: SimpleQueue[tuple[Follow, Instruction]] = SimpleQueue()

    def begin(self, caller_number: str | None, follow: Follow) -> None:
        """Begin a dialogue."""
        self._ask(ivr.begin(dialled_number=self._dialled_number, caller_number=caller_number), follow)

    def step(self, session_id: str, keys: str | None, follow: Follow) -> None:
        """Pass on what was keyed, or silence."""
        self._ask(ivr.step(session_id, keys), follow)

    def deliver(self) -> None:
        """Hand over the answers that have come."""
        while True:
            try:
                follow, instruction = self._answers.get_nowait()
            except Empty:
                return
            follow(instruction)

    def apology(self) -> Instruction:
        """That we cannot check now, in both languages."""
        return Instruction(tuple(_there(each) for each in self._voice.apology), "hang_up")

    def stop(self) -> None:
        """End the threads, and let go of every call."""
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
            # A defect must not leave callers in silence, with what they believed before.
            log.error("defect in a dialogue: %s", described(error))
            instruction = self.apology()
        self._answers.put((follow, instruction))


def described(error: Exception) -> str:
    """Where an error comes from, for the log. Its message is left out: it may hold what a caller sent."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"


def _there(sound: Sound) -> Future[Sound]:
    made: Future[Sound] = Future()
    made.set_result(sound)
    return made
