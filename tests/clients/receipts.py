"""Receipts of every kind from a real bank over HTTP. Invalid ones are in specs/vectors."""

from __future__ import annotations

from typing import Any

import requests

from tests.api.conftest import SystemSession
from tests.world import another_code
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

Json = dict[str, Any]


def collect(bank: DemoBank) -> tuple[dict[str, Json], Json]:
    """Evidence of every kind of statement, keyed by name, and the trust file."""
    pbx = SystemSession(bank, "pbx")
    number, caller = "+8613800138000", "+861082345678"

    def person(token: str, path: str, body: Json, key: str) -> Json:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        answer = requests.post(bank.url + path, json=body, headers=headers, timeout=10)
        assert answer.ok, answer.text
        return dict(answer.json())

    officer, customer = bank.officer("4412"), bank.customer("cust-0001")
    path = "/v1/applications/LN-2026-0001"
    issued = person(
        officer, f"{path}/calls", {"purpose": "documents", "number": number, "caller_number": caller}, "receipts-issue"
    )
    call_id = issued["call"]["call_id"]
    leg = {"event": "connected", "leg_id": "1", "number": number, "at": now_iso()}
    pbx.send("POST", f"/v1/calls/{call_id}/legs", leg)
    headers = {"Authorization": f"Bearer {officer}"}
    code = requests.get(f"{bank.url}/v1/calls/{call_id}/code", headers=headers, timeout=10).json()["digits"]
    lifted = {"officer_id": "4412", "rules": ["daily_cap"], "reason": "checked"}
    good = {
        "ticket": issued["ticket"],
        "not genuine": person(customer, "/v1/confirmations", {"code": another_code(code)}, "receipts-wrong")["receipt"],
        "genuine": person(customer, "/v1/confirmations", {"code": code}, "receipts-right")["receipt"],
        "history": person(
            customer, "/v1/me/call-checks", {"from": "2026-11-23T00:00:00Z", "until": "2026-11-23T01:00:00Z"}, "history"
        )["receipt"],
        "report": person(customer, "/v1/reports", {"at": now_iso()}, "receipts-report")["receipt"],
        "exception": person(bank.officer("9001", "supervisor"), f"{path}/exceptions", lifted, "receipts-exception")[
            "evidence"
        ],
    }
    pbx.send("POST", f"/v1/calls/{call_id}/legs", {**leg, "event": "ended", "at": now_iso()})
    trust = requests.get(f"{bank.url}/.well-known/callback-verification", timeout=10).json()
    return good, trust
