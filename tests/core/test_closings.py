"""The time at which an application was closed: bounds, dating, and what an import takes for unchanged."""

from __future__ import annotations

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from tests.world import NOON, Person
from verifier.core.closings import check_closing, closed_since, dated, needs_date, unchanged
from verifier.core.errors import InvalidField
from verifier.core.times import FUTURE_SLACK_MS, from_ms

OPEN = Person(1).registration()
ENQUIRY = replace(OPEN, status="enquiry")
CLOSED = replace(OPEN, status="closed")
DATED = replace(CLOSED, closed_at=from_ms(NOON - 1000))


@pytest.mark.shows("CVP-3.1-21")
def test_only_a_closed_application_has_a_possible_date() -> None:
    for good in (OPEN, ENQUIRY, CLOSED, DATED):
        check_closing(good, NOON)
    for at in (0, NOON + FUTURE_SLACK_MS):
        check_closing(replace(CLOSED, closed_at=from_ms(at)), NOON)
    for at in (-1, NOON + FUTURE_SLACK_MS + 1):
        with pytest.raises(InvalidField):
            check_closing(replace(CLOSED, closed_at=from_ms(at)), NOON)
    for other in (OPEN, ENQUIRY):
        with pytest.raises(InvalidField):
            check_closing(replace(other, closed_at=from_ms(NOON - 1)), NOON)


@pytest.mark.shows("CVP-3.1-20")
def test_a_closing_without_a_date_is_dated_and_one_with_a_date_is_kept() -> None:
    assert [needs_date(each) for each in (OPEN, ENQUIRY, CLOSED, DATED)] == [False, False, True, False]
    for each in (OPEN, ENQUIRY, DATED):
        assert dated(each, NOON - 5, NOON) == each
    assert dated(CLOSED, None, NOON).closed_at == from_ms(NOON)
    assert dated(CLOSED, NOON - 5, NOON).closed_at == from_ms(NOON - 5)


@pytest.mark.shows("CVP-3.1-20")
def test_the_last_update_counts_where_there_is_no_date() -> None:
    assert [closed_since(each, NOON) for each in (OPEN, ENQUIRY)] == [None, None]
    assert (closed_since(CLOSED, NOON - 7), closed_since(DATED, NOON - 7)) == (NOON - 7, NOON - 1000)


@pytest.mark.shows("CVP-3.1-7")
def test_facts_are_unchanged_if_only_the_service_has_dated_them() -> None:
    assert unchanged(DATED, CLOSED)
    assert unchanged(CLOSED, CLOSED)
    assert unchanged(DATED, DATED)
    assert not unchanged(CLOSED, DATED)
    assert not unchanged(DATED, replace(DATED, closed_at=from_ms(NOON)))
    for held in (None, OPEN, ENQUIRY):
        assert not unchanged(held, CLOSED)
    assert CLOSED.closed_at is UNSET
