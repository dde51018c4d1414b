"""The table of operations, from which specs/openapi.yaml is generated."""

from __future__ import annotations

from verifier.api.operations import Operation
from verifier.api.routes import bank, calls, confirmations, counter, customers, helpers, open, staff
from verifier.api.throttle import Throttle
from verifier.ports import Reader


def operations(storage: Reader, slips: Throttle) -> tuple[Operation, ...]:
    """Every operation, in the order of the documentation."""
    return (
        *bank.operations(),
        *calls.operations(),
        *staff.operations(),
        *confirmations.operations(slips),
        *customers.operations(),
        *helpers.operations(slips),
        *counter.operations(slips),
        *open.operations(storage),
    )
