"""Discrepancies between codes, legs and entries, for supervisors. Implements specs/protocol.md section 6.5."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from callback_verification.quiet import Shape
from callback_verification.requests import Request, get, instant
from callback_verification.shapes import Instant

DiscrepancyKind = Literal[
    "code_without_leg",
    "code_never_used",
    "leg_without_code",
    "leg_ambiguous",
    "leg_not_on_file",
    "leg_not_of_ticket",
    "campaign",
    "bulk_reading",
]


class Discrepancy(Shape, frozen=True):
    """A discrepancy between codes, legs and entries.

    `discrepancy_id` is the id of a call, a stray leg, a signal or a look. `at` is when that call was issued, when the
    first event of that leg arrived, when a second person entered the code of a campaign, or when a member of staff
    looked at one customer too many within an hour. `leg_id` is the telephone exchange's own id of the leg. `people`
    counts those who entered the code of a campaign, or the customers of a bulk reading. `caller_numbers` are the
    numbers from which people say they were called.
    """

    discrepancy_id: str
    kind: DiscrepancyKind
    at: Instant
    call_id: str | None
    application_id: str | None
    officer_id: str | None
    leg_id: str | None
    connected_at: Instant | None
    leg_ended_at: Instant | None
    revealed_at: Instant | None
    people: int | None = None
    caller_numbers: tuple[str, ...] = ()


class Discrepancies(Shape, frozen=True):
    """A page of discrepancies, newest first. `next_cursor` is None on the last page."""

    discrepancies: tuple[Discrepancy, ...]
    next_cursor: str | None


def find(
    *,
    kind: DiscrepancyKind | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Request[Discrepancies]:
    """List discrepancies, page by page, newest first.

    The time from `since` to `until` is at most 31 days. The default is the last day.
    """
    query: dict[str, object] = {
        "kind": kind,
        "since": since and instant(since).isoformat(),
        "until": until and instant(until).isoformat(),
        "limit": limit,
        "cursor": cursor,
    }
    return get("/v1/reconciliation", Discrepancies, query)
