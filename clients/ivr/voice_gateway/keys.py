"""Collects single key presses into entries. Implements specs/protocol.md section 7.9."""

from __future__ import annotations

MAX_KEYS = 100
SHORT_PAUSE_S = 1.5
LONG_PAUSE_S = 4.0
_KEYS = frozenset("0123456789*#ABCD")
_COMMANDS = ("*8", "*9")


class Keys:
    """The pressed keys of one call, in order. `now` is the time in seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._entries: list[str] = []
        self._open = ""
        self._last = 0.0

    def press(self, key: str, now: float) -> None:
        """Add a key to the current entry. A hash or a command (`*8`, `*9`) completes the entry.

        If there is no current entry, a hash is ignored.
        """
        if key not in _KEYS:
            return
        self._last = now
        if key != "#":
            # Drop all keys after the first MAX_KEYS. Such an entry is far too long for a code anyway.
            self._open = (self._open + key)[:MAX_KEYS]
        if self._open and (key == "#" or self._open in _COMMANDS):
            self._close()

    def take(self, now: float) -> str | None:
        """Remove and return the first complete entry, or return None. A pause without a key also completes an entry."""
        if self._open and now - self._last >= (SHORT_PAUSE_S if len(self._open) == 1 else LONG_PAUSE_S):
            self._close()
        return self._entries.pop(0) if self._entries else None

    @property
    def waiting(self) -> bool:
        """Whether there are keys that `take` has not returned yet."""
        return bool(self._open or self._entries)

    def _close(self) -> None:
        # Entries can pile up while the gateway waits for the service. Keep only the last 3 entries.
        self._entries = [*self._entries, self._open][-3:]
        self._open = ""
