"""The effects of a batch that are published once it is durable."""

from __future__ import annotations

from msgspec import Struct, field

from verifier.core.reconciliation import DiscrepancyKind


class Effects(Struct):
    """Changed customers and new discrepancies.

    `touched` are the blind indexes of customers whose calls have changed. Each discrepancy comes with its id.
    """

    touched: set[bytes] = field(default_factory=set)
    discrepancies: list[tuple[DiscrepancyKind, str]] = field(default_factory=list)
