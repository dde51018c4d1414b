"""What every test telephone can do: listen for the prompts it should hear."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from array import array

from tests.ivr.markers import WINDOW, Markers


class Listening(ABC):
    """A telephone with an ear."""

    @abstractmethod
    def samples(self, since: float = 0.0) -> array[int]:
        """What was heard from that moment on, on the monotonic clock: 8,000 a second."""

    @abstractmethod
    def log(self) -> str:
        """What the telephone says of the call, for anyone who looks into a failure."""

    def hears(self, *names: str, within: float = 20.0, since: float = 0.0) -> None:
        """Wait until these prompts have been heard, in this order and nothing else after that moment."""
        until = time.monotonic() + within
        windows: list[str] = []
        heard: list[str] = []
        while time.monotonic() < until:
            # Each tenth of a second is looked at once: the bank shares this processor.
            windows += Markers.names(self.samples(since)[len(windows) * WINDOW :])
            heard = Markers.runs(windows)
            if heard == list(names):
                return
            assert heard == list(names)[: len(heard)] or heard[-1] == "speech", heard
            time.sleep(0.1)
        raise AssertionError(f"heard {heard} instead of {names}\n{self.log()}")
