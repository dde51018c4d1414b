"""People's refusals of marketing calls. Implements specs/protocol.md section 10."""

from __future__ import annotations

from msgspec.structs import replace

from verifier.ledger.tables import MarketingRefusal
from verifier.ledger.unit_of_work.applications import ApplicationRows
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded


class RefusalRows:
    """Refusals by person. Reading a row that does not verify raises Tampered.

    An earlier release kept a refusal in the row of an application that the person borrows for, whether or not they are
    still one of its contacts.
    """

    def __init__(self, loaded: Loaded, declared: Declared, applications: ApplicationRows) -> None:
        self._loaded = loaded
        self._declared = declared
        self._applications = applications

    def refused(self, person: bytes) -> bool:
        """Whether a person has refused marketing calls, in this release or in an earlier one."""
        self._declared.marketing(person)
        if self._loaded.refusals.get(person) is not None:
            return True
        return any(each.opted_out for each in self._applications.borrowed_by(person))

    def put(self, person: bytes, now_ms: int) -> None:
        """Keep a person's refusal. An earlier refusal of this release stays as it is."""
        self._declared.marketing(person)
        if self._loaded.refusals.get(person) is None:
            self._loaded.refusals.put(MarketingRefusal(person, now_ms))
        self._clear(person)

    def delete(self, person: bytes) -> None:
        """Delete a person's refusal if there is one."""
        self._declared.marketing(person)
        self._loaded.refusals.delete(person)
        self._clear(person)

    def _clear(self, person: bytes) -> None:
        for each in self._applications.borrowed_by(person):
            if each.opted_out:
                self._applications.put(replace(each, opted_out=0))
