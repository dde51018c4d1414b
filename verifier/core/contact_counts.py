"""Counts the calls of a day to each contact of an application, as one text. Implements specs/protocol.md section 4.2.

The text has one entry `pseudonym:day:calls` for each contact that was called lately, with spaces between them. A day is
a calendar day of the contact, in days since 0001-01-01. Contacts may live in several time zones. The calls of a later
day count on an earlier one too: a contact who has moved west has their day twice.
"""

from __future__ import annotations

from collections.abc import Collection

# On one day of a contact, other contacts may still have the second day before it: UTC-12 is 26 hours behind UTC+14.
_DAYS_APART = 2


def calls_on(counts: str, contact: str, day: int) -> int:
    """The calls to a contact, by their pseudonym, on a day or later."""
    on, calls = _parsed(counts).get(contact, (day, 0))
    return calls if on >= day else 0


def with_call(counts: str, contact: str, day: int) -> str:
    """Add one call. Entries of days that are over for every contact are dropped."""
    found = {each: entry for each, entry in _parsed(counts).items() if entry[0] >= day - _DAYS_APART}
    latest = max(day, found.get(contact, (day, 0))[0])
    return _text({**found, contact: (latest, calls_on(counts, contact, day) + 1)})


def of_contacts(counts: str, contacts: Collection[str]) -> str:
    """Keep only the entries of these contacts, by their pseudonyms."""
    return _text({each: entry for each, entry in _parsed(counts).items() if each in contacts})


def all_to(contact: str, day: int, calls: int) -> str:
    """The counts of an application on which all calls went to one contact."""
    return _text({contact: (day, calls)} if calls else {})


def _parsed(counts: str) -> dict[str, tuple[int, int]]:
    entries = (each.split(":") for each in counts.split())
    return {contact: (int(day), int(calls)) for contact, day, calls in entries}


def _text(entries: dict[str, tuple[int, int]]) -> str:
    return " ".join(f"{contact}:{day}:{calls}" for contact, (day, calls) in entries.items())
