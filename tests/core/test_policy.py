"""The contact policy: each rule at its bounds, and which rules a second person may lift (law L10)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.world import DESK, NOON, OFFICER, Person
from verifier.core.application import Consents, RegisteredNumber, Registration
from verifier.core.errors import PolicyRefused
from verifier.core.policy import LIFTABLE, ContactPolicy, IntendedCall, check_policy, local_day, zone
from verifier.core.times import from_ms

HOUR_MS = 3_600_000
PERSON = Person(1)
INTENDED = IntendedCall(OFFICER.id, "documents", PERSON.number, PERSON.registration().people[0], DESK, 0, 0, NOON)
POLICY = ContactPolicy()


def broken(
    registration: Registration | None = None,
    lifted: frozenset[str] = frozenset(),
    policy: ContactPolicy = POLICY,
    **changes: Any,
) -> list[str]:
    """The rules that the refusal lists as broken."""
    registration = registration or PERSON.registration()
    intended = replace(INTENDED, **changes)
    contact = next((each for each in registration.people if each.number_on_file(intended.number)), None)
    try:
        check_policy(policy, registration, replace(intended, contact=contact), lifted)
    except PolicyRefused as refused:
        return [each.rule for each in refused.refusals]
    return []


def test_a_call_that_keeps_every_rule_is_allowed() -> None:
    assert broken() == []


@pytest.mark.shows("CVP-4.2-2")
def test_a_refusal_says_whether_a_second_person_may_lift_the_rule() -> None:
    late = replace(INTENDED, now_ms=NOON + 12 * HOUR_MS, officer_id="9")
    with pytest.raises(PolicyRefused) as told:
        check_policy(POLICY, PERSON.registration(), late)
    assert {each.rule: each.exception for each in told.value.refusals} == {
        "officer_assigned": False,
        "contact_hours": True,
    }


@pytest.mark.shows("CVP-4.2-2")
def test_a_refusal_lists_all_broken_rules_except_the_lifted_ones() -> None:
    worst = PERSON.registration(status="closed", consents=Consents(service_calls=False))
    policy = replace(POLICY, caller_numbers=frozenset({DESK}))
    wrong = {"officer_id": "9", "number": "+8613900139000", "calls_today": 3, "calls_to_person": 3}
    wrong |= {"caller_number": "+8613700137000", "now_ms": NOON + 12 * HOUR_MS}
    stay = ["officer_assigned", "purpose", "consent", "caller_number", "number_on_file"]
    assert broken(worst, policy=policy, **wrong) == [*stay, "contact_hours", "daily_cap", "person_daily_cap"]
    assert broken(worst, frozenset(LIFTABLE), policy, **wrong) == stay


@pytest.mark.parametrize(("minutes", "allowed"), [(-241, False), (-240, True), (539, True), (540, False)])
def test_contact_hours_are_bounded_on_the_customers_clock(minutes: int, allowed: bool) -> None:
    now_ms = NOON + minutes * 60_000
    assert broken(now_ms=now_ms) == ([] if allowed else ["contact_hours"])


@pytest.mark.parametrize(("hours", "allowed"), [(71, False), (72, True)])
def test_a_new_number_can_be_called_after_72_hours(hours: int, allowed: bool) -> None:
    added = RegisteredNumber(PERSON.number, from_ms(NOON - hours * HOUR_MS))
    young = PERSON.registration(numbers=(added,))
    assert broken(young) == ([] if allowed else ["number_cooling_off"])
    assert broken(young, frozenset({"number_cooling_off"})) == []


def test_marketing_needs_its_own_consent_and_no_refusal() -> None:
    willing = PERSON.registration(consents=Consents(marketing_calls=True))
    assert broken(purpose="marketing") == ["consent"]
    assert broken(willing, purpose="marketing") == []
    assert broken(willing, purpose="marketing", opted_out=True) == ["consent"]
    assert broken(willing, opted_out=True) == []


@pytest.mark.parametrize(("calls", "allowed"), [(2, True), (3, False)])
def test_a_call_beyond_the_daily_cap_is_refused(calls: int, allowed: bool) -> None:
    assert broken(calls_today=calls) == ([] if allowed else ["daily_cap"])


@pytest.mark.parametrize(("calls", "allowed"), [(4, True), (5, False)])
def test_a_call_beyond_the_daily_cap_of_the_person_is_refused(calls: int, allowed: bool) -> None:
    policy = replace(POLICY, person_daily_cap=5)
    assert broken(policy=policy, calls_today=2, calls_to_person=calls) == ([] if allowed else ["person_daily_cap"])
    assert broken(None, frozenset({"person_daily_cap"}), policy, calls_to_person=calls) == []


def test_a_call_comes_from_a_number_of_the_bank_if_the_bank_lists_its_numbers() -> None:
    policy = replace(POLICY, caller_numbers=frozenset({DESK, "+861082345679"}))
    assert broken(policy=policy) == []
    for number in ("+8613700137000", DESK + "1", DESK[:-1], ""):
        assert broken(policy=policy, caller_number=number) == ["caller_number"]
        # No exception lifts the rule, not even one that names it.
        assert broken(None, frozenset(LIFTABLE), policy, caller_number=number) == ["caller_number"]
    assert broken(caller_number="+8613700137000") == []


def test_a_day_begins_at_the_customers_midnight() -> None:
    days = [local_day("Asia/Shanghai", NOON + hours * HOUR_MS) for hours in (0, 11, 12)]
    assert (days[1] - days[0], days[2] - days[0]) == (0, 1)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Asia\x00"])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone(name)
