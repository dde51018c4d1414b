"""The window of a call history: which times a person may ask about, and which calls belong to it.

Implements specs/protocol.md section 7.14.
"""

from __future__ import annotations

from msgspec import Struct

from verifier.core.call import Call
from verifier.core.errors import InvalidField
from verifier.core.times import DAY_MS, FUTURE_SLACK_MS

MAX_WINDOW_MS = 31 * DAY_MS
# No call lasts longer. The bounds of the settings are far below a day.
LONGEST_CALL_MS = DAY_MS
MAX_CALLS = 25
# So many octets of claims fit into a statement, with its header and its signature (CVP-8.1-2).
MAX_CLAIMS = 12_000
# By telephone: the days that are looked at, and the calls that are said one by one.
SPOKEN_DAYS = 7
SPOKEN_CALLS = 3


class Window(Struct, frozen=True):
    """A window in whole seconds since 1970. Both ends belong to it."""

    begins: int
    ends: int

    @property
    def issued_between(self) -> tuple[int, int]:
        """When a call of this window can have been issued, in epoch milliseconds."""
        return self.begins * 1000 - LONGEST_CALL_MS, self.ends * 1000 + 999

    def holds(self, call: Call) -> bool:
        """Whether any part of a settled call, from its issue to its end, is in the window."""
        ended = call.ended_at is None or call.ended_at // 1000 >= self.begins
        return ended and call.issued_at // 1000 <= self.ends


def window(begins_ms: int, ends_ms: int, now_ms: int, kept_since: int) -> Window:
    """The window from `begins_ms` to `ends_ms`, but to `now_ms` at the latest: nobody can answer for the future.

    Calls issued before `kept_since` have been deleted. If none was deleted, it is 0. All times are in epoch
    milliseconds. Raises InvalidField for a window that ends before it begins, lies ahead, is longer than 31 days, or
    begins when calls were not kept.
    """
    if ends_ms < begins_ms:
        raise InvalidField.at("/until", "the window ends before it begins")
    if begins_ms < 0:
        raise InvalidField.at("/from", "the window begins before 1970")
    if begins_ms > now_ms + FUTURE_SLACK_MS:
        raise InvalidField.at("/from", "the window lies in the future")
    if ends_ms > now_ms + FUTURE_SLACK_MS:
        raise InvalidField.at("/until", "the window ends in the future")
    if ends_ms - begins_ms > MAX_WINDOW_MS:
        raise InvalidField.at("/from", "the window is at most 31 days, from `from` to `until`")
    if kept_since and begins_ms - LONGEST_CALL_MS < kept_since:
        raise InvalidField.at("/from", "the window begins when calls were not kept; calls are deleted after some time")
    ends = min(-(-ends_ms // 1000), now_ms // 1000)
    return Window(min(begins_ms // 1000, ends), ends)
