"""Retries of a `genuine` answer. While the call is open, a retry gets `genuine`. Afterwards, a retry gets `ended`.

Implements specs/protocol.md section 7.12 (laws L4, L6). If it is uncertain whether the call is open, a retry gets
`ended`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from verifier.core import dialogue, words
from verifier.core.call import Call
from verifier.core.contacts import Contact
from verifier.core.errors import Erased, NotFound
from verifier.core.messages.confirmations import SpokenVerdict, Verdict, Words
from verifier.core.messages.dialogues import IvrTurn
from verifier.ledger.commands import Again
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.call_state import current_state
from verifier.service.confirmations.entries import AlreadyConfirmed
from verifier.service.context import Context

Applications = Callable[[UnitOfWork], Iterable[DecryptedApplication]]
"""Returns applications from the read set of a command. The read set must also include their open calls."""


def goes_on(
    context: Context,
    work: UnitOfWork,
    applications: Iterable[DecryptedApplication],
    receipt_id: str | None,
    helper: Contact | None = None,
) -> bool:
    """Whether one of the applications has an open call that was confirmed with this receipt. Raises AlreadyConfirmed.

    `helper` is the helper who asks, if it is one. A call does not count as open if its officer has been suspended or
    removed from the application.
    """
    if receipt_id is None:
        return False
    confirmed = [(each, call) for each in applications for call in _confirmed_call(context, work, each)]
    if any(work.calls.receipt_of(call, each).receipt_id == receipt_id for each, call in confirmed):
        return True
    if confirmed and not work.reads.confirmations:
        raise AlreadyConfirmed

    def people(application: DecryptedApplication) -> Sequence[Contact]:
        return application.contacts if helper is None else (helper,)

    given = (work.calls.confirmed_by(call, each, contact) for each, call in confirmed for contact in people(each))
    return any(each is not None and each.receipt_id == receipt_id for each in given)


def _confirmed_call(context: Context, work: UnitOfWork, application: DecryptedApplication) -> Iterable[Call]:
    """The open call of an application, if it is confirmed."""
    if application.row.open_call_id is None:
        return
    try:
        opened = work.calls.get(application.row.open_call_id)
    except (NotFound, Erased):
        return
    call = current_state(application, opened, work.now_ms, context.settings.rules)
    if call.state == "confirmed" and not context.cutoff.holds(opened.ticket.officer.id):
        yield call


def verdict_again(context: Context, applications: Applications, helper: Contact | None = None) -> Again[Verdict]:
    """Make the function that updates the kept `Verdict` for a retry of a confirmation in the app."""

    def again(work: UnitOfWork, kept: Verdict) -> Verdict:
        if kept.verdict != "genuine" or goes_on(context, work, applications(work), kept.receipt_id, helper):
            return kept
        return replace(kept, verdict="ended", words=tuple(map(_ended, kept.words)))

    return again


def spoken_again(context: Context, applications: Applications) -> Again[SpokenVerdict]:
    """Make the function that updates the kept `SpokenVerdict` for a retry of a confirmation by telephone."""

    def again(work: UnitOfWork, kept: SpokenVerdict) -> SpokenVerdict:
        if kept.verdict != "genuine" or goes_on(context, work, applications(work), kept.receipt_id):
            return kept
        return replace(kept, verdict="ended", words=_ended(kept.words))

    return again


def _ended(said: Words) -> Words:
    return Words(said.language, words.ended(said.language, said.text))


def turn_again(context: Context, applications: Applications) -> Again[IvrTurn]:
    """Make the function that updates the kept `IvrTurn` for a retry of a step of a telephone dialogue."""

    def again(work: UnitOfWork, turn: IvrTurn) -> IvrTurn:
        if not dialogue.says_genuine(turn.say) or goes_on(context, work, applications(work), turn.receipt_id):
            return turn
        return replace(turn, say=dialogue.closed(turn.say))

    return again
