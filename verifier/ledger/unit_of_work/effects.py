"""What a batch has brought about that others are told of, once it is durable."""

from __future__ import annotations

from msgspec import Struct, field

from verifier.core.reconciliation import DiscrepancyKind


class Effects(Struct):
    """The customers whose calls have changed, by blind index, and the discrepancies found, each with its id."""

    touched: set[bytes] = field(default_factory=set)
    discrepancies: list[tuple[DiscrepancyKind, str]] = field(default_factory=list)
