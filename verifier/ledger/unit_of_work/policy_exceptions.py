"""Exceptions from the contact policy, and requests for exceptions. Implements specs/protocol.md section 10."""

from __future__ import annotations

from verifier.core.errors import NotFound
from verifier.core.statements import PolicyException
from verifier.ledger.decrypted import decrypt_exception
from verifier.ledger.tables import ExceptionRow, RequestRow
from verifier.ledger.unit_of_work.applications import ApplicationRows
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ports import KeyRing


class ExceptionRows:
    """Exceptions and requests by id. Reading a row that does not verify raises Tampered."""

    def __init__(self, loaded: Loaded, declared: Declared, applications: ApplicationRows, ring: KeyRing) -> None:
        self._loaded = loaded
        self._declared = declared
        self._applications = applications
        self._ring = ring

    def get(self, exception_id: str) -> ExceptionRow:
        """The row of a granted exception. Raises NotFound."""
        self._declared.named("an exception", exception_id, self._declared.reads.exception_ids)
        row = self._loaded.exceptions.get(exception_id)
        if row is None:
            raise NotFound("there is no such exception")
        return row

    def granted(self, exception: ExceptionRow) -> PolicyException:
        """The logged statement of an exception. The statement, not the row, decides which rules are lifted.

        Raises NotFound.
        """
        keys = self._applications.get(exception.application_id).keys
        ticket = self._loaded.granted[exception.exception_id]
        return decrypt_exception(self._ring, keys, exception.exception_id, *ticket)

    def put(self, exception: ExceptionRow) -> None:
        """Add or change an exception."""
        self._loaded.exceptions.put(exception)

    def request(self, request_id: str) -> RequestRow:
        """An officer's request for an exception. Raises NotFound."""
        self._declared.named("a request", request_id, (self._declared.reads.request_id,))
        row = self._loaded.requests.get(request_id)
        if row is None:
            raise NotFound("there is no such request")
        return row

    def put_request(self, request: RequestRow) -> None:
        """Add or change a request."""
        self._loaded.requests.put(request)
