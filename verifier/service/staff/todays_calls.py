"""Counts the calls of today, for the daily caps. Implements specs/protocol.md section 4.2."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from verifier.core.contact_counts import calls_on
from verifier.core.contacts import Contact
from verifier.core.policy import local_day
from verifier.ledger.decrypted import DecryptedApplication


def calls_today(application: DecryptedApplication, day: int) -> int:
    """The number of calls that were issued on an application on the calendar day `day` or later.

    Contacts in other time zones may already have had a later day.
    """
    return application.row.calls_today if application.row.local_day >= day else 0


def calls_to_all(
    application: DecryptedApplication, others: Sequence[DecryptedApplication], contact: Contact, now_ms: int
) -> int:
    """The calls to a contact today, on all applications. Each application counts by its own clock."""
    calls = _calls_to(application, contact, now_ms)
    return calls + sum(_calls_to(each, each.contact(contact.id or "") or contact, now_ms) for each in others)


def _calls_to(application: DecryptedApplication, contact: Contact, now_ms: int) -> int:
    """The number of calls to a contact of an application on their current calendar day."""
    day = local_day(contact.time_zone, now_ms)
    if application.registration.contacts is UNSET:
        return calls_today(application, day)
    return calls_on(application.row.called_today or "", application.pseudonym_of(contact), day)
