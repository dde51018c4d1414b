"""Compares the state changes of a call with the table of specs/protocol.md section 6."""

from __future__ import annotations

import random
import re

import pytest
from msgspec.structs import replace

from tests.requirements import ROOT
from verifier.core import call as lifecycle
from verifier.core.call import OPEN, Call, CallRules, Channel, LegTimes

TABLE = (ROOT / "specs/protocol.md").read_text(encoding="utf-8").partition("\n## 6. ")[2].partition("\n- **")[0]
ROWS = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|.*\| `(\w+)` \|$", TABLE, re.MULTILINE)
ALLOWED = {(before, after) for befores, after in ROWS for before in re.findall(r"\w+", befores)}
MINUTE_MS = 60_000


def happens(rng: random.Random, call: Call, wrong: dict[Channel, int], now_ms: int, rules: CallRules) -> Call:
    """Applies a random event to an open call. Each event is one command of the service."""
    channel: Channel = rng.choice(["app", "ivr"])
    what = rng.choice(
        ["time", "ringing", "connected", "ended", "late", "misdirected", "right", "revoked", *["wrong"] * 6]
    )
    if what == "ringing":
        return lifecycle.follow_leg(call, LegTimes(now_ms, call.connected_at, call.leg_ended_at), now_ms, rules)
    if what == "connected":
        return lifecycle.follow_leg(call, LegTimes(connected_at=now_ms), now_ms, rules)
    if what == "ended" and call.connected_at is not None:
        return lifecycle.follow_leg(
            call, LegTimes(call.rang_at, call.connected_at, call.leg_ended_at or now_ms), now_ms, rules
        )
    if what == "late":
        return lifecycle.follow_leg(call, LegTimes(None, now_ms - 5 * MINUTE_MS, now_ms - 4 * MINUTE_MS), now_ms, rules)
    if what == "misdirected":
        return lifecycle.follow_leg(call, LegTimes(rng.choice([None, now_ms])), now_ms, rules)
    if what == "right" and lifecycle.confirm_allowed(call, wrong[channel], rules) and call.state != "confirmed":
        return lifecycle.confirm(call, now_ms, 7, rules)
    if what == "wrong" and wrong[channel] < rules.max_wrong:
        wrong[channel] += 1
        return lifecycle.after_wrong(call, wrong["app"], wrong["ivr"], now_ms, rules)
    if what == "revoked":
        return lifecycle.revoke(call, now_ms)
    return call


@pytest.mark.shows("CVP-6-1")
def test_a_call_makes_exactly_the_state_changes_of_the_table() -> None:
    rng = random.Random(6)
    seen: set[tuple[str, str]] = set()
    for _ in range(3000):
        rules = CallRules(leg_mode=rng.choice(["required", "observed", "off"]))
        call = Call("call_1", "LN-1", "4412", 0, 1, rules.leg_mode, 0, rules.code_lifetime_ms)
        now_ms = 0
        wrong: dict[Channel, int] = {"app": 0, "ivr": 0}
        for _ in range(20):
            now_ms += rng.choice([0, 1000, 1000, MINUTE_MS, 9 * MINUTE_MS])
            settled = lifecycle.settle(call, now_ms, rules)
            seen.add((call.state, settled.state))
            if not settled.open:
                break
            call = happens(rng, settled, wrong, now_ms, rules)
            seen.add((settled.state, call.state))
    assert {(before, after) for before, after in seen if before != after} == ALLOWED
    for closed in {after for _, after in ALLOWED} - OPEN:
        over = replace(call, state=closed)
        assert lifecycle.settle(over, 10**15, CallRules()) == over
        assert not lifecycle.reveal_allowed(over)
        assert not lifecycle.confirm_allowed(over, 0, CallRules())
