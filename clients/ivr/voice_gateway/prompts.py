"""What is said, as sound: the bank's own recordings where it has them, else speech made by espeak-ng.

Implements specs/protocol.md section 7.9.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import threading
import wave
from dataclasses import dataclass
from pathlib import Path

from callback_verification.shapes import Language, Say

# They name an officer: said once, and not kept.
SPOKEN_ANEW = ("who", "who_called")
UNAVAILABLE: dict[Language, str] = {
    "zh-CN": "现在无法核实。请不要继续通话，稍后再试。",
    "en": "We cannot check now. Do not go on with the call; try again later.",
}
_VOICES: dict[Language, str] = {"zh-CN": "cmn", "en": "en"}
# As espeak-ng counts; both are about four syllables a second.
_SPEED: dict[Language, int] = {"zh-CN": 230, "en": 165}
_SLOWER = 0.7
_SYNTHESIS_S = 10
MAX_TEXT = 1000


class CannotSpeak(Exception):
    """There is neither a recording nor speech for what is to be said."""


@dataclass(frozen=True)
class Sound:
    """A WAV file and its length in seconds; `temporary` ones are to be deleted when they have been played."""

    path: Path
    seconds: float
    temporary: bool = False


class Voice:
    """Gives the sound of prompts. `recordings` holds `zh-CN/greeting.wav` and so on; `cache` is a folder of its own."""

    def __init__(self, recordings: Path | None, cache: Path) -> None:
        self._recordings = recordings
        self._cache = cache
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._count = 0
        self._lock = threading.Lock()
        self.apology = tuple(
            self.sound(Say("unavailable", text, language), slow=False) for language, text in UNAVAILABLE.items()
        )

    def sound(self, say: Say, *, slow: bool) -> Sound:
        """The sound of a prompt. Raises CannotSpeak."""
        if say.name in SPOKEN_ANEW:
            with self._lock:
                self._count += 1
                path = self._cache / f"temporary-{os.getpid()}-{self._count}.wav"
            return _made(say, path, slow, temporary=True)
        recorded = self._recordings / say.language / f"{say.name}.wav" if self._recordings else None
        if recorded is not None and recorded.is_file():
            return _measured(recorded)
        path = self._cache / f"{_digest(say, slow)}.wav"
        if path.is_file():
            return _measured(path)
        with self._lock:
            return _made(say, path, slow, temporary=False)


def spoken(text: str, language: Language) -> str:
    """The words as they are to be read out: longer numbers digit by digit, in Mandarin with yāo for one."""
    # Doubled brackets would be read as phonemes.
    text = re.sub(r"[\[\]<>]", " ", text[:MAX_TEXT])

    def spelled(found: re.Match[str]) -> str:
        read = found[0].replace("1", "幺") if language == "zh-CN" else found[0]
        return " ".join(read)

    return re.sub(r"[0-9]{3,}", spelled, text)


def _made(say: Say, path: Path, slow: bool, *, temporary: bool) -> Sound:
    speed = round(_SPEED[say.language] * (_SLOWER if slow else 1))
    # Several processes share the folder.
    unfinished = path.with_suffix(f".{os.getpid()}")
    # Other callers' sound comes first: this is not needed before the sentence ahead of it has been said.
    command = [
        "nice",
        "-n",
        "10",
        "espeak-ng",
        "-v",
        _VOICES[say.language],
        "-s",
        str(speed),
        "-b",
        "1",
        "--stdin",
        "-w",
        str(unfinished),
    ]
    try:
        words = spoken(say.text, say.language).encode()
        subprocess.run(command, input=words, check=True, capture_output=True, timeout=_SYNTHESIS_S)  # noqa: S603
        unfinished.rename(path)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotSpeak(f"no speech for {say.name}") from error
    return _measured(path, temporary=temporary)


def _measured(path: Path, *, temporary: bool = False) -> Sound:
    try:
        with wave.open(str(path), "rb") as file:
            return Sound(path, file.getnframes() / file.getframerate(), temporary)
    except (OSError, EOFError, wave.Error, ZeroDivisionError) as error:
        raise CannotSpeak(f"{path.name} is not a WAV file that can be played") from error


def _digest(say: Say, slow: bool) -> str:
    return hashlib.sha256(f"{say.language}\0{slow}\0{say.text}".encode()).hexdigest()[:32]
