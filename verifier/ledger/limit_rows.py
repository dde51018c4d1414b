"""The limits of a batch: guess limits of applications, and daily caps.

Implements specs/protocol.md sections 6.2 and 7.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from verifier.ledger.read_set import ReadSet, cap_keys
from verifier.ledger.rows import Rows
from verifier.ledger.tables import LimitRow, limit_keys


class LimitRows:
    """Rows of `limits` by key, with the effects of earlier commands of the batch."""

    def __init__(self, rows: Rows[LimitRow]) -> None:
        self.rows = rows
        self._caps: dict[ReadSet, tuple[str, ...]] = {}

    def keys(
        self,
        read_sets: Iterable[ReadSet],
        led_to: Callable[[ReadSet], Sequence[str]],
        customer: Callable[[str], bytes | None],
    ) -> Iterable[str]:
        """The keys to load. The guess limits of both channels decide whether a call is locked."""
        for each in read_sets:
            found = led_to(each)
            self._caps[each] = cap_keys(each, map(customer, found))
            yield from self._caps[each]
            if each.channel is not None:
                yield from (key for application_id in found for key in limit_keys(application_id))

    def caps(self, reads: ReadSet) -> tuple[str, ...]:
        """The keys of a command's daily cap, as of the start of the batch."""
        return self._caps[reads]
