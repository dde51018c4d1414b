"""The looks of helpers, which the customer sees. Implements specs/protocol.md section 7.18."""

from __future__ import annotations

from verifier.core.messages.helpers import HelperSaw
from verifier.core.times import DAY_MS
from verifier.ledger.tables import HelperLookRow
from verifier.ledger.unit_of_work import UnitOfWork

LOOKS_KEPT_MS = 31 * DAY_MS


def add_look(work: UnitOfWork, helper_id: str, seen: HelperSaw) -> None:
    """Record what a helper is about to see."""
    look_id = work.new_id("look")
    work.helpers.add_look(HelperLookRow(look_id, helper_id, seen, work.now_ms, work.now_ms + LOOKS_KEPT_MS))
