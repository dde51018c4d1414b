"""The limits that commands look at: guess limits of applications, and daily caps.

Carries out specs/protocol.md sections 6.2 and 7.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from verifier.service.needs import Needs, cap_keys
from verifier.service.rows import Rows
from verifier.service.tables import LimitRow, limit_keys


class LimitRows:
    """Rows of `limits` by key, as the commands so far have left them."""

    def __init__(self, rows: Rows[LimitRow]) -> None:
        self.rows = rows
        self._caps: dict[Needs, tuple[str, ...]] = {}

    def keys(
        self,
        needs: Iterable[Needs],
        led_to: Callable[[Needs], Sequence[str]],
        owner: Callable[[str], bytes | None],
    ) -> Iterable[str]:
        """The keys to read. That a call is locked takes the guess limits of both channels."""
        for each in needs:
            found = led_to(each)
            self._caps[each] = cap_keys(each, map(owner, found))
            yield from self._caps[each]
            if each.channel is not None:
                yield from (key for application_id in found for key in limit_keys(application_id))

    def get(self, key: str) -> LimitRow | None:
        """What is kept of a limit. Raises Tampered."""
        return self.rows.get(key)

    def tat(self, key: str) -> int | None:
        """The arrival time of a limit; None where nothing is kept of it. Raises Tampered."""
        row = self.get(key)
        return None if row is None else row.tat

    def caps(self, needs: Needs) -> tuple[str, ...]:
        """The keys of the daily cap of a command, as of the beginning of the batch."""
        return self._caps[needs]
