"""A scene of the demo: "Did you call me yesterday?" gets a signed yes and a signed none, in the app and by telephone.

Implements specs/protocol.md section 7.14.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from verifier.demo.client import Caller, now_iso

Check = Callable[[bool, str], None]
DAY_S = 86_400


async def play(customer: Caller, ivr: Caller, number: str, desk: str, check: Check) -> dict[str, str]:
    """Play the scene. `number` is the customer's, `desk` the one that officers call from. Returns the signed yes."""

    async def ask(begins_s: int, ends_s: int) -> Any:
        asked = {"from": now_iso(begins_s), "until": now_iso(ends_s), "caller_number": desk}
        return (await customer.post("/v1/me/call-checks", asked)).json

    today, before = await ask(-DAY_S, 0), await ask(-3 * DAY_S, -DAY_S)
    listed = (await customer.get("/v1/me/calls")).json["calls"]
    yes = [each["call_id"] for each in today["calls"]] == [each["call_id"] for each in listed] != []
    check(yes and today["from_number"] is True, f"“Did you call me?” → {len(today['calls'])} calls, from {desk}")
    click.echo(f"      “{today['words'][0]['text']}”")
    check(before["calls"] == [] and before["from_number"] is False, "… and the two days before → none, signed")
    click.echo(f"      “{before['words'][1]['text']}”")
    kept = await customer.get(f"/v1/receipts/{before['receipt_id']}")
    check(kept.status == 200, "both answers can be fetched again, like receipts")
    session = (await ivr.post("/v1/ivr/sessions", {"caller_number": number})).json["session_id"]
    heard = (await ivr.post(f"/v1/ivr/sessions/{session}/steps", {"keys": "2#"})).json["say"][0]
    check(heard["name"] == "calls_made", "the same by telephone, with key 2")
    click.echo(f"      “{heard['text']}”")
    missed = {"at": listed[0]["issued_at"], "said": "我没有接到这通电话", "call_id": listed[0]["call_id"]}
    check((await customer.post("/v1/reports", missed)).status == 201, "“I did not get this call” → reported")
    evidence: dict[str, str] = today["receipt"]
    return evidence
