"""Every 401 and 403 gives its reason to the caller and in the log. The log repeats nothing of the request."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from tests.api.conftest import RunningBank, SystemSession, deliver
from verifier.demo.bank import CUSTOMERS, STAFF, DemoBank


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    """A bank whose staff roles are a nested claim with other role names."""
    settings = {"staff_roles_claim": "realm_access.roles", "staff_roles": "Verifier.Officer=officer"}
    with RunningBank(tmp_path_factory.mktemp("bank"), **settings) as running:
        yield running


def refused(bank: DemoBank, path: str, **headers: str) -> tuple[dict[str, Any], list[Any]]:
    """Send a request that must be refused. Return the problem and the log entries of the refusal."""
    with capture_logs() as logs:
        answer = requests.get(bank.url + path, headers={"X-Request-ID": "asked-1", **headers}, timeout=10)
    assert answer.status_code in (401, 403)
    return answer.json(), [each for each in logs if each["event"] == "refused"]


def staff(bank: DemoBank, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {bank.issuer._access_token({'aud': STAFF, 'sub': 'E1', **claims}, 900)}"}


@pytest.mark.shows("CVP-12-8")
def test_a_missing_role_is_named_to_the_caller_and_the_granted_roles_in_the_log(bank: DemoBank) -> None:
    login = staff(bank, realm_access={"roles": ["Verifier.Officer", "SECRET"]}, roles=["supervisor"])
    problem, logged = refused(bank, "/v1/reconciliation", **login)
    needed = "this is for staff:auditor, staff:supervisor"
    assert problem["detail"] == needed
    assert logged == [
        {
            "event": "refused",
            "log_level": "info",
            "operation": "list_discrepancies",
            "reason": f"{needed}; staff is granted staff:officer by the claim realm_access.roles",
            "request_id": "asked-1",
        }
    ]
    login = staff(bank, roles=["officer"])
    _, logged = refused(bank, "/v1/calls", **login)
    assert "staff is granted nothing by the claim realm_access.roles" in logged[0]["reason"]


@pytest.mark.shows("CVP-12-8")
def test_a_customer_or_system_without_permission_is_told_who_has_it(bank: DemoBank) -> None:
    problem, logged = refused(bank, "/v1/calls", Authorization=f"Bearer {bank.customer('cust-0001')}")
    assert problem["detail"] == "this is for staff:officer"
    assert logged[0]["reason"] == "this is for staff:officer; customer is granted customer"
    with capture_logs() as logs:
        assert SystemSession(bank, "ivr").send("GET", "/v1/reconciliation").status_code == 403
    reasons = [each["reason"] for each in logs if each["event"] == "refused"]
    assert reasons == ["this is for staff:auditor, staff:supervisor; system is granted system:ivr"]


@pytest.mark.shows("CVP-12-8", "CVP-12-2")
@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "a bearer token or a signed request is needed"),
        ("Basic SECRET", "one bearer token"),
        ("Bearer SECRET", "not a JWT"),
        ({"aud": "SECRET"}, "another audience"),
        ({"iss": "https://SECRET.example"}, "issuer is not known"),
        ({"sub": "SECRET\u202e"}, "sub is not a usable identity"),
        ({"nbf": "SECRET"}, "nbf is not a NumericDate"),
    ],
)
def test_the_log_says_why_a_login_is_refused_without_client_input(
    bank: DemoBank, authorization: str | dict[str, Any] | None, reason: str
) -> None:
    login = staff(bank, **authorization) if isinstance(authorization, dict) else {"Authorization": authorization}
    problem, logged = refused(bank, "/v1/calls", **{k: v for k, v in login.items() if v is not None})
    assert reason in problem["detail"]
    assert [(each["operation"], each["request_id"]) for each in logged] == [("list_calls", "asked-1")]
    assert reason in logged[0]["reason"]
    assert "SECRET" not in json.dumps(logged)


@pytest.mark.shows("CVP-12-8", "CVP-12-2")
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Signature", "sig=:U0VDUkVU:", "the signature does not verify with the key of pbx"),
        ("Signature", "SECRET", "the signature does not verify with the key of pbx"),
        ("Signature-Input", "SECRET", "names no system of the systems file"),
        ("Signature-Input", 'sig=("SECRET");keyid="SECRET"', "names no system of the systems file"),
        ("created", "1", "created too long ago"),
    ],
)
def test_the_log_says_why_a_signed_request_is_refused(bank: DemoBank, name: str, value: str, reason: str) -> None:
    signed = SystemSession(bank, "pbx").sign("GET", "/v1/reconciliation")
    if name == "created":
        name, given = "Signature-Input", signed.headers["Signature-Input"]
        value = given.replace(given.partition("created=")[2].partition(";")[0], value)
    signed.headers[name] = value
    with capture_logs() as logs:
        assert deliver(signed).status_code == 401
    logged = [each for each in logs if each["event"] == "refused"]
    assert reason in logged[0]["reason"]
    assert "SECRET" not in json.dumps(logged)


@pytest.mark.shows("CVP-12-8")
def test_a_refusal_by_the_contact_policy_is_logged(bank: DemoBank) -> None:
    login = staff(bank, sub="4412", realm_access={"roles": ["Verifier.Officer"]})
    body = {"purpose": "marketing", "number": "+8613800138000", "caller_number": "+861082345678"}
    with capture_logs() as logs:
        answer = requests.post(
            f"{bank.url}/v1/applications/LN-2026-0001/calls",
            json=body,
            headers={**login, "Idempotency-Key": f"k{time.time_ns()}"},
            timeout=10,
        )
    assert answer.json()["slug"] == "policy_refused"
    logged = [each for each in logs if each["event"] == "refused"]
    assert logged[0]["reason"] == "the customer has not agreed to marketing calls"


def test_a_token_without_the_required_claim_is_told_which_claim(tmp_path: Path) -> None:
    with RunningBank(tmp_path, customer_required_claim="scp=verifier") as bank:
        token = bank.issuer.mint(CUSTOMERS, "cust-0001")
        problem, logged = refused(bank, "/v1/me/calls", Authorization=f"Bearer {token}")
    assert (
        problem["detail"] == logged[0]["reason"] == "the token does not have the claim scp=verifier, which is required"
    )
