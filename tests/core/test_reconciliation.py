"""Which closed calls are discrepancies."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from verifier.core.call import Call
from verifier.core.reconciliation import discrepancy_of

CLOSED = Call("call_1", "LN-1", "4412", 0, 1, "required", 0, 600_000, state="ended")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, None),
        ({"state": "live", "revealed_at": 2}, None),
        ({"revealed_at": 2}, "code_without_leg"),
        ({"revealed_at": 2, "leg_mode": "observed"}, "code_without_leg"),
        ({"revealed_at": 2, "leg_mode": "off"}, "code_never_used"),
        ({"revealed_at": 2, "leg_mode": "off", "confirmed_at": 3}, None),
        ({"connected_at": 1}, "code_never_used"),
        ({"connected_at": 1, "revealed_at": 2}, "code_never_used"),
        ({"connected_at": 1, "revealed_at": 2, "confirmed_at": 3}, None),
        ({"leg_mode": "off"}, None),
    ],
)
def test_a_closed_call_is_the_expected_discrepancy_or_none(changes: dict[str, Any], kind: str | None) -> None:
    assert discrepancy_of(replace(CLOSED, **changes)) == kind
