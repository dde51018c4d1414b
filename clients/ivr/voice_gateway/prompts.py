"""The sounds of prompts. If the bank has no recording of a prompt, espeak-ng speaks the prompt.

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

# The prompts about one call, or about the calls to a number. Their sounds are not cached.
NOT_CACHED = ("who", "who_called", "past_call", "calls_made")
UNAVAILABLE: dict[Language, str] = {
    "zh-CN": "现在无法核实。请不要继续通话，稍后再试。",
    "en": "We cannot check now. Do not go on with the call; try again later.",
}
_VOICES: dict[Language, str] = {"zh-CN": "cmn", "en": "en"}
# The speed of speech, in the unit of espeak-ng. Both values are about 4 syllables a second.
_SPEED: dict[Language, int] = {"zh-CN": 230, "en": 165}
_SLOWER = 0.7
_SYNTHESIS_S = 10
MAX_TEXT = 1000


class CannotSpeak(Exception):
    """A prompt has no sound: there is no usable recording, and espeak-ng failed."""


@dataclass(frozen=True)
class Sound:
    """A WAV file and its length in seconds. If `temporary` is true, delete the file once a player has opened it."""

    path: Path
    seconds: float
    temporary: bool = False


class Voice:
    """Makes the sounds of prompts. `recordings` holds files like `zh-CN/greeting.wav`. `cache` is a private folder."""

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
        """Return the sound of a prompt. Raises CannotSpeak."""
        if say.name in NOT_CACHED:
            with self._lock:
                self._count += 1
                path = self._cache / f"temporary-{os.getpid()}-{self._count}.wav"
            return _synthesized(say, path, slow, temporary=True)
        recorded = self._recordings / say.language / f"{say.name}.wav" if self._recordings else None
        if recorded is not None and recorded.is_file():
            return _sound_of(recorded)
        path = self._cache / f"{_digest(say, slow)}.wav"
        if path.is_file():
            return _sound_of(path)
        with self._lock:
            return _synthesized(say, path, slow, temporary=False)


def spoken(text: str, language: Language) -> str:
    """Return the text as espeak-ng reads it. Numbers of 3 or more digits are spelled out digit by digit.

    In Mandarin, the digit 1 is read as yāo.
    """
    # Remove brackets: espeak-ng reads text in double brackets as phonemes.
    text = re.sub(r"[\[\]<>]", " ", text[:MAX_TEXT])

    def spelled(found: re.Match[str]) -> str:
        read = found[0].replace("1", "幺") if language == "zh-CN" else found[0]
        return " ".join(read)

    return re.sub(r"[0-9]{3,}", spelled, text)


def _synthesized(say: Say, path: Path, slow: bool, *, temporary: bool) -> Sound:
    speed = round(_SPEED[say.language] * (_SLOWER if slow else 1))
    # Several processes share the folder. So write a file of another name, and rename the file when it is complete.
    unfinished = path.with_suffix(f".{os.getpid()}")
    # Use `nice` to give priority to audio that is playing now. The new sound is needed only after the current sound.
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
    return _sound_of(path, temporary=temporary)


def _sound_of(path: Path, *, temporary: bool = False) -> Sound:
    try:
        with wave.open(str(path), "rb") as file:
            return Sound(path, file.getnframes() / file.getframerate(), temporary)
    except (OSError, EOFError, wave.Error, ZeroDivisionError) as error:
        raise CannotSpeak(f"{path.name} is not a WAV file that can be played") from error


def _digest(say: Say, slow: bool) -> str:
    return hashlib.sha256(f"{say.language}\0{slow}\0{say.text}".encode()).hexdigest()[:32]
