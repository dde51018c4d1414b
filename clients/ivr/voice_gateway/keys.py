"""From single key presses to what a caller meant to enter. Implements specs/protocol.md section 7.9."""

from __future__ import annotations

MAX_KEYS = 100
SHORT_PAUSE_S = 1.5
LONG_PAUSE_S = 4.0
_KEYS = frozenset("0123456789*#ABCD")
_COMMANDS = ("*8", "*9")


class Keys:
    """Keys of one call in the order in which they came; times are seconds of a clock that only runs forward."""

    def __init__(self) -> None:
        self._entries: list[str] = []
        self._open = ""
        self._last = 0.0

    def press(self, key: str, now: float) -> None:
        """One key. A hash ends the entry, and means nothing where there is none."""
        if key not in _KEYS:
            return
        self._last = now
        if key != "#":
            # What is beyond the bound is not kept; the entry is far too long for a code in any case.
            self._open = (self._open + key)[:MAX_KEYS]
        if self._open and (key == "#" or self._open in _COMMANDS):
            self._close()

    def take(self, now: float) -> str | None:
        """The first entry that is complete: ended by a hash, or by a pause."""
        if self._open and now - self._last >= (SHORT_PAUSE_S if len(self._open) == 1 else LONG_PAUSE_S):
            self._close()
        return self._entries.pop(0) if self._entries else None

    @property
    def waiting(self) -> bool:
        """Whether something was keyed that has not been taken."""
        return bool(self._open or self._entries)

    def _close(self) -> None:
        # Anyone who hammers on the keys while an answer is awaited has no more than the last entries heard.
        self._entries = [*self._entries, self._open][-3:]
        self._open = ""
