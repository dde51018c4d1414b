"""The purposes for which an application allows calls now, and why not the others. Implements specs/protocol.md 4.2."""

from __future__ import annotations

from typing import get_args

from verifier.core.messages.calls import CallPurpose
from verifier.core.policy import refusals_of_purpose
from verifier.core.purposes import Purpose
from verifier.ledger.decrypted import DecryptedApplication
from verifier.service.context import Context

_PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


async def purposes_of(context: Context, application: DecryptedApplication) -> tuple[CallPurpose, ...]:
    """Every purpose, with the rules that refuse it for this application. Numbers, officers and hours play no part."""
    registration, policy, now_ms = application.registration, context.settings.policy, context.clock()
    # Without consent there is no marketing anyway, so the refusal need not be read.
    refused = registration.consents.marketing_calls and await context.reading.refuses_marketing(
        application.row.customer_index or b""
    )
    return tuple(
        CallPurpose(
            each,
            tuple(
                refusals_of_purpose(
                    policy,
                    registration.status,
                    each,
                    registration.consents,
                    registration.customer.time_zone,
                    application.closed_ms,
                    now_ms,
                    opted_out=refused,
                )
            ),
        )
        for each in _PURPOSES
    )
