"""Discrepancies between the codes that officers saw, the legs that were connected, and the codes that people entered.

Implements specs/protocol.md section 6.5.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

from verifier.core.call import Call

StrayKind = Literal["leg_without_code", "leg_ambiguous", "leg_not_on_file", "leg_not_of_ticket"]
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
KINDS: tuple[DiscrepancyKind, ...] = get_args(DiscrepancyKind)


class Discrepancy(Struct, frozen=True):
    """A discrepancy. `discrepancy_id` is the id of a call, a leg, a signal or a look.

    `leg_id` is the telephone exchange's own id of the leg.

    For a call, `at` is when the call was issued. For a leg, `at` is when the first event of the leg arrived. For a
    campaign, `at` is when the second person entered the code. `people` counts those who entered it within a week before
    and after. `caller_numbers` are the numbers from which they say they were called.

    For a bulk reading, `officer_id` is the member of staff, and `at` is when they looked at one customer too many.
    `people` counts the customers in the hour that ends with `at`.
    """

    discrepancy_id: str
    kind: DiscrepancyKind
    at: datetime
    call_id: str | None
    application_id: str | None
    officer_id: str | None
    leg_id: str | None
    connected_at: datetime | None
    leg_ended_at: datetime | None
    revealed_at: datetime | None
    people: int | None = None
    caller_numbers: tuple[str, ...] = ()


class Discrepancies(Struct, frozen=True):
    """A page of discrepancies, newest first. `next_cursor` is null on the last page."""

    discrepancies: tuple[Discrepancy, ...]
    next_cursor: str | None


def discrepancy_of(call: Call) -> DiscrepancyKind | None:
    """The discrepancy of a closed call, or None. The SQL in ledger/records.py has the same conditions."""
    if call.open:
        return None
    if call.connected_at is None and call.leg_mode != "off":
        return None if call.revealed_at is None else "code_without_leg"
    shown_or_connected = call.revealed_at is not None or call.connected_at is not None
    return "code_never_used" if shown_or_connected and call.confirmed_at is None else None
