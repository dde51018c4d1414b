"""The part of every test telephone that listens for prompts."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from array import array

from tests.ivr.markers import WINDOW, Markers


class Listening(ABC):
    """A telephone that can listen."""

    @abstractmethod
    def samples(self, since: float = 0.0) -> array[int]:
        """The samples received since that monotonic time, 8,000 a second."""

    @abstractmethod
    def log(self) -> str:
        """The telephone's log of the call, for failure messages."""

    def hears(self, *names: str, within: float = 20.0, since: float = 0.0) -> None:
        """Wait until exactly these prompts have been heard since that time, in this order."""
        until = time.monotonic() + within
        windows: list[str] = []
        heard: list[str] = []
        while time.monotonic() < until:
            # Analyze each tenth of a second only once, since the bank shares this processor.
            windows += Markers.names(self.samples(since)[len(windows) * WINDOW :])
            heard = Markers.runs(windows)
            if heard == list(names):
                return
            assert heard == list(names)[: len(heard)] or heard[-1] == "speech", heard
            time.sleep(0.1)
        raise AssertionError(f"heard {heard} instead of {names}\n{self.log()}")
