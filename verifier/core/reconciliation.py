"""What does not fit together between codes and legs. Carries out specs/protocol.md section 6.5."""

from __future__ import annotations

from typing import Literal, get_args

from verifier.core.call import Call

StrayKind = Literal["leg_without_code", "leg_ambiguous", "leg_not_on_file", "leg_not_of_ticket"]
DiscrepancyKind = Literal[
    "code_without_leg",
    "code_never_used",
    "leg_without_code",
    "leg_ambiguous",
    "leg_not_on_file",
    "leg_not_of_ticket",
]
KINDS: tuple[DiscrepancyKind, ...] = get_args(DiscrepancyKind)


def discrepancy_of(call: Call) -> DiscrepancyKind | None:
    """What does not fit in a call that has closed; None in an open one. `records` asks the database the same."""
    if call.open:
        return None
    if call.connected_at is None and call.leg_mode != "off":
        return None if call.revealed_at is None else "code_without_leg"
    shown_or_connected = call.revealed_at is not None or call.connected_at is not None
    return "code_never_used" if shown_or_connected and call.confirmed_at is None else None
