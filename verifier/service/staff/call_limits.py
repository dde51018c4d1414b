"""How far the numbers of an application are within the limits of the contact policy, before a call is asked for.

Implements specs/protocol.md section 4.2.
"""

from __future__ import annotations

from datetime import time

from msgspec import UNSET

from verifier.core.application import RegisteredNumber
from verifier.core.contacts import Contact
from verifier.core.messages.calls import CallLimits, NumberLimits
from verifier.core.policy import local_day, refusals_of_number
from verifier.core.times import from_ms, to_ms
from verifier.ledger.decrypted import DecryptedApplication
from verifier.service.context import Context
from verifier.service.staff.todays_calls import calls_to_all, calls_today


async def limits_of(context: Context, application: DecryptedApplication) -> CallLimits:
    """The limits, and what they refuse now for each number on file, by the same decision as for a call."""
    people = {
        context.customer_index(each.id): each.id
        for each in application.contacts
        if each.id is not None and each.may("called")
    }
    theirs = await context.reading.applications_of_people(people)
    policy, now_ms = context.settings.policy, context.clock()

    def limits(contact: Contact, on_file: RegisteredNumber) -> NumberLimits:
        found = theirs.get(context.contact_index(application, contact) or b"", ())
        others = [each for each in found if each.application_id != application.application_id]
        today = calls_today(application, local_day(contact.time_zone, now_ms))
        to_person = calls_to_all(application, others, contact, now_ms)
        cools_until = _added(contact, on_file) + policy.cooling_off_ms
        return NumberLimits(
            number=on_file.number,
            calls_today=today,
            calls_to_person=to_person,
            cools_until=from_ms(cools_until) if now_ms < cools_until else None,
            refusals=tuple(refusals_of_number(policy, contact, on_file.number, today, to_person, now_ms)),
        )

    return CallLimits(
        hours_start=_clock(policy.hours_start),
        hours_end=_clock(policy.hours_end),
        daily_cap=policy.daily_cap,
        person_daily_cap=policy.person_daily_cap,
        cooling_off_hours=policy.cooling_off_ms // 3_600_000,
        numbers=tuple(limits(each, number) for each in application.contacts for number in each.numbers),
    )


def _added(contact: Contact, on_file: RegisteredNumber) -> int:
    """When the number, or its contact, was put on file, whichever is later, in epoch milliseconds."""
    number = to_ms(on_file.added_at)
    return number if contact.added_at is UNSET else max(number, to_ms(contact.added_at))


def _clock(of_day: time) -> str:
    """HH:MM. The last moment of a day is 24:00."""
    return "24:00" if of_day == time.max else f"{of_day:%H:%M}"
