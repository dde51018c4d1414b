"""Key 2 of the telephone dialogue: which calls the bank made to the number that rings.

Implements specs/protocol.md section 7.14.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from verifier.core import dialogue as machine
from verifier.core import words
from verifier.core.call_history import LONGEST_CALL_MS, SPOKEN_CALLS, SPOKEN_DAYS, Window
from verifier.core.dialogue import Dialogue, Turn
from verifier.core.errors import RateLimited
from verifier.core.policy import local_time
from verifier.core.times import DAY_MS, FUTURE_SLACK_MS
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.read_set import ReadSet
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.service.confirmations.daily_caps import check_cap, count
from verifier.service.context import Context
from verifier.service.customers.call_history import calls_in

SPOKEN_MS = SPOKEN_DAYS * DAY_MS


def with_calls(reads: ReadSet, now_ms: int) -> ReadSet:
    """Add the calls of the last days to the read set of a step."""
    return replace(reads, calls_between=(now_ms - SPOKEN_MS - LONGEST_CALL_MS, now_ms + FUTURE_SLACK_MS))


def tell_calls(
    work: UnitOfWork,
    context: Context,
    reads: ReadSet,
    on_file: Sequence[DecryptedApplication],
    number: str | None,
    dialogue: Dialogue,
    kept_since: int,
) -> tuple[Dialogue, Turn]:
    """Say which calls went to the number that rings: how many, when, and from which branch.

    It says neither whose calls they were nor what they were about: several people may have this number on file. What
    the contact with the number may do does not matter. The question counts towards the daily cap of the number.
    """
    if reads.calls_between is None:
        # Another step of this dialogue came in between, so the calls were not declared.
        return machine.tell_calls(dialogue, "unavailable")
    cap = context.settings.verdict_cap
    try:
        check_cap(work, reads, cap)
    except RateLimited:
        return machine.tell_calls(dialogue, "too_many")
    count(work, reads, cap)
    if not on_file:
        return machine.tell_calls(dialogue, "unregistered")
    window = Window((work.now_ms - SPOKEN_MS) // 1000, work.now_ms // 1000)
    calls = [each for each in calls_in(work, context, on_file, window, kept_since) if each[1].number == number]
    if not calls:
        return machine.tell_calls(dialogue, "no_calls_made")
    spoken = [
        (_local_time(application, opened), opened.ticket.officer.branch) for application, opened in calls[:SPOKEN_CALLS]
    ]
    texts = {language: words.calls_made(language, len(calls), spoken) for language in words.LANGUAGES}
    return machine.tell_calls(dialogue, "calls_made", texts)


def _local_time(application: DecryptedApplication, opened: DecryptedCall) -> datetime:
    """When the call began, by the clock of the person who has the number."""
    contact = application.contact_of_number(opened.number) or application.contacts[0]
    return local_time(contact.time_zone, opened.call.connected_at or opened.call.issued_at)
