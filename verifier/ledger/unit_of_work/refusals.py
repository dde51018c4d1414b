"""People's refusals of marketing calls. Implements specs/protocol.md section 10."""

from __future__ import annotations

from verifier.ledger.tables import MarketingRefusal
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded


class RefusalRows:
    """Refusals by person. Reading a row that does not verify raises Tampered."""

    def __init__(self, loaded: Loaded, declared: Declared) -> None:
        self._loaded = loaded
        self._declared = declared

    def refused(self, person: bytes) -> bool:
        """Whether a person has refused marketing calls."""
        self._declared.marketing(person)
        return self._loaded.refusals.get(person) is not None

    def put(self, person: bytes, now_ms: int) -> None:
        """Keep a person's refusal. An earlier refusal stays as it is."""
        if not self.refused(person):
            self._loaded.refusals.put(MarketingRefusal(person, now_ms))

    def delete(self, person: bytes) -> None:
        """Delete a person's refusal if there is one."""
        self._declared.marketing(person)
        self._loaded.refusals.delete(person)
