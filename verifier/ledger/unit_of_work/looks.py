"""The looks that a batch reads and writes. Implements specs/protocol.md section 7.17."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from msgspec.structs import replace

from verifier.core.bulk_reading import Seen, bulk_readings
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

    def examine(self, reader: str, limit: int) -> int:
        """Mark the bulk readings among the declared looks of a reader. Returns how many are new."""
        of = self._declared.reads.looks_of
        self._declared.covers("the looks of a reader", of is not None and of[0] == reader)
        found = bulk_readings(self._seen(reader), limit)
        for look_id in found:
            look = self._loaded.looks.get(look_id)
            assert look is not None  # noqa: S101 - the id comes from the loaded rows
            self._loaded.looks.put(replace(look, bulk=1))
            self._effects.discrepancies.append(("bulk_reading", look_id))
        return len(found)

    def _seen(self, reader: str) -> Iterator[Seen]:
        for look_id, customer in sorted(self._loaded.looked_at.items()):
            # A row that does not verify must not hide the others.
            with suppress(Tampered):
                look = self._loaded.looks.get(look_id)
                if look is not None and look.reader == reader:
                    yield seen(look, customer)


def seen(look: LookRow, customer_index: bytes | None) -> Seen:
    """A look, as bulk readings are found from it. An erased application counts as a customer of its own."""
    return Seen(look.look_id, look.looked_at, customer_index or look.application_id, look.bulk == 1)
