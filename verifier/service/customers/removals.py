"""People who lose the right to confirm codes, and what ends with it. Implements specs/protocol.md 3.3 and 7.18."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from verifier.core.application import Registration
from verifier.core.errors import InternalError, VerifierError
from verifier.ledger.tables import HelperRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.context import Context
from verifier.service.customers.helpers import ended


class RemovesPeople(VerifierError):
    """A registration removes people, or takes their right to confirm.

    Their other applications and their helpers must be loaded before it is decided. They are not loaded for every
    registration, because that locks every shard.
    """


def confirming(registration: Registration | None) -> set[str]:
    """The logins of the contacts who may confirm codes."""
    if registration is None:
        return set()
    return {each.id for each in registration.people if each.id is not None and each.may("confirm")}


def end_helpers(context: Context, work: UnitOfWork, application_id: str, people: Iterable[str]) -> None:
    """End the helpers and invitations of those of these people who may confirm codes on no other application.

    The read set must include the other applications of the people of this one, and their helpers. Raises Tampered, and
    ends none, if a helper's row is damaged. A caller must not have written anything by then.
    """
    rows: list[HelperRow] = []
    for person_id in sorted(people):
        index = context.customer_index(person_id)
        may_confirm = False
        # If another application is damaged, nobody knows whether they may confirm there. So their helpers end.
        with suppress(InternalError):
            others = work.applications.others_of_contact(application_id, index, person_id)
            may_confirm = any(each.may(person_id, "confirm") for each in others)
        if not may_confirm:
            rows += work.helpers.of_person(index)
    for row in rows:
        work.helpers.put(ended(row, work.now_ms))
