"""A scene of the demo: a customer invites their daughter, who checks a call for them and learns nothing of the loan.

Implements specs/protocol.md section 7.18.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from verifier.demo.client import Caller, now_iso

Check = Callable[[bool, str], None]
APPLICATION, PRODUCT, NUMBER = "HL-2026-0971", "个人住房贷款", "+8613510971000"
MOTHER, DAUGHTER = "cust-0971", "cust-0972"
FACTS: dict[str, object] = {
    "customer": {"id": MOTHER, "name": "周桂兰"},
    "numbers": [{"number": NUMBER, "added_at": "2024-05-01T00:00:00Z"}],
    "officers": [{"id": "4412", "name": "李伟", "branch": "北京中关村支行"}],
    "product": PRODUCT,
}


async def play(
    loans: Caller, pbx: Caller, officer: Caller, person: Callable[[str], Caller], desk: str, check: Check
) -> None:
    """Play the scene. `person` makes the client of a login. `check` prints a step and whether it passed."""
    path = f"/v1/applications/{APPLICATION}"
    await loans.put(path, FACTS)
    mother, daughter = person(MOTHER), person(DAUGHTER)
    invited = (await mother.post("/v1/me/helpers", {"name": "女儿"})).json
    check("invitation" in invited, f"a customer invites their daughter: {invited.get('invitation')}")
    entered = {"invitation": invited["invitation"], "name": "小美", "person": "妈妈"}
    taken = await daughter.post("/v1/me/helping", entered)
    again = await person("cust-0973").post("/v1/me/helping", entered)
    check((taken.status, again.status) == (201, 404), "the daughter enters the invitation, and nobody else can")
    helper_id = invited["helper_id"]
    active = await mother.post(f"/v1/me/helpers/{helper_id}/confirmation", {})
    check(active.json["state"] == "active", f"the customer sees {active.json['said_name']}, and agrees for 30 days")

    issued = await officer.post(f"{path}/calls", {"purpose": "documents", "number": NUMBER, "caller_number": desk})
    call_id = issued.json["call"]["call_id"]
    heard = {"event": "connected", "leg_id": "helper", "number": NUMBER, "at": now_iso()}
    await pbx.post(f"/v1/calls/{call_id}/legs", heard)
    code = (await officer.get(f"/v1/calls/{call_id}/code")).json["shown"]
    verdict = (await daughter.post(f"/v1/me/helping/{helper_id}/confirmations", {"code": code})).json
    silent = verdict["verdict"] == "genuine" and verdict["call"]["purpose"] is None and "loan" not in verdict["call"]
    check(silent, f"the daughter enters the code → {verdict['verdict']}, without the loan and the purpose")
    click.echo(f"      “{verdict['words'][1]['text']}”")
    [shown] = (await mother.get("/v1/me/helpers")).json["helpers"]
    seen = [each["seen"] for each in shown["looks"]]
    check(seen == ["genuine"], f"the customer sees who looked: {shown['name']}, {', '.join(seen)}")
    await mother.delete(f"/v1/me/helpers/{helper_id}")
    ended = await daughter.post(f"/v1/me/helping/{helper_id}/confirmations", {"code": code})
    check(ended.status == 404, f"the customer ends it with one tap → {ended.json.get('slug')}")
    await pbx.post(f"/v1/calls/{call_id}/legs", {**heard, "event": "ended", "at": now_iso()})
