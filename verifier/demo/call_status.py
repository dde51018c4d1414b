"""A scene of the demo: what a customer is told without a code, from before the call until after it.

Implements specs/protocol.md sections 6.6 and 7.5 (law L13).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from verifier.demo.bank import DemoBank
from verifier.demo.client import Answer, Caller, now_iso

Check = Callable[[bool, str], None]
CUSTOMER, NUMBER, APPLICATION = "cust-0911", "+8613500135000", "LN-2026-0911"
_FACTS = {
    "customer": {"id": CUSTOMER, "name": "郑华"},
    "numbers": [{"number": NUMBER, "added_at": "2024-05-01T00:00:00Z"}],
    "officers": [{"id": "4412", "name": "李伟", "branch": "北京中关村支行"}],
    "product": "个人经营贷款",
}


async def play(
    loans: Caller, pbx: Caller, officer: Caller, customer: Caller, bank: DemoBank, desk: str, check: Check
) -> None:
    """Play the scene. `desk` is the number that officers call from. `check` prints a step and whether it passed."""

    async def issue() -> str:
        asked = {"purpose": "documents", "number": NUMBER, "caller_number": desk}
        issued = await officer.post(f"/v1/applications/{APPLICATION}/calls", asked)
        call_id: str = issued.json["call"]["call_id"]
        return call_id

    async def leg(call_id: str, leg_id: str, event: str) -> Answer:
        heard = {"event": event, "leg_id": leg_id, "number": NUMBER, "at": now_iso()}
        return await pbx.post(f"/v1/calls/{call_id}/legs", heard)

    async def told(state: str, step: str) -> None:
        status = (await customer.get("/v1/me/call-status")).json
        right = status["state"] == state and status["on_call"] is (state == "connected")
        check(right, f"{step} → {status['state']}: “{status['words'][1]['text']}”")

    await loans.put(f"/v1/applications/{APPLICATION}", _FACTS)
    await told("none", "nobody calls")
    call_id = await issue()
    await told("expected", "an officer has a code, and has not dialled")
    await leg(call_id, "first", "ringing")
    await told("ringing", "the telephone rings")
    code = await officer.get(f"/v1/calls/{call_id}/code")
    check(code.json.get("slug") == "leg_not_connected", "the officer gets no code while it rings")
    missed = await leg(call_id, "first", "ended")
    check(missed.json["state"] == "issued", "nobody answers; the officer may dial again")
    await leg(call_id, "second", "connected")
    late = await leg(call_id, "second", "ringing")
    check(late.json["state"] == "live", "the customer answers; that it rang is heard only now, and changes nothing")
    await told("connected", "on the phone")
    code = await officer.get(f"/v1/calls/{call_id}/code")
    verdict = (await customer.post("/v1/confirmations", {"code": code.json["shown"]})).json["verdict"]
    check(verdict == "genuine", f"only the code shows that it is the bank → {verdict}")
    await leg(call_id, "second", "ended")
    await told("none", "the call is over")

    call_id = await issue()
    bank.exchange_silent = True
    check(await _silent(officer), "the telephone exchange has gone silent, and the officer's console says so")
    await told("unknown", "a call may ring now, and nobody can know")
    bank.exchange_silent = False
    await leg(call_id, "third", "ringing")
    await told("ringing", "the exchange is heard again")
    await leg(call_id, "third", "ended")


async def _silent(officer: Caller) -> bool:
    """Whether the exchange counts as silent within twice the demo's silence time of 5 seconds."""
    for _ in range(100):
        if (await officer.get("/v1/exchanges")).json["silent"]:
            return True
        await asyncio.sleep(0.1)
    return False
