"""A scene of the demo: a customer with a code on paper walks into a branch, and leaves with a slip that verifies.

Implements specs/protocol.md sections 7.19 and 8.5.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from verifier.core.errors import EvidenceError
from verifier.core.evidence import Trust, verify_evidence
from verifier.core.statements import Receipt
from verifier.demo.client import Caller, now_iso
from verifier.receipt_files import evidence_in

Check = Callable[[bool, str], None]
CUSTOMER, NAME = "cust-0903", "何秀英"
NUMBER, APPLICATION = "+8613500135003", "LN-2026-0903"
CLERK = "5101"
DAY_S = 86_400


async def play(
    loans: Caller,
    pbx: Caller,
    officer: Caller,
    clerk: Caller,
    customer: Caller,
    desk: str,
    trust: Trust,
    slip: Path,
    check: Check,
) -> None:
    """Play the scene. `desk` is the number that officers call from, and `slip` the file for what a scanner reads."""
    facts = {
        "customer": {"id": CUSTOMER, "name": NAME},
        "numbers": [{"number": NUMBER, "added_at": "2024-05-01T00:00:00Z"}],
        "officers": [{"id": "4412", "name": "李伟", "branch": "北京中关村支行"}],
        "product": "个人住房贷款",
    }
    await loans.put(f"/v1/applications/{APPLICATION}", facts)
    asked = {"purpose": "documents", "number": NUMBER, "caller_number": desk}
    call_id = (await officer.post(f"/v1/applications/{APPLICATION}/calls", asked)).json["call"]["call_id"]
    leg = {"event": "connected", "leg_id": "counter", "number": NUMBER, "at": now_iso()}
    await pbx.post(f"/v1/calls/{call_id}/legs", leg)
    code = (await officer.get(f"/v1/calls/{call_id}/code")).json["shown"]

    present = {"application_id": APPLICATION, "reason": "the customer brings a code on paper"}
    unknown = await clerk.post("/v1/counter/customers", {**present, "application_id": "LN-2026-9999"})
    check(unknown.json["slug"] == "not_found", f"a reference that nobody has → “{unknown.json['detail']}”")
    found = (await clerk.post("/v1/counter/customers", present)).json
    check(found["name"] == NAME, f"the clerk compares the name with the identity document: {found['name']}")
    verdict = (await clerk.post("/v1/counter/confirmations", {**present, "code": code})).json
    check(verdict["verdict"] == "genuine", f"the code on the paper, while that call goes on → {verdict['verdict']}")
    drawn = (await clerk.post("/v1/receipts/symbols", verdict["receipt"])).json["symbols"]
    texts = "\n".join(each["text"] for each in drawn)
    slip.write_text(f"{texts}\n", encoding="ascii")
    claims = verify_evidence(evidence_in(slip.read_bytes()), trust).claims
    check(
        isinstance(claims, Receipt) and claims.jti == verdict["receipt_id"],
        f"the slip is printed; a scanner reads {len(texts)} characters, and they verify offline: {verdict['verdict']}",
    )
    try:
        evidence_in(texts.replace(texts[300], "0" if texts[300] != "0" else "1").encode())
        check(False, "a changed slip was accepted")
    except EvidenceError as error:
        check(True, f"a changed slip is refused: {error.slug}")
    mine = await customer.get(f"/v1/receipts/{verdict['receipt_id']}")
    check(mine.json["receipt"] == verdict["receipt"], "the receipt is the customer's: it is in their app as well")
    await pbx.post(f"/v1/calls/{call_id}/legs", {**leg, "event": "ended", "at": now_iso()})
    over = (await clerk.post("/v1/counter/confirmations", {**present, "code": code})).json
    check(over["verdict"] == "ended", f"the same code after that call → {over['verdict']}")
    click.echo(f"      “{over['words'][0]['text']}”")
    window = {"from": now_iso(-DAY_S), "until": now_iso(), "caller_number": desk}
    history = (await clerk.post("/v1/counter/call-checks", {**present, **window})).json
    check(history["from_number"] is True, f"“Did you call me?”, asked for them → {len(history['calls'])} call")
    report = {"at": now_iso(-DAY_S), "said": "要求先交手续费", "caller_number": "+8617000000000"}
    taken = await clerk.post("/v1/counter/reports", {**present, **report})
    check(taken.status == 201, "a report of another call, taken for them by the clerk")
    refused = await clerk.post("/v1/counter/customers", {"application_id": APPLICATION})
    check(refused.status >= 400, f"without a reason the clerk sees nothing → {refused.json['slug']}")
