"""The contact policy (law L10). It decides whether an officer may phone a customer now, for a purpose, on a number.

Implements specs/protocol.md section 4.2. All rules are checked, so an officer gets all reasons of a refusal at once.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from verifier.core import status_purposes
from verifier.core.application import Officer, Registration, Status
from verifier.core.contacts import Contact
from verifier.core.errors import PolicyRefused, Refusal
from verifier.core.status_purposes import StatusPurposes
from verifier.core.times import from_ms, to_ms

# Rules that a second person may lift for one call. No exception lifts the other rules.
LIFTABLE = ("contact_hours", "daily_cap", "number_cooling_off", "person_daily_cap")


DEFAULT_PURPOSES = status_purposes.parse(status_purposes.DEFAULT)


class ContactPolicy(msgspec.Struct, frozen=True):
    """The contact policy of a deployment. Hours are in the contact's local time. Every ticket names the `version`.

    `daily_cap` is for one application, and `person_daily_cap` is for all applications of one contact. If
    `caller_numbers` is empty, an officer may call from any number.

    `purposes` says what a customer may be phoned about, by the status of the application. After an application was
    closed, its purposes other than marketing are allowed for `closed_call_days` of the customer's calendar days.
    """

    version: str = "2026-1"
    hours_start: time = time(8, 0)
    hours_end: time = time(21, 0)
    daily_cap: int = 3
    person_daily_cap: int = 3
    caller_numbers: frozenset[str] = frozenset()
    cooling_off_ms: int = 72 * 3_600_000
    purposes: StatusPurposes = msgspec.field(default_factory=lambda: DEFAULT_PURPOSES)
    closed_call_days: int = 90


class IntendedCall(msgspec.Struct, frozen=True):
    """A call that an officer wants to make from `caller_number` to `number`.

    `contact` is the contact with this number on file, or None. `calls_today` is the number of calls issued on the
    application today. `calls_to_person` is the number of calls issued to the contact today, on all applications.

    If `opted_out` is true, the contact has refused marketing calls, even if the registration allows them. `closed_ms`
    is when the application was closed, or None if it is not closed.
    """

    officer_id: str
    purpose: str
    number: str
    contact: Contact | None
    caller_number: str
    calls_today: int
    calls_to_person: int
    now_ms: int
    opted_out: bool = False
    closed_ms: int | None = None


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone with this name. Raises ValueError for an unknown name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


# All calls of a batch have the same `now_ms`, so a small cache suffices.
@lru_cache(maxsize=64)
def local_time(time_zone: str, now_ms: int) -> datetime:
    """The local time in an IANA time zone at `now_ms`."""
    return from_ms(now_ms).astimezone(zone(time_zone))


def check_policy(
    policy: ContactPolicy, registration: Registration, intended: IntendedCall, lifted: frozenset[str] = frozenset()
) -> Officer:
    """Check whether a call is allowed. Returns the assigned officer who makes the call.

    Raises PolicyRefused with every broken rule that is not in `lifted`.
    """
    refusals = [each for each in _broken(policy, registration, intended) if each.rule not in lifted]
    officer = registration.assigned(intended.officer_id)
    if refusals or officer is None:
        raise PolicyRefused("; ".join(each.detail for each in refusals), refusals=tuple(refusals))
    return officer


def refusals_of_purpose(
    policy: ContactPolicy,
    status: Status,
    purpose: str,
    contact: Contact,
    closed_ms: int | None,
    now_ms: int,
    *,
    opted_out: bool,
) -> list[Refusal]:
    """The rules that a call for this purpose breaks, whatever its number, officer and time of day.

    `contact` is the person who would be called. `closed_ms` and `opted_out` are those of IntendedCall.
    """
    found: list[Refusal] = []
    marketing = purpose == "marketing"
    closed = None if closed_ms is None else local_time(contact.time_zone, closed_ms).date()
    if purpose not in policy.purposes[status]:
        since = "" if closed is None else f", since {closed}"
        found.append(Refusal("purpose", f"no call about {purpose} is allowed while the status is {status}{since}"))
    elif closed is not None and not marketing:
        days = (local_time(contact.time_zone, now_ms).date() - closed).days
        if days > policy.closed_call_days:
            told = f"the application was closed on {closed}; a call about {purpose} is allowed for"
            found.append(Refusal("application_open", f"{told} {policy.closed_call_days} days after that"))
    kind = "marketing" if marketing else "service"
    if not getattr(contact.consents, f"{kind}_calls"):
        found.append(Refusal("consent", f"the customer has not agreed to {kind} calls"))
    elif marketing and opted_out:
        found.append(Refusal("consent", "the customer has refused marketing calls"))
    return found


def _broken(policy: ContactPolicy, registration: Registration, intended: IntendedCall) -> list[Refusal]:
    found: list[Refusal] = []
    if registration.assigned(intended.officer_id) is None:
        found.append(Refusal("officer_assigned", "the officer is not assigned to this application"))
    # If nobody has the number, the other rules are checked for the first contact, so that the officer learns of all.
    contact = intended.contact or registration.people[0]
    found += refusals_of_purpose(
        policy,
        registration.status,
        intended.purpose,
        contact,
        intended.closed_ms,
        intended.now_ms,
        opted_out=intended.opted_out,
    )
    if policy.caller_numbers and intended.caller_number not in policy.caller_numbers:
        found.append(Refusal("caller_number", "the number to call from is not one of the bank's own numbers"))
    return found + refusals_of_number(
        policy, contact, intended.number, intended.calls_today, intended.calls_to_person, intended.now_ms
    )


def refusals_of_number(
    policy: ContactPolicy, contact: Contact, number: str, calls_today: int, calls_to_person: int, now_ms: int
) -> list[Refusal]:
    """The rules that a call to this number of `contact` breaks, whatever its purpose, officer and caller number.

    `calls_today` and `calls_to_person` are those of IntendedCall.
    """
    found: list[Refusal] = []

    def broken(rule: str, detail: str) -> None:
        found.append(Refusal(rule, detail, exception=rule in LIFTABLE))

    on_file = contact.number_on_file(number)
    hours = policy.cooling_off_ms // 3_600_000
    if on_file is None:
        broken("number_on_file", "the number dialled is not on file for this application")
    elif now_ms - to_ms(on_file.added_at) < policy.cooling_off_ms:
        broken("number_cooling_off", f"the number was put on file less than {hours} hours ago")
    elif contact.added_at is not UNSET and now_ms - to_ms(contact.added_at) < policy.cooling_off_ms:
        broken("number_cooling_off", f"the contact was added less than {hours} hours ago")
    if not contact.may("called"):
        broken("contact_right", "the contact with this number must not be called")
    local = local_time(contact.time_zone, now_ms)
    if not policy.hours_start <= local.time() < policy.hours_end:
        broken(
            "contact_hours",
            f"it is {local:%H:%M} for the customer; calls are allowed from "
            f"{policy.hours_start:%H:%M} to {policy.hours_end:%H:%M}",
        )
    if calls_today >= policy.daily_cap:
        broken(
            "daily_cap", f"{calls_today} calls have been made on this application today; the cap is {policy.daily_cap}"
        )
    if calls_to_person >= policy.person_daily_cap:
        broken(
            "person_daily_cap",
            f"{calls_to_person} calls have been made to this customer today, about all of their applications; "
            f"the cap is {policy.person_daily_cap}",
        )
    return found


def local_day(time_zone: str, now_ms: int) -> int:
    """The current calendar day in a time zone, as days since 0001-01-01. The daily caps count the calls of this day."""
    return date.toordinal(local_time(time_zone, now_ms).date())
