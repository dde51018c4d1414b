"""A scene of the demo: a lead and a former customer are called, but a former customer never about documents.

Implements specs/protocol.md sections 3.1 and 4.2 (CVP-4.2-20 to CVP-4.2-24).
"""

from __future__ import annotations

from collections.abc import Callable

import click

from verifier.demo.client import Answer, Caller, now_iso

Check = Callable[[bool, str], None]
LEAD, LEAD_APPLICATION, LEAD_NUMBER = "cust-0911", "LN-2026-0911", "+8613600136911"
FORMER, FORMER_APPLICATION, FORMER_NUMBER = "cust-0912", "LN-2026-0912", "+8613600136912"
DAY_S = 86_400


async def play(
    loans: Caller, pbx: Caller, officer: Caller, lead: Caller, former: Caller, desk: str, check: Check
) -> None:
    """Play the scene. `desk` is the number that officers call from. `check` prints a step and whether it passed."""

    async def issue(application_id: str, number: str, purpose: str) -> Answer:
        asked = {"purpose": purpose, "number": number, "caller_number": desk}
        return await officer.post(f"/v1/applications/{application_id}/calls", asked)

    async def confirmed(issued: Answer, number: str, customer: Caller) -> Answer:
        call_id = issued.json["call"]["call_id"]
        heard = {"event": "connected", "leg_id": f"sip-{number[-4:]}", "number": number, "at": now_iso()}
        await pbx.post(f"/v1/calls/{call_id}/legs", heard)
        code = (await officer.get(f"/v1/calls/{call_id}/code")).json["shown"]
        verdict = await customer.post("/v1/confirmations", {"code": code})
        await pbx.post(f"/v1/calls/{call_id}/legs", {**heard, "event": "ended", "at": now_iso()})
        return verdict

    enquiry = _facts(LEAD, "何静", LEAD_NUMBER, "小微企业贷款", status="enquiry")
    paid_off = _facts(FORMER, "郑涛", FORMER_NUMBER, "汽车贷款", status="closed", closed_at=now_iso(-30 * DAY_S))
    await loans.put(f"/v1/applications/{LEAD_APPLICATION}", enquiry)
    await loans.put(f"/v1/applications/{FORMER_APPLICATION}", paid_off)
    told = await issue(LEAD_APPLICATION, LEAD_NUMBER, "terms")
    check(_rules(told) == ["purpose"], f"a lead, called about terms → {told.json.get('detail')}")
    verdict = await confirmed(await issue(LEAD_APPLICATION, LEAD_NUMBER, "appointment"), LEAD_NUMBER, lead)
    check(verdict.json.get("verdict") == "genuine", "a lead, called about an appointment → genuine, with a receipt")
    click.echo(f"      “{verdict.json['words'][0]['text']}”")
    told = await issue(FORMER_APPLICATION, FORMER_NUMBER, "documents")
    check(_rules(told) == ["purpose"], f"a former customer, called about documents → {told.json.get('detail')}")
    shown = (await officer.get(f"/v1/applications/{FORMER_APPLICATION}")).json["purposes"]
    offered = [each["purpose"] for each in shown if not each["refusals"]]
    check(offered == ["repayment", "marketing"], f"the officer's console offers {' and '.join(offered)}")
    verdict = await confirmed(await issue(FORMER_APPLICATION, FORMER_NUMBER, "repayment"), FORMER_NUMBER, former)
    check(verdict.json.get("verdict") == "genuine", "… about repayment, 30 days after the loan was paid off → genuine")
    await former.put("/v1/me/preferences", {"marketing_calls": False})
    await loans.delete(f"/v1/applications/{FORMER_APPLICATION}")
    again = f"{FORMER_APPLICATION}-2"
    facts = _facts(FORMER, "郑涛", FORMER_NUMBER, "个人消费贷款", status="enquiry")
    await loans.put(f"/v1/applications/{again}", facts)
    told = await issue(again, FORMER_NUMBER, "marketing")
    check(_rules(told) == ["consent"], f"they refuse offers, are erased, and ask again → {told.json.get('detail')}")


def _facts(customer: str, name: str, number: str, product: str, **more: str) -> dict[str, object]:
    return {
        "customer": {"id": customer, "name": name},
        "numbers": [{"number": number, "added_at": "2024-05-01T00:00:00Z"}],
        "officers": [{"id": "4412", "name": "李伟", "branch": "北京中关村支行"}],
        "product": product,
        "consents": {"marketing_calls": True},
        **more,
    }


def _rules(refused: Answer) -> list[str]:
    """The rules that refuse a call."""
    return [each["rule"] for each in refused.json.get("refusals", ())]
