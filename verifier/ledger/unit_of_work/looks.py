"""The looks that a batch reads and writes. Implements specs/protocol.md section 7.17."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from msgspec.structs import replace

from verifier.core.bulk_reading import apart
from verifier.core.errors import Tampered
from verifier.ledger.tables import LookRow
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ledger.unit_of_work.writes import Effects


class LookRows:
    """Looks of staff and systems at applications."""

    def __init__(self, loaded: Loaded, declared: Declared, effects: Effects) -> None:
        self._loaded = loaded
        self._declared = declared
        self._effects = effects

    def add(self, look: LookRow) -> None:
        """Add a look."""
        self._loaded.looks.put(look)

    def mark(self, reader: str, look_ids: Sequence[str]) -> int:
        """Mark these declared looks of a reader as bulk readings. Returns how many are new.

        Another node may have found the same bulk readings. So those within an hour of a known one are left out.
        """
        self._declared.covers("the looks of a reader", self._declared.reads.bulk == (reader, look_ids))
        known = [each.looked_at for each in self._of(reader) if each.bulk == 1]
        new = 0
        for look in [each for each in self._of(reader) if each.look_id in look_ids]:
            if apart(look.looked_at, known):
                known.append(look.looked_at)
                self._loaded.looks.put(replace(look, bulk=1))
                self._effects.discrepancies.append(("bulk_reading", look.look_id))
                new += 1
        return new

    def _of(self, reader: str) -> Iterator[LookRow]:
        for look_id in sorted(self._loaded.looks):
            # A row that does not verify must not hide the others.
            with suppress(Tampered):
                look = self._loaded.looks.get(look_id)
                if look is not None and look.reader == reader:
                    yield look
