"""A scene of the demo: a customer with two loans gets no more calls than with one, and none from a private telephone.

Implements specs/protocol.md section 4.2 (CVP-4.2-9, CVP-4.2-10, CVP-4-10).
"""

from __future__ import annotations

from collections.abc import Callable

import click

from verifier.demo.client import Answer, Caller, now_iso

Check = Callable[[bool, str], None]
CUSTOMER = "cust-0901"
NUMBER, PRIVATE_MOBILE = "+8613600136000", "+8613700137000"
HOME, CAR = "LN-2026-0901", "LN-2026-0902"
LOANS = {HOME: ("个人住房贷款", "房贷字2026第0901号"), CAR: ("汽车贷款", "车贷字2026第0902号")}


async def play(
    loans: Caller, pbx: Caller, officer: Caller, supervisor: Caller, customer: Caller, desk: str, check: Check
) -> None:
    """Play the scene. `desk` is the number that officers call from. `check` prints a step and whether it passed."""

    async def issue(application_id: str, caller_number: str = desk, **more: str) -> Answer:
        asked = {"purpose": "terms", "number": NUMBER, "caller_number": caller_number, **more}
        return await officer.post(f"/v1/applications/{application_id}/calls", asked)

    registered = [await loans.put(f"/v1/applications/{each}", _facts(each)) for each in LOANS]
    check(all(each.status == 200 for each in registered), "a customer has two loans")
    mobile = await issue(CAR, PRIVATE_MOBILE)
    check(_rules(mobile) == [("caller_number", False)], f"a call from a private mobile → {mobile.json.get('detail')}")
    issued = [await issue(each) for each in (HOME, CAR, HOME)]
    check(all(each.status == 201 for each in issued), "three calls in one day, on one loan and on the other")
    fourth = await issue(CAR)
    check(_rules(fourth) == [("person_daily_cap", True)], f"a fourth, on the other loan → {fourth.json.get('detail')}")
    lifted = {"officer_id": "4412", "rules": ["person_daily_cap"], "reason": "the customer has asked to be rung back"}
    granted = await supervisor.post(f"/v1/applications/{CAR}/exceptions", lifted)
    live = await issue(CAR, exception_id=granted.json["exception_id"])
    check(live.status == 201, "a supervisor lifts the cap for one call")
    call_id = live.json["call"]["call_id"]
    heard = {"event": "connected", "leg_id": "two-loans", "number": NUMBER, "at": now_iso()}
    await pbx.post(f"/v1/calls/{call_id}/legs", heard)
    code = (await officer.get(f"/v1/calls/{call_id}/code")).json["shown"]
    verdict = (await customer.post("/v1/confirmations", {"code": code})).json
    product, reference = LOANS[CAR]
    named = verdict["verdict"] == "genuine" and verdict["call"]["loan"] == {"product": product, "reference": reference}
    check(named, f"the customer enters the code → {verdict['verdict']}, about {product}, {reference}")
    click.echo(f"      “{verdict['words'][0]['text']}”")
    await pbx.post(f"/v1/calls/{call_id}/legs", {**heard, "event": "ended", "at": now_iso()})


def _facts(application_id: str) -> dict[str, object]:
    product, reference = LOANS[application_id]
    return {
        "customer": {"id": CUSTOMER, "name": "吴迪"},
        "numbers": [{"number": NUMBER, "added_at": "2024-05-01T00:00:00Z"}],
        "officers": [{"id": "4412", "name": "李伟", "branch": "北京中关村支行"}],
        "product": product,
        "reference": reference,
    }


def _rules(refused: Answer) -> list[tuple[str, bool]]:
    """The rules that refuse a call, each with whether a second person may lift it."""
    return [(each["rule"], each["exception"]) for each in refused.json.get("refusals", ())]
