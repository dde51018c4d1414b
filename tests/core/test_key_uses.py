"""Uses of a key are leased, counted and refused, tested without a database."""

from __future__ import annotations

import pytest

from verifier.core.errors import Unavailable
from verifier.core.key_uses import LEASE, REFUSED_FROM, ROTATED_BEFORE, TOLD_FROM, Uses, verdict


def test_a_lease_is_requested_at_the_start_and_after_half_of_it_is_used() -> None:
    uses = Uses()
    assert uses.unreserved("k") == {"k": LEASE}
    uses.reserved({"k": LEASE}, {"k": LEASE})
    for _ in range(LEASE // 2):
        uses.count("k")
    assert uses.unreserved("k") == {}
    uses.count("k")
    assert uses.unreserved("k") == {"k": LEASE // 2 + 1}


def test_uses_beyond_a_lease_are_reported_for_a_retired_key_too() -> None:
    uses = Uses()
    uses.reserved({"active": LEASE}, {"active": LEASE})
    uses.count("retired")
    assert uses.unreserved("active") == {"retired": 1}


@pytest.mark.shows("CVP-11-7")
def test_a_use_beyond_the_limit_is_refused_even_after_a_lower_total_is_reported() -> None:
    uses = Uses()
    uses.reserved({"k": 1}, {"k": REFUSED_FROM - 1})
    uses.count("k")
    uses.reserved({}, {"k": REFUSED_FROM})
    uses.reserved({}, {"k": 1})
    with pytest.raises(Unavailable):
        uses.count("k")


def test_a_key_is_reported_from_half_of_its_uses() -> None:
    said = [verdict(uses) for uses in (0, TOLD_FROM - 1, TOLD_FROM, ROTATED_BEFORE, REFUSED_FROM)]
    assert said[:2] == ["", ""]
    assert len(set(said[2:])) == 3
    assert "" not in said[2:]
