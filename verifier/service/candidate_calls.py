"""The open calls that a verdict may be about, and decoys where there are none, read in one statement.

Carries out specs/protocol.md section 7 (CVP-7-2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.core.call import Call
from verifier.ports import KeyRing, Row
from verifier.service import decoys
from verifier.service.opened import OpenCall, open_call, open_evidence
from verifier.service.records import ApplicationRow


class CandidateCalls:
    """Which call stands for each application, the receipts of those that have one, and the decoys."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._ids: dict[str, str] = {}
        self._receipts: dict[str, tuple[str, bytes]] = {}
        self._decoys: dict[str, tuple[Call, bytes]] = {}
        self._opened: dict[str, OpenCall] = {}

    def ids(self, applications: Iterable[ApplicationRow]) -> Iterable[str]:
        """The ids to read: of each its open call, or a decoy of its own."""
        for row in applications:
            self._ids.setdefault(row.application_id, row.open_call_id or decoys.call_id(len(self._ids)))
        return self._ids.values()

    def take(self, rows: Iterable[Row]) -> Iterator[tuple[Call, bytes | None]]:
        """Keep what was read; the calls that are no decoys, with their sealed tickets."""
        for *columns, receipt_id, receipt, ticket in rows:
            call = Call(*columns)
            self._receipts[call.call_id] = (receipt_id, receipt)
            if call.application_id == decoys.APPLICATION_ID:
                self._decoys[call.call_id] = (call, ticket)
            else:
                yield call, ticket

    def id_of(self, application_id: str) -> str:
        """What was read for an application; empty for one that was not there to be read."""
        return self._ids.get(application_id, "")

    def receipt(self, call_id: str) -> tuple[str, bytes]:
        """The id of the receipt that consumed the code of a call, and the sealed receipt."""
        return self._receipts[call_id]

    def decoy(self, call_id: str) -> OpenCall | None:
        """A decoy, opened as a call is. None for a call, and for a decoy that is gone."""
        found = self._opened.get(call_id)
        if found is None and call_id in self._decoys:
            call, ticket = self._decoys[call_id]
            found = open_call(call, open_evidence(self._ring, decoys.KEY, call_id, ticket))
            self._opened[call_id] = found
        return found
