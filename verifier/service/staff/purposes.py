"""The purposes for which an application allows calls now, and why not the others. Implements specs/protocol.md 4.2."""

from __future__ import annotations

from typing import get_args

from verifier.core.contacts import Contact
from verifier.core.errors import Refusal
from verifier.core.messages.calls import CallPurpose
from verifier.core.policy import refusals_of_purpose
from verifier.core.purposes import Purpose
from verifier.ledger.decrypted import DecryptedApplication
from verifier.service.context import Context

_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


async def purposes_of(context: Context, application: DecryptedApplication) -> tuple[CallPurpose, ...]:
    """Every purpose, with the rules that refuse it for this application. Numbers, officers and hours play no part."""
    callable_ = [each for each in application.contacts if each.may("called")] or application.contacts[:1]
    refused = [await _refuses_marketing(context, application, each) for each in callable_]
    status, policy, now_ms = application.registration.status, context.settings.policy, context.clock()

    def refusals(purpose: str) -> list[Refusal]:
        # A purpose is offered if it is allowed for one of the contacts.
        found = (
            refusals_of_purpose(policy, status, purpose, each, application.closed_ms, now_ms, opted_out=opted_out)
            for each, opted_out in zip(callable_, refused, strict=True)
        )
        return min(found, key=len)

    return tuple(CallPurpose(each, tuple(refusals(each))) for each in _PURPOSES)


async def _refuses_marketing(context: Context, application: DecryptedApplication, contact: Contact) -> bool:
    person = context.contact_index(application, contact)
    # Without consent there is no marketing anyway, so the refusal need not be read.
    if person is None or not contact.consents.marketing_calls:
        return False
    return await context.reading.refuses_marketing(person)
