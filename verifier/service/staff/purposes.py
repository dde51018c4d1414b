"""The purposes for which an application allows calls now, and why not the others. Implements specs/protocol.md 4.2."""

from __future__ import annotations

from typing import get_args

from verifier.core.errors import Refusal
from verifier.core.messages.calls import CallPurpose
from verifier.core.policy import refusals_of_purpose
from verifier.core.purposes import Purpose
from verifier.ledger.decrypted import DecryptedApplication
from verifier.service.context import Context

_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
_NOBODY = Refusal("contact_right", "no contact of this application may be called")


async def purposes_of(context: Context, application: DecryptedApplication) -> tuple[CallPurpose, ...]:
    """Every purpose, with the rules that refuse it for this application. Numbers, officers and hours play no part."""
    callable_ = [
        (context.contact_index(application, each), each) for each in application.contacts if each.may("called")
    ]
    if not callable_:
        return tuple(CallPurpose(each, (_NOBODY,)) for each in _PURPOSES)
    # Without consent there is no marketing anyway, so the refusal need not be read.
    asked = {person for person, each in callable_ if person is not None and each.consents.marketing_calls}
    refusing = await context.reading.refusing_marketing(asked)
    status, policy, now_ms = application.registration.status, context.settings.policy, context.clock()

    def refusals(purpose: str) -> list[Refusal]:
        # A purpose is offered if it is allowed for one of the contacts.
        found = (
            refusals_of_purpose(
                policy, status, purpose, each, application.closed_ms, now_ms, opted_out=person in refusing
            )
            for person, each in callable_
        )
        return min(found, key=len)

    return tuple(CallPurpose(each, tuple(refusals(each))) for each in _PURPOSES)
