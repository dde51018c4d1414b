"""Signals: what the bank learns from codes that are of no live call. Implements specs/protocol.md section 7.16."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from verifier.core.times import DAY_MS
from verifier.ledger.commands import Answer
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.idempotency import KEPT_MS
from verifier.ledger.read_set import ReadSet, distinct
from verifier.ledger.tables import SignalKind, SignalRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.candidates import with_number
from verifier.service.confirmations.entries import AGAIN_MS, Entry
from verifier.service.context import Context

KEPT_SIGNAL_MS = 31 * DAY_MS
_ANY_UNEXAMINED = "SELECT 1 FROM signals WHERE campaign IS NULL LIMIT 1"


def add_signal(
    context: Context,
    work: UnitOfWork,
    reads: ReadSet,
    kind: SignalKind,
    entry: Entry,
    application: DecryptedApplication | None,
    *,
    receipt_id: str | None = None,
) -> None:
    """Record an entry. By telephone, it is of any contact who has the calling number on file, whatever their rights.

    `application` is the one that the receipt belongs to. The signal has the digits of `receipt_id` in its own id. If
    there is no receipt, the answer is an error, which is not kept for retries. So the signal names the request. An
    entry from a withheld number leaves nothing, because there is no person.
    """
    person = reads.person
    if person is None:
        return
    people = [reads.customer_index or person]
    if reads.customer_index is None:
        people = _of_number(context, entry.number or "", with_number(work, reads, entry.number or "")) or people
    signal_id = work.new_id("sgnl") if receipt_id is None else f"sgnl_{receipt_id.partition('_')[2]}"
    reported = entry.reported
    signal = SignalRow(
        signal_id=signal_id,
        kind=kind,
        channel=entry.channel,
        code_hash=context.code_index(entry.digits),
        person=person,
        people=b"".join(people),
        entered_at=work.now_ms,
        expires_at=work.now_ms + KEPT_SIGNAL_MS,
        application_id=None if application is None else application.application_id,
        request=reads.entered.request if receipt_id is None and reads.entered is not None else None,
        sealed=None if reported is None else work.ring.seal(signal_id, reported.encode()),
    )
    work.signals.add(signal)


def _of_number(context: Context, number: str, on_file: Iterable[DecryptedApplication]) -> list[bytes]:
    """The people whom a calling number may belong to, by the blind index of their login, without repetition.

    A contact without a login has the blind indexes of all of their numbers instead.
    """
    found: list[bytes | None] = []
    for application in on_file:
        contact = application.contact_of_number(number)
        login = context.contact_index(application, contact)
        without = contact.numbers if contact is not None and login is None else ()
        found += [login, *(context.number_index(each.number) for each in without)]
    return distinct(found)


class Earlier(Struct, frozen=True):
    """What the same person has entered before that can be no code.

    - `same_request`: this is a retry of a request that was answered by an error.
    - `again`: they have entered the same digits before, or others within the last ten minutes.
    """

    same_request: bool
    again: bool


def earlier_entries(work: UnitOfWork, reads: ReadSet) -> Earlier:
    """Look up what a person has entered before that can be no code. From a withheld number, that is nothing."""
    entered = reads.entered
    if entered is None:
        return Earlier(same_request=False, again=False)
    found = work.signals.impossible_of(entered.person)
    same = [each for each in found if each.code_hash == entered.code_hash]
    recent = [each for each in found if each.entered_at > work.now_ms - AGAIN_MS]
    retried = (each for each in same if each.request is not None and each.entered_at > work.now_ms - KEPT_MS)
    return Earlier(any(each.request == entered.request for each in retried), bool(same or recent))


class Examined(Struct, frozen=True):
    """The number of signals that were examined."""

    signals: int


class Signals:
    """The use case of the scheduler that looks for campaigns."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def examine(self) -> int:
        """Examine new signals for campaigns. Returns how many were examined. Call it again until it returns 0.

        People of a campaign may belong to several shards, so the command locks every shard.
        """
        if not await self._context.storage.fetch(_ANY_UNEXAMINED):
            return 0

        def decide(work: UnitOfWork) -> Answer[Examined]:
            examined = work.signals.examine()
            return lambda: Examined(examined)

        return (await self._context.writer.submit(ReadSet(unexamined=True, everywhere=True), decide)).signals
