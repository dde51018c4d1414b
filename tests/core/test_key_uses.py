"""How uses of a key are leased, counted and refused, without a database."""

from __future__ import annotations

import pytest

from verifier.core.errors import Unavailable
from verifier.core.key_uses import LEASE, REFUSED_FROM, ROTATED_BEFORE, TOLD_FROM, Uses, verdict


def test_a_lease_is_asked_for_at_first_and_once_half_of_it_is_gone() -> None:
    uses = Uses()
    assert uses.unreserved("k") == {"k": LEASE}
    uses.reserved({"k": LEASE}, {"k": LEASE})
    for _ in range(LEASE // 2):
        uses.count("k")
    assert uses.unreserved("k") == {}
    uses.count("k")
    assert uses.unreserved("k") == {"k": LEASE // 2 + 1}


def test_what_was_used_beyond_a_lease_is_told_for_a_retired_key_too() -> None:
    uses = Uses()
    uses.reserved({"active": LEASE}, {"active": LEASE})
    uses.count("retired")
    assert uses.unreserved("active") == {"retired": 1}


@pytest.mark.shows("CVP-11-7")
def test_the_last_use_is_allowed_and_the_next_is_refused_whatever_total_is_told_later() -> None:
    uses = Uses()
    uses.reserved({"k": 1}, {"k": REFUSED_FROM - 1})
    uses.count("k")
    uses.reserved({}, {"k": REFUSED_FROM})
    uses.reserved({}, {"k": 1})
    with pytest.raises(Unavailable):
        uses.count("k")


def test_a_key_is_spoken_of_from_half_its_uses_on() -> None:
    said = [verdict(uses) for uses in (0, TOLD_FROM - 1, TOLD_FROM, ROTATED_BEFORE, REFUSED_FROM)]
    assert said[:2] == ["", ""]
    assert len(set(said[2:])) == 3
    assert "" not in said[2:]
