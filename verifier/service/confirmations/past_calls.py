"""The code of a call that is over gets the verdict `ended`. Implements specs/protocol.md section 7.13.

A refused code is tried against the newest closed calls. Decoys take the place of missing ones, so that every refusal
takes the same work (law L7).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.code import derive_code, same_code
from verifier.core.sealing import ApplicationKeys
from verifier.ledger import decoys
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.candidates import Candidate
from verifier.service.confirmations.entries import Entry
from verifier.service.context import Context


def past_call_of(
    context: Context, work: UnitOfWork, entry: Entry, tried: Sequence[Candidate]
) -> tuple[DecryptedApplication, DecryptedCall] | None:
    """The call that the entered code belonged to, with its application. None if the bank vouches for no such call.

    `tried` are the candidates of the entry. A candidate whose time has just run out counts as closed. By telephone,
    only a call to the calling number counts.
    """
    by_id = {each.application.application_id: each.application for each in tried}
    closed = {each.call.call_id: each for each in work.calls.closed_of(list(by_id.values()))}
    for candidate in tried:
        if candidate.own and not candidate.call.open:
            closed[candidate.call.call_id] = replace(candidate.opened, call=candidate.call)
    found = None
    # Try every call, also after a match, so that the time does not show which one matched.
    for opened in [closed[each] for each in sorted(closed, reverse=True)][: decoys.CLOSED]:
        application = by_id.get(opened.call.application_id)
        expected = _code(decoys.KEYS if application is None else application.keys, opened)
        if same_code(entry.digits, expected) and application is not None and found is None:
            found = (application, opened) if _vouched(context, entry, application, opened) else None
    return found


def _code(keys: ApplicationKeys, opened: DecryptedCall) -> str:
    return derive_code(keys.codes, opened.call.call_id, opened.statement, opened.call.call_counter)


def _vouched(context: Context, entry: Entry, application: DecryptedApplication, opened: DecryptedCall) -> bool:
    """Whether the bank says of a closed call that it was its own.

    It does not if the officer is suspended, or is no longer assigned, or if the customer has named another application.
    """
    officer_id = opened.ticket.officer.id
    return (
        lifecycle.code_was_known(opened.call)
        and entry.named in (None, application.application_id)
        and entry.number in (None, opened.number)
        and entry.is_for(application, opened.ticket)
        and application.registration.assigned(officer_id) is not None
        and not context.cutoff.holds(officer_id)
    )
