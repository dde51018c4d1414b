"""Computes the current state of a call. A stored call can be out of date: since it was written, its code may have
expired, or its officer may have been removed.

Implements specs/protocol.md section 6.
"""

from __future__ import annotations

from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.call import Call, CallRules
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.service.context import Context


def current_state(application: DecryptedApplication, opened: DecryptedCall, now_ms: int, rules: CallRules) -> Call:
    """The current state of a call.

    Deadlines that have passed are applied. An open call is revoked if its officer is no longer assigned, or if the
    person called is no longer a contact whom the bank may call.
    """
    call = lifecycle.settle(opened.call, now_ms, rules)
    if not call.open:
        return call
    called = application.called(opened.ticket)
    removed = application.registration.assigned(opened.ticket.officer.id) is None
    return lifecycle.revoke(call, now_ms) if removed or called is None or not called.may("called") else call


def vouched_for(context: Context, application: DecryptedApplication, opened: DecryptedCall) -> bool:
    """Whether the officer of a call is neither suspended nor removed from the application."""
    officer_id = opened.ticket.officer.id
    return not context.cutoff.holds(officer_id) and application.registration.assigned(officer_id) is not None


async def read_call(context: Context, call_id: str) -> tuple[DecryptedApplication, DecryptedCall]:
    """Read a call from the database. Returns its application, and the call in its current state.

    Raises NotFound or Erased.
    """
    application, opened = await context.reading.call(call_id)
    now = current_state(application, opened, context.clock(), context.settings.rules)
    return application, replace(opened, call=now)
