"""Recordings that a test can tell apart: each prompt in each language is a tone with its own frequency."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

from tests.ivr.rtp import RATE, strength, tone
from verifier.core.prompts import PROMPTS
from verifier.core.words import LANGUAGES

WINDOW = 800
# On a busy machine sound is late, and then a few windows have gaps. Spoken sentences and pauses last longer.
DISTORTED = 3


class Markers:
    """A tone for every prompt that can be recorded: `name` for zh-CN, `name/en` for English."""

    FREQUENCIES: dict[str, int] = {  # noqa: RUF012
        name if language == "zh-CN" else f"{name}/en": 520 + 80 * (2 * n + m)
        for n, name in enumerate(PROMPTS)
        for m, language in enumerate(LANGUAGES)
    }

    @classmethod
    def record(cls, folder: Path) -> None:
        """Write the recordings as files, as a bank would."""
        for name, frequency in cls.FREQUENCIES.items():
            base, _, english = name.partition("/")
            path = folder / ("en" if english else "zh-CN") / f"{base}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, RATE, 0, "NONE", ""))
                file.writeframes(tone(frequency, 0.5).tobytes())

    @classmethod
    def names(cls, samples: array[int]) -> list[str]:
        """The prompt in each tenth of a second, or `speech` for other sound.

        The name is empty for silence, and for a tone that starts or ends within the tenth.
        """
        return [cls._name(samples[at : at + WINDOW]) for at in range(0, len(samples) - WINDOW + 1, WINDOW)]

    @classmethod
    def speech(cls, samples: array[int]) -> array[int]:
        """The samples from the first to the last window of speech."""
        spoken = [n for n, name in enumerate(cls.names(samples)) if name == "speech"]
        return samples[spoken[0] * WINDOW : (spoken[-1] + 1) * WINDOW]

    @staticmethod
    def runs(windows: list[str]) -> list[str]:
        """The prompts that were heard, in order.

        A prompt must last two windows, so half a tone at the edge of a window does not count. Speech must last longer
        than DISTORTED windows, and a gap of DISTORTED windows within a tone does not split it.
        """
        runs: list[tuple[str, int]] = []
        for at, heard in enumerate(windows):
            around = {*windows[max(0, at - 1) : at], *windows[at + 1 : at + 2]}
            within = len(around) == 1 and 0 < at < len(windows) - 1 and not around & {"", "speech"}
            each = around.pop() if within else heard
            if runs and runs[-1][0] == each:
                runs[-1] = (each, runs[-1][1] + 1)
            else:
                runs.append((each, 1))
        names: list[str] = []
        gap = 0
        for each, length in runs:
            if each == "" or length < (DISTORTED + 1 if each == "speech" else 2):
                gap += length
                continue
            if names[-1:] != [each] or (gap > DISTORTED and each != "speech"):
                names.append(each)
            gap = 0
        return names

    @classmethod
    def _name(cls, window: array[int]) -> str:
        if sum(abs(each) for each in window) < 100 * len(window):
            return ""
        sounding = _without_silence_around(window)
        name, found = max(
            ((name, strength(sounding, f)) for name, f in cls.FREQUENCIES.items()), key=lambda pair: pair[1]
        )
        if found <= 0.8:
            return "speech"
        return name if len(sounding) > 0.8 * len(window) else ""


def _without_silence_around(window: array[int]) -> array[int]:
    loud = [at for at, each in enumerate(window) if abs(each) > 100]
    return window[loud[0] : loud[-1] + 1] if loud else window
