"""Access of officers. They see the applications that they are assigned to, and their own calls on these applications.

The sealed registration names the assigned officers. The signed ticket names the officer of a call. Every other officer
gets `not_found`, whatever the state of the application or call. Implements specs/protocol.md sections 6 and 7.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from verifier.core.errors import Erased, NotFound
from verifier.core.principal import Principal
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.call_state import read_call
from verifier.service.context import Context


@contextmanager
def not_there(what: Literal["application", "call"]) -> Iterator[None]:
    """Replace NotFound and Erased by the same NotFound, so that an erased object looks like a missing object."""
    try:
        yield
    except (NotFound, Erased) as error:
        raise NotFound(f"there is no such {what}") from error


def check_assigned(application: DecryptedApplication, officer: Principal) -> None:
    """Raise NotFound if the officer is not assigned to the application."""
    if application.registration.assigned(officer.id) is None:
        raise NotFound("there is no such application")


def check_own(opened: DecryptedCall, officer: Principal) -> None:
    """Raise NotFound if the ticket of the call names another officer."""
    if opened.ticket.officer.id != officer.id:
        raise NotFound("there is no such call")


def check_application(work: UnitOfWork, officer: Principal, application_id: str) -> None:
    """Raise NotFound unless the application exists and the officer is assigned to it."""
    with not_there("application"):
        check_assigned(work.applications.get(application_id), officer)


def check_call(work: UnitOfWork, officer: Principal, call_id: str) -> None:
    """Raise NotFound unless the call is the officer's own and they are still assigned to its application."""
    with not_there("call"):
        opened = work.calls.get(call_id)
        check_own(opened, officer)
        check_assigned(work.applications.get(opened.call.application_id), officer)


async def read_own_call(
    context: Context, call_id: str, officer: Principal
) -> tuple[DecryptedApplication, DecryptedCall]:
    """Read an officer's own call in its current state, and its application. Raises NotFound as `check_call` does."""
    with not_there("call"):
        application, opened = await read_call(context, call_id)
        check_own(opened, officer)
        check_assigned(application, officer)
    return application, opened
