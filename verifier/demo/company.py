"""A scene of the demo: the people around a company's loan, and what each of them learns of one call.

Implements specs/protocol.md sections 3.3 and 7 (law L12).
"""

from __future__ import annotations

from collections.abc import Callable

import click

from verifier.demo.client import Answer, Caller, now_iso

Check = Callable[[bool, str], None]
APPLICATION, COMPANY = "WC-2026-0951", "东海机械有限公司"
FINANCE, LEGAL, FORMER, STRANGER = "cust-0951", "cust-0952", "cust-0953", "cust-0954"
# The former head of finance has the same role as the present one.
ROLES = {FINANCE: "finance", LEGAL: "legal_representative", FORMER: "finance"}
NAMES = {FINANCE: "林洁", LEGAL: "沈海东", FORMER: "何文"}
NUMBERS = {FINANCE: "+8613510951000", LEGAL: "+8613510952000", FORMER: "+8613510953000"}


def facts(*logins: str) -> dict[str, object]:
    """The registration of the company's loan, with these people."""
    return {
        "borrower": {"id": "91330206MA2DEMO951", "name": COMPANY, "kind": "company"},
        "contacts": [_contact(each) for each in logins],
        "officers": [{"id": "4412", "name": "李伟", "branch": "北京中关村支行"}],
        "product": "流动资金贷款",
        "reference": "流贷字2026第0951号",
    }


def _contact(login: str) -> dict[str, object]:
    return {
        "id": login,
        "name": NAMES[login],
        "role": ROLES[login],
        "rights": ["called", "confirm", "details"],
        "numbers": [{"number": NUMBERS[login], "added_at": "2024-05-01T00:00:00Z"}],
    }


async def play(
    loans: Caller,
    pbx: Caller,
    officer: Caller,
    ivr: Caller,
    person: Callable[[str], Caller],
    desk: str,
    check: Check,
) -> dict[str, str]:
    """Play the scene, and return the receipt of the legal representative.

    `person` makes the client of a login. `desk` is the number that officers call from. `check` prints a step and
    whether it passed.
    """
    path = f"/v1/applications/{APPLICATION}"

    async def enter(login: str, code: str) -> Answer:
        return await person(login).post("/v1/confirmations", {"code": code})

    registered = [await loans.put(path, facts(*each)) for each in ((FINANCE, LEGAL, FORMER), (FINANCE, LEGAL))]
    check(all(each.status == 200 for each in registered), f"{COMPANY} borrows; its former head of finance has left")
    asked = {"purpose": "terms", "number": NUMBERS[FORMER], "caller_number": desk}
    refused = await officer.post(f"{path}/calls", asked)
    check(refused.json.get("slug") == "policy_refused", f"a call to the former one → {refused.json.get('detail')}")
    issued = await officer.post(f"{path}/calls", {**asked, "number": NUMBERS[FINANCE]})
    call_id = issued.json["call"]["call_id"]
    heard = {"event": "connected", "leg_id": "company", "number": NUMBERS[FINANCE], "at": now_iso()}
    await pbx.post(f"/v1/calls/{call_id}/legs", heard)
    code = (await officer.get(f"/v1/calls/{call_id}/code")).json["shown"]
    states = [(await person(each).get("/v1/me/call-status")).json["state"] for each in (FINANCE, LEGAL)]
    check(states == ["connected", "none"], f"the head of finance is called; only they read so → {', '.join(states)}")

    finance = (await enter(FINANCE, code)).json
    hers = finance["verdict"] == "genuine" and "called" not in finance["call"]
    check(hers, f"the head of finance enters the code in the app → {finance['verdict']}")
    legal = (await enter(LEGAL, code)).json
    theirs = legal["verdict"] == "genuine" and legal["call"]["called"] == {"role": "finance", "name": NAMES[FINANCE]}
    check(theirs, f"the legal representative enters the same code → {legal['verdict']}, and whom the bank called")
    click.echo(f"      “{legal['words'][1]['text']}”")
    keyed = {"digits": code.replace(" ", ""), "dialled_number": "+861095588", "caller_number": NUMBERS[LEGAL]}
    spoken = (await ivr.post("/v1/ivr/confirmations", keyed)).json
    check(spoken["verdict"] == "unavailable", f"… and keys it on their own telephone → {spoken['verdict']}")
    others = [(await enter(each, code)).json for each in (FORMER, STRANGER)]
    check(others[0]["verdict"] == "not_genuine", f"the former head of finance enters it → {others[0]['verdict']}")
    same = others[0]["words"] == others[1]["words"] and others[1]["verdict"] == "not_genuine"
    check(same, f"… and a stranger: the same answer, in the same words → {others[1]['verdict']}")

    await pbx.post(f"/v1/calls/{call_id}/legs", {**heard, "event": "ended", "at": now_iso()})
    listed = (await person(LEGAL).get("/v1/me/calls")).json["calls"]
    named = [each["called"]["name"] for each in listed]
    check(named == [NAMES[FINANCE]], f"the legal representative's list of calls names whom each went to: {named[0]}")
    receipt: dict[str, str] = legal["receipt"]
    return receipt
