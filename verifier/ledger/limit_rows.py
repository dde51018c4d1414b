"""The limits of a batch: guess limits of applications, and daily caps.

Implements specs/protocol.md sections 6.2 and 7.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from verifier.ledger.read_set import ReadSet, cap_keys
from verifier.ledger.rows import Rows
from verifier.ledger.tables import LimitRow, limit_keys


class LimitRows:
    """Rows of `limits` by key, as the commands so far have left them."""

    def __init__(self, rows: Rows[LimitRow]) -> None:
        self.rows = rows
        self._caps: dict[ReadSet, tuple[str, ...]] = {}

    def keys(
        self,
        read_sets: Iterable[ReadSet],
        led_to: Callable[[ReadSet], Sequence[str]],
        owner: Callable[[str], bytes | None],
    ) -> Iterable[str]:
        """The keys to load. Whether a call is locked depends on the guess limits of both channels."""
        for each in read_sets:
            found = led_to(each)
            self._caps[each] = cap_keys(each, map(owner, found))
            yield from self._caps[each]
            if each.channel is not None:
                yield from (key for application_id in found for key in limit_keys(application_id))

    def caps(self, reads: ReadSet) -> tuple[str, ...]:
        """The keys of the daily cap of a command, as of the beginning of the batch."""
        return self._caps[reads]
