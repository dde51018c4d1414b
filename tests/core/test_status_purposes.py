"""The purposes of calls by status: a table of every status, purpose, consent and time since closing (law L10)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest
from msgspec.structs import replace

from tests.world import DESK, NOON, OFFICER, Person
from verifier.core import status_purposes
from verifier.core.application import Consents, Status
from verifier.core.errors import PolicyRefused, Refusal
from verifier.core.policy import LIFTABLE, ContactPolicy, IntendedCall, check_policy
from verifier.core.purposes import ASKS, PURPOSES, Purpose
from verifier.core.times import from_ms, to_ms

PERSON = Person(1)
POLICY = ContactPolicy()
ALL = get_args(Purpose)
# Written out by hand: what each status allows without a setting.
ALLOWED = {
    "enquiry": {"appointment", "progress", "marketing"},
    "open": {"documents", "progress", "terms", "disbursement", "repayment", "marketing", "appointment"},
    "closed": {"repayment", "marketing"},
}


def refusals(
    status: Status,
    purpose: str,
    *,
    days: int = 0,
    closed_at: datetime | None = None,
    consents: Consents = Consents(marketing_calls=True),  # noqa: B008 - frozen
    opted_out: bool = False,
    time_zone: str = "Asia/Shanghai",
    policy: ContactPolicy = POLICY,
    lifted: frozenset[str] = frozenset(),
) -> list[Refusal]:
    """What refuses a call at noon in Shanghai. A closed application was closed `days` before, or at `closed_at`."""
    closed_ms = to_ms(closed_at or from_ms(NOON) - timedelta(days=days)) if status == "closed" else None
    plain = PERSON.registration(status=status, consents=consents)
    registration = replace(plain, customer=replace(plain.customer, time_zone=time_zone))
    intended = IntendedCall(
        officer_id=OFFICER.id,
        purpose=purpose,
        number=PERSON.number,
        contact=registration.people[0],
        caller_number=DESK,
        calls_today=0,
        calls_to_person=0,
        now_ms=NOON,
        opted_out=opted_out,
        closed_ms=closed_ms,
    )
    try:
        check_policy(policy, registration, intended, lifted)
    except PolicyRefused as refused:
        return [each for each in refused.refusals if each.rule != "contact_hours"]
    return []


def rules(status: Status, purpose: str, **more: object) -> list[str]:
    return [each.rule for each in refusals(status, purpose, **more)]  # type: ignore[arg-type]


@pytest.mark.shows("CVP-4.2-20", "CVP-4.2-21")
@pytest.mark.parametrize(
    ("status", "purpose", "service", "marketing", "days"),
    list(product(get_args(Status), ALL, (True, False), (True, False), (0, 89, 90, 91, 4000))),
)
def test_each_status_allows_its_purposes_and_a_closed_one_for_ninety_days(
    status: Status, purpose: str, service: bool, marketing: bool, days: int
) -> None:
    wanted = []
    if purpose not in ALLOWED[status]:
        wanted.append("purpose")
    elif status == "closed" and purpose != "marketing" and days > 90:
        wanted.append("application_open")
    if not (marketing if purpose == "marketing" else service):
        wanted.append("consent")
    assert rules(status, purpose, days=days, consents=Consents(service, marketing)) == wanted


@pytest.mark.shows("CVP-4.2-21")
@pytest.mark.parametrize(
    ("time_zone", "days"), [("Asia/Shanghai", 90), ("UTC", 91), ("Pacific/Kiritimati", 90), ("Pacific/Pago_Pago", 90)]
)
def test_the_days_since_closing_are_those_of_the_customers_calendar(time_zone: str, days: int) -> None:
    """24 August 16:30 UTC is 25 August in Shanghai. The call is on 23 November 04:00 UTC, a day earlier in Samoa."""
    closed_at = datetime(2026, 8, 24, 16, 30, tzinfo=UTC)
    for most in (days - 1, days):
        found = rules(
            "closed",
            "repayment",
            closed_at=closed_at,
            time_zone=time_zone,
            policy=ContactPolicy(closed_call_days=most),
        )
        assert found == ([] if most == days else ["application_open"]), (time_zone, most)


@pytest.mark.shows("CVP-4.2-21")
def test_summer_time_makes_no_day_shorter() -> None:
    """Ninety days after 23:30 on 25 August, clocks in Berlin have gone back by an hour."""
    closed_at = datetime(2026, 8, 24, 22, 30, tzinfo=UTC)
    assert rules("closed", "repayment", closed_at=closed_at, time_zone="Europe/Berlin") == []
    assert rules("closed", "repayment", closed_at=closed_at - timedelta(hours=1), time_zone="Europe/Berlin") == [
        "application_open"
    ]


@pytest.mark.shows("CVP-4.2-22")
def test_the_refusal_names_the_purpose_the_status_and_since_when() -> None:
    [told] = refusals("enquiry", "documents")
    assert told.detail == "no call about documents is allowed while the status is enquiry"
    [told] = refusals("closed", "documents", days=40)
    assert told.detail == "no call about documents is allowed while the status is closed, since 2026-10-14"
    [told] = refusals("closed", "repayment", days=91)
    assert told.detail == (
        "the application was closed on 2026-08-24; a call about repayment is allowed for 90 days after that"
    )


@pytest.mark.shows("CVP-4.2-22")
def test_no_exception_lifts_a_status() -> None:
    cases: dict[Status, tuple[str, int]] = {"enquiry": ("terms", 0), "closed": ("repayment", 91)}
    for status, (purpose, days) in cases.items():
        found = refusals(status, purpose, days=days, lifted=frozenset(LIFTABLE))
        assert [(each.rule in LIFTABLE, each.exception) for each in found] == [(False, False)]


@pytest.mark.shows("CVP-4.2-6")
def test_a_refusal_of_marketing_counts_in_every_status() -> None:
    for status in get_args(Status):
        assert rules(status, "marketing", opted_out=True) == ["consent"]
        for purpose in ALLOWED[status] - {"marketing"}:
            assert rules(status, purpose, opted_out=True) == []


@pytest.mark.shows("CVP-4.2-20")
def test_the_bank_may_allow_other_purposes() -> None:
    purposes = status_purposes.parse("closed: documents; open:; enquiry : appointment ")
    policy = ContactPolicy(purposes=purposes, closed_call_days=0)
    assert rules("open", "documents", policy=policy) == ["purpose"]
    assert rules("enquiry", "appointment", policy=policy) == []
    assert rules("closed", "documents", policy=policy) == []
    assert rules("closed", "documents", days=1, policy=policy) == ["application_open"]
    assert rules("closed", "marketing", policy=policy) == ["purpose"]


WRONG = {
    "": "'' is no status",
    "open": "'open' is no status",
    "enquiry: ; open: documents": "lacks closed",
    "open: documents": "lacks enquiry and closed",
    "enquiry:; open:; closed:;": "'' is no status",
    "enquiry:; open:; closed:; open:": "open is given twice",
    "enquiry:; open:; closed:; lead:": "'lead' is no status",
    "Enquiry:; open:; closed:": "'Enquiry' is no status",
    "enquiry:; open: document; closed:": "open names 'document', which is none of documents",
    "enquiry:; open: documents,; closed:": "open names ''",
    "enquiry:; open: documents progress; closed:": "open names 'documents progress'",
    "enquiry:; open: terms, terms; closed:": "open names a purpose twice",
    "enquiry:; open: terms: progress; closed:": "open names 'terms: progress'",
}


@pytest.mark.shows("CVP-4.2-20")
@pytest.mark.parametrize("text", WRONG)
def test_wrong_purposes_are_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(WRONG[text])}"):
        status_purposes.parse(text)


@pytest.mark.shows("CVP-4.3-1")
def test_an_appointment_asks_for_a_time_and_nothing_else() -> None:
    assert ASKS["appointment"] == ("appointment",)
    assert set(PURPOSES) == set(ASKS) == set(ALL)
    assert all(set(each) == {"zh-CN", "en"} for each in PURPOSES.values())
