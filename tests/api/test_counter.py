"""The counter over HTTP: who may use it, what must be given, and receipts as QR codes (specs/protocol.md 7.19, 8.5)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.customers import Customer
from tests.scanner import rasterise, scan
from tests.world import another_code
from verifier.core.evidence import verify_evidence
from verifier.core.messages.confirmations import Symbol
from verifier.demo.bank import STAFF, DemoBank
from verifier.demo.client import now_iso
from verifier.receipt_files import evidence_in, trust_in

REASON = "asks about a call of this morning"
WRONG = another_code("482177300", 0)


@pytest.fixture
def customer(running_bank: DemoBank) -> Customer:
    return Customer(running_bank)


def bodies(application_id: str) -> dict[str, dict[str, Any]]:
    """A good body for each operation at the counter."""
    until = datetime.now(UTC)
    present = {"application_id": application_id, "reason": REASON}
    window = {"from": (until - timedelta(days=1)).isoformat(), "until": until.isoformat()}
    return {
        "/v1/counter/customers": present,
        "/v1/counter/call-checks": {**present, **window},
        "/v1/counter/confirmations": {**present, "code": WRONG},
        "/v1/counter/reports": {**present, "at": now_iso(), "said": "x"},
    }


PATHS = list(bodies(""))


def ask(bank: DemoBank, path: str, body: object, token: str = "") -> requests.Response:
    headers = {
        "Authorization": f"Bearer {token or bank.officer('5101', 'counter')}",
        "Idempotency-Key": secrets.token_hex(8),
    }
    return requests.post(f"{bank.url}{path}", json=body, headers=headers, timeout=10)


@pytest.mark.shows("CVP-7.19-8")
@pytest.mark.parametrize("path", PATHS)
def test_an_officer_of_the_customer_is_refused_by_a_slug_of_its_own(
    running_bank: DemoBank, customer: Customer, path: str
) -> None:
    both = running_bank.issuer.mint(STAFF, "4412", ("officer", "counter"), 900)
    answer = ask(running_bank, path, bodies(customer.application)[path], both)
    assert (answer.status_code, answer.json()["slug"]) == (403, "own_customer")
    assert "赵敏" not in answer.text


@pytest.mark.shows("CVP-7.19-1")
@pytest.mark.parametrize("path", PATHS)
def test_a_clerk_is_answered_and_nobody_else(running_bank: DemoBank, customer: Customer, path: str) -> None:
    body = bodies(customer.application)[path]
    assert ask(running_bank, path, body).ok
    others = [running_bank.officer("4412", role) for role in ("officer", "supervisor", "auditor")]
    for token in (*others, running_bank.customer(customer.person)):
        refused = ask(running_bank, path, body, token)
        assert (refused.status_code, refused.json()["slug"]) == (403, "forbidden")
    assert requests.post(f"{running_bank.url}{path}", json=body, timeout=10).status_code == 401


@pytest.mark.shows("CVP-7.19-1")
def test_a_clerk_has_none_of_the_rights_of_the_others(running_bank: DemoBank, customer: Customer) -> None:
    clerk = {"Authorization": f"Bearer {running_bank.officer('5101', 'counter')}"}
    for path in (f"/v1/applications/{customer.application}", "/v1/me/calls", "/v1/reconciliation", "/v1/calls"):
        assert requests.get(f"{running_bank.url}{path}", headers=clerk, timeout=10).status_code == 403, path
    assert ask(running_bank, "/v1/confirmations", {"code": WRONG}).status_code == 403


@pytest.mark.shows("CVP-7.19-4")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("reason", [None, "", "x" * 201, "two\nlines", "a\tb", "\u0007", 7])
def test_without_a_reason_of_one_line_nothing_is_looked_at(
    running_bank: DemoBank, customer: Customer, path: str, reason: object
) -> None:
    body = {**bodies(customer.application)[path], "reason": reason}
    if reason is None:
        del body["reason"]
    refused = ask(running_bank, path, body)
    assert refused.status_code in (400, 422), refused.text
    assert refused.json()["slug"] in ("malformed_request", "invalid_field")


@pytest.mark.shows("CVP-7.19-4")
@pytest.mark.parametrize("path", PATHS)
def test_refusals_have_one_shape_and_name_nothing(running_bank: DemoBank, customer: Customer, path: str) -> None:
    other = Customer(running_bank, also_on_file=customer.number)
    good = bodies(customer.application)[path]
    del good["application_id"]
    told = set()
    for named in (
        {"application_id": "LN-unknown"},
        {"number": "+8613700137999"},
        {"number": customer.number},
    ):
        refused = ask(running_bank, path, {**good, **named})
        problem = refused.json()
        assert not {customer.number, customer.application, other.application} & set(refused.text.split('"'))
        told.add((refused.status_code, *(problem[name] for name in ("slug", "title", "detail"))))
    assert len(told) == 1
    assert told.pop()[:2] == (404, "not_found")


@pytest.mark.shows("CVP-8.5-4")
@pytest.mark.needs("zbar-tools")
def test_the_drawn_symbols_of_an_answer_verify_offline(
    running_bank: DemoBank, customer: Customer, tmp_path: Path
) -> None:
    code = customer.is_rung()
    body = {**bodies(customer.application)["/v1/counter/confirmations"], "code": code}
    verdict = ask(running_bank, "/v1/counter/confirmations", body).json()
    assert verdict["verdict"] == "genuine"
    drawn = ask(running_bank, "/v1/receipts/symbols", verdict["receipt"])
    assert drawn.ok, drawn.text
    scanned = []
    for each in drawn.json()["symbols"]:
        rasterise(Symbol(**each), tmp_path / "symbol.pgm")
        scanned += scan(tmp_path / "symbol.pgm")
    trust = trust_in(requests.get(f"{running_bank.url}/.well-known/callback-verification", timeout=10).content)
    checked = verify_evidence(evidence_in("\n".join(scanned).encode()), trust)
    assert checked.claims.verdict == "genuine"  # type: ignore[union-attr]
    assert checked.claims.jti == verdict["receipt_id"]
    mine = {"Authorization": f"Bearer {running_bank.customer(customer.person)}"}
    kept = requests.get(f"{running_bank.url}/v1/receipts/{verdict['receipt_id']}", headers=mine, timeout=10)
    assert kept.json()["receipt"] == verdict["receipt"]


@pytest.mark.shows("CVP-8.5-4")
def test_only_statements_of_this_service_are_drawn(running_bank: DemoBank, customer: Customer) -> None:
    body = bodies(customer.application)["/v1/counter/confirmations"]
    receipt = ask(running_bank, "/v1/counter/confirmations", body).json()["receipt"]
    login = running_bank.customer(customer.person)
    assert ask(running_bank, "/v1/receipts/symbols", receipt, login).ok
    forged = {**receipt, "statement": f"{receipt['statement'][:-8]}AAAAAAAA"}
    for wrong in (forged, {**receipt, "proof": "x"}, {"statement": "a.b.c", "proof": receipt["proof"]}):
        refused = ask(running_bank, "/v1/receipts/symbols", wrong, login)
        assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")
    assert ask(running_bank, "/v1/receipts/symbols", receipt, running_bank.officer("4412")).status_code == 403
