"""Counts the calls of a day to each contact of an application, as one text. Implements specs/protocol.md section 4.2.

The text has an entry `pseudonym:day:calls` for each contact that was called lately, with spaces between them. A day is
a calendar day of the contact, in days since 0001-01-01. Contacts may live in several time zones.
"""

from __future__ import annotations


def calls_on(counts: str, contact: str, day: int) -> int:
    """The calls to a contact, by their pseudonym, on a day."""
    return _parsed(counts).get((contact, day), 0)


def with_call(counts: str, contact: str, day: int) -> str:
    """Add one call. Entries that are older than two days are dropped."""
    found = {key: calls for key, calls in _parsed(counts).items() if key[1] > day - 2}
    found[contact, day] = found.get((contact, day), 0) + 1
    return " ".join(f"{each}:{on}:{calls}" for (each, on), calls in found.items())


def _parsed(counts: str) -> dict[tuple[str, int], int]:
    entries = (each.split(":") for each in counts.split())
    return {(contact, int(day)): int(calls) for contact, day, calls in entries}
