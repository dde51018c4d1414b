"""Enforces read sets. A command that reads a row outside of its read set gets an error, even if there is no such row.

Implements specs/protocol.md section 10 (CVP-10-16).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from verifier.core.errors import InternalError
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import limit_keys
from verifier.ledger.unit_of_work.loading import Loaded

Key = TypeVar("Key", str, bytes)


class Declared:
    """The read set of the current command. Each check raises InternalError for a row outside of the read set.

    A check fails even if the batch has loaded the row for another command. So a command gets the same result in every
    batch.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.begin(ReadSet())

    def begin(self, reads: ReadSet) -> None:
        """Begin the next command. The applications and limits in `reads` are looked up at the first check."""
        self.reads = reads
        self._applications: frozenset[str] | None = None
        self._limits: frozenset[str] | None = None

    def application(self, application_id: str) -> None:
        """Check that the read set covers an application.

        The read set may name the application, its customer, one of its numbers, or one of its calls.
        """
        if application_id != self.reads.application_id and application_id not in self._declared_applications():
            raise _undeclared("an application")

    def same_people(self, application_id: str) -> None:
        """Check that the read set covers the other applications of all people of an application."""
        if application_id != self.reads.application_id or not self.reads.same_people:
            raise _undeclared("the other applications of the contacts")

    def applications_of(self, person: bytes) -> None:
        """Check that the read set covers every application of a person, as borrower or contact."""
        reads = self.reads
        if reads.same_people:
            return
        borrower = (
            self._loaded.applications.hint(reads.application_id, "customer_index") if reads.same_borrower else None
        )
        if person not in (reads.customer_index, borrower):
            raise _undeclared("the applications of a person")

    def call(self, call_id: str) -> None:
        """Check that the read set covers a call.

        The read set may name the call, its leg, or an application that has the call as its open or candidate call.
        """
        if call_id in self.reads.call_ids or call_id == self._leg_owner():
            return
        hint, stand_in = self._loaded.applications.hint, self._loaded.candidates.id_of
        if not any(call_id in (hint(each, "open_call_id"), stand_in(each)) for each in self._declared_applications()):
            raise _undeclared("a call")

    def calls_between(self, application_id: str) -> tuple[int, int]:
        """Check that the read set covers a window of the calls on an application. Returns the window."""
        window = self.reads.calls_between
        if window is None or application_id not in self._loaded.led_to(self.reads):
            raise _undeclared("a window of calls")
        return window

    def marketing(self, person: bytes) -> None:
        """Check that the read set covers a person's refusal of marketing calls."""
        reads = self.reads
        people = self._loaded.people_of.get(reads.application_id or "", set())
        if not reads.marketing or person not in (reads.customer_index, *people):
            raise _undeclared("a refusal of marketing calls")

    def leg(self, leg_index: bytes, *, owner: bool = False) -> None:
        if leg_index != self.reads.leg_index or (owner and not self.reads.leg_owner):
            raise _undeclared("a leg")

    def limit(self, key: str) -> None:
        """Check that the read set covers a limit.

        The limit may be a daily cap of the command, or a guess limit of an application that the command reads.
        """
        if self._limits is None:
            reads = self.reads
            found = self._loaded.led_to(reads) if reads.channel is not None else ()
            guess_limits = (key for each in found for key in limit_keys(each))
            self._limits = frozenset((*self._loaded.limits.caps(reads), *guess_limits))
        if key not in self._limits:
            raise _undeclared("a limit")

    def covers(self, what: str, declared: bool) -> None:
        """Check a part of the read set that names no rows. `what` says what the rows are."""
        if not declared:
            raise _undeclared(what)

    def entered(self, person: bytes) -> None:
        if self.reads.entered is None or self.reads.entered.person != person:
            raise _undeclared("the entries of a person")

    def named(self, what: str, key: Key, declared: Collection[Key | None]) -> None:
        """Check that the read set names a row. `what` says what the row is, and `declared` has the keys it names."""
        if key not in declared:
            raise _undeclared(what)

    def _leg_owner(self) -> str | None:
        reads = self.reads
        return self._loaded.leg_owners.get(reads.leg_index) if reads.leg_owner and reads.leg_index else None

    def _declared_applications(self) -> frozenset[str]:
        if self._applications is None:
            reads, loaded = self.reads, self._loaded
            named = (reads.application_id, reads.whole)
            calls = (each for each in (*reads.call_ids, self._leg_owner()) if each is not None)
            of_calls = (loaded.calls.hint(each, "application_id") for each in calls)
            found = (*named, *loaded.led_to(reads), *of_calls)
            self._applications = frozenset(each for each in found if each is not None)
        return self._applications


def _undeclared(what: str) -> InternalError:
    return InternalError(f"a command reads {what} that its read set does not declare")
