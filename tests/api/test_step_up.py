"""Issue, reveal and approvals need a sign-in as strong as the bank asks for (RFC 9470, CVP-2.2)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from callback_verification import Bearer, Client, InsufficientUserAuthentication, calls
from msgspec.structs import replace

from tests.api.conftest import RunningBank, SystemSession
from tests.api.test_counter import bodies
from tests.world import DESK, staff
from verifier.api.authentication import Strength
from verifier.api.openapi import document
from verifier.api.routes import operations
from verifier.api.throttle import SLIPS, Throttle
from verifier.core.errors import InsufficientUserAuthentication as TooWeak
from verifier.demo.bank import STAFF, DemoBank

NUMBER, APPLICATION = "+8613800138000", "LN-2026-0001"
ISSUE = {"purpose": "documents", "number": NUMBER, "caller_number": DESK}
GRANT = {"officer_id": "4412", "rules": ["daily_cap"], "reason": "seen in the branch"}
STRONG = {"acr": "phrh", "amr": ["pwd", "hwk"]}
# What a token must say, and what says too little.
WEAK: dict[str, dict[str, Any]] = {
    "nothing": {},
    "only the context": {"acr": "phr"},
    "only the methods": {"amr": ["hwk"]},
    "another context": {"acr": "pwd", "amr": ["hwk"]},
    "another method": {"acr": "phr", "amr": ["pwd"]},
    "a context in capitals": {"acr": "PHR", "amr": ["hwk"]},
    "two contexts in one": {"acr": "phr phrh", "amr": ["hwk"]},
    "a context that is a list": {"acr": ["phr"], "amr": ["hwk"]},
    "methods that are a text": {"acr": "phr", "amr": "hwk"},
    "methods that are an object": {"acr": "phr", "amr": {"hwk": True}},
    "a method that is no text": {"acr": "phr", "amr": [["hwk"], 1, None]},
}
SUSPEND, DECIDE = {"reason": "an inquiry"}, {"granted": True, "reason": "seen"}
APPROVALS: dict[str, tuple[str, str, object]] = {
    "grant_exception": ("POST", f"/v1/applications/{APPLICATION}/exceptions", GRANT),
    "decide_exception": ("POST", f"/v1/exception-requests/excr_{'0' * 32}/decision", DECIDE),
    "suspend_staff": ("POST", "/v1/staff/4413/suspension", SUSPEND),
    "lift_suspension": ("DELETE", "/v1/staff/4413/suspension", None),
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    settings = {"staff_acr": "phr, phrh", "staff_amr": "hwk,otp"}
    with RunningBank(tmp_path_factory.mktemp("bank"), **settings) as running:
        yield running


def ask(
    bank: DemoBank, method: str, path: str, body: object = None, *, key: str = "", role: str = "officer", **claims: Any
) -> requests.Response:
    """Send a request of a member of staff, whose token has these claims."""
    token = bank.issuer.mint(STAFF, "4412" if role == "officer" else "9001", (role,), **claims)
    headers = {"Authorization": f"Bearer {token}"}
    if method == "POST":
        headers["Idempotency-Key"] = key or secrets.token_hex(8)
    return requests.request(method, bank.url + path, json=body, headers=headers, timeout=10)


def issue(bank: DemoBank, **more: Any) -> requests.Response:
    return ask(bank, "POST", f"/v1/applications/{APPLICATION}/calls", ISSUE, **more)


@pytest.mark.shows("CVP-2.2-1", "CVP-2.2-2")
@pytest.mark.parametrize("claims", WEAK.values(), ids=WEAK)
def test_an_issue_with_a_weak_sign_in_is_challenged(bank: DemoBank, claims: dict[str, Any]) -> None:
    for _ in range(2):
        refused = issue(bank, **claims)
        assert (refused.status_code, refused.json()["slug"]) == (401, "insufficient_user_authentication")
        assert refused.json()["acr_values"] == ["phr", "phrh"]
        challenge = refused.headers["WWW-Authenticate"]
        scheme, _, parameters = challenge.partition(" ")
        assert scheme == "Bearer"
        told = dict(re.findall(r'(\w+)="([^"\\]*)"(?:, |$)', parameters))
        assert told["error"] == "insufficient_user_authentication"
        assert told["acr_values"] == "phr phrh"
        assert told["error_description"] == refused.json()["detail"]
        assert set(told) == {"realm", "error", "error_description", "acr_values"}


@pytest.mark.shows("CVP-2.2-1")
def test_after_a_stronger_sign_in_the_same_request_succeeds_and_the_code_is_shown(bank: DemoBank) -> None:
    key = secrets.token_hex(8)
    assert issue(bank, key=key).status_code == 401
    issued = issue(bank, key=key, **STRONG)
    assert issued.status_code == 201
    call_id = issued.json()["call"]["call_id"]
    pbx = SystemSession(bank, "pbx")
    heard = {"event": "connected", "leg_id": call_id, "number": NUMBER, "at": issued.json()["call"]["issued_at"]}
    assert pbx.send("POST", f"/v1/calls/{call_id}/legs", heard).status_code == 200
    weak = ask(bank, "GET", f"/v1/calls/{call_id}/code")
    assert (weak.status_code, weak.json()["slug"]) == (401, "insufficient_user_authentication")
    assert "digits" not in weak.text
    assert ask(bank, "GET", f"/v1/calls/{call_id}/code", **STRONG).status_code == 200
    # A retry with the old token gets no kept answer either.
    assert issue(bank, key=key).status_code == 401
    # To look at a call and to withdraw it needs no stronger sign-in.
    assert ask(bank, "GET", f"/v1/calls/{call_id}").status_code == 200
    assert ask(bank, "POST", f"/v1/calls/{call_id}/revocation", {}).status_code == 200


@pytest.mark.shows("CVP-2.2-1")
@pytest.mark.parametrize("name", APPROVALS)
def test_approvals_need_the_strong_sign_in(bank: DemoBank, name: str) -> None:
    method, path, body = APPROVALS[name]
    refused = ask(bank, method, path, body, role="supervisor")
    assert (refused.status_code, refused.json()["slug"]) == (401, "insufficient_user_authentication")
    assert ask(bank, method, path, body, role="supervisor", **STRONG).status_code in (200, 201, 404)
    # Somebody without the role is not sent to a provider in vain.
    assert ask(bank, method, path, body, role="auditor").status_code == 403


@pytest.mark.shows("CVP-2.2-1")
@pytest.mark.parametrize("what", ["customers", "call-checks", "confirmations", "reports"])
def test_the_counter_needs_the_strong_sign_in(bank: DemoBank, what: str) -> None:
    path = f"/v1/counter/{what}"
    body = bodies(APPLICATION)[path]
    refused = ask(bank, "POST", path, body, role="counter")
    assert (refused.status_code, refused.json()["slug"]) == (401, "insufficient_user_authentication")
    assert "王芳" not in refused.text
    assert ask(bank, "POST", path, body, role="counter", **STRONG).status_code in (200, 201)
    assert ask(bank, "POST", path, body, role="auditor").status_code == 403


@pytest.mark.shows("CVP-2.2-1")
def test_a_strong_token_that_is_remembered_stays_strong_and_a_weak_one_weak(bank: DemoBank) -> None:
    """A verified token is cached. The cache keeps how the person has signed in."""
    path = f"/v1/calls/call_{'0' * 32}/code"
    for claims, status in ((STRONG, 404), ({}, 401)):
        token = bank.issuer.mint(STAFF, "4412", ("officer",), **claims)
        headers = {"Authorization": f"Bearer {token}"}
        found = [requests.get(bank.url + path, headers=headers, timeout=10).status_code for _ in range(3)]
        assert found == [status] * 3


@pytest.mark.shows("CVP-2.2-3")
def test_systems_and_customers_are_not_asked(bank: DemoBank) -> None:
    dialler = SystemSession(bank, "loan-origination")
    issued = dialler.send("POST", f"/v1/applications/{APPLICATION}/calls", {**ISSUE, "officer_id": "4412"})
    assert issued.status_code == 201, issued.text
    me = {"Authorization": f"Bearer {bank.customer('cust-0001')}"}
    assert requests.get(f"{bank.url}/v1/me/call-status", headers=me, timeout=10).status_code == 200


@pytest.mark.shows("CVP-2.2-1", "CVP-9-2")
def test_the_python_client_raises_an_error_with_the_contexts(bank: DemoBank) -> None:
    token = bank.issuer.mint(STAFF, "4412", ("officer",))
    with Client(bank.url, Bearer(token)) as client, pytest.raises(InsufficientUserAuthentication) as caught:
        client.send(calls.issue(APPLICATION, purpose="documents", number=NUMBER, caller_number=DESK))
    assert (caught.value.status, caught.value.acr_values) == (401, ("phr", "phrh"))


@pytest.mark.parametrize(
    ("strength", "acr", "amr", "detail"),
    [
        (Strength(), "", (), None),
        (Strength(acr=("phr",)), "phr", (), None),
        (Strength(acr=("phr",)), "", ("hwk",), "staff need a sign-in with acr phr"),
        (Strength(amr=("hwk", "otp")), "", ("otp",), None),
        (Strength(amr=("hwk", "otp")), "phr", ("pwd",), "staff need a sign-in with amr hwk or otp"),
        (Strength(("a", "b"), ("c",)), "", (), "staff need a sign-in with acr a or b, and amr c"),
    ],
)
def test_each_setting_counts_only_when_it_is_set(
    strength: Strength, acr: str, amr: tuple[str, ...], detail: str | None
) -> None:
    principal = replace(staff("4412"), acr=acr, amr=frozenset(amr))
    if detail is None:
        strength.check(principal)
    else:
        with pytest.raises(TooWeak) as caught:
            strength.check(principal)
        assert (caught.value.detail, caught.value.acr_values) == (detail, strength.acr)


@pytest.mark.shows("CVP-2.2-1")
def test_the_description_says_which_operations_may_ask_for_a_stronger_sign_in() -> None:
    table = operations(None, Throttle("slips", SLIPS, lambda: 0))  # type: ignore[arg-type]
    asking = {each.id for each in table if each.step_up}
    counter = {"find_customer", "check_calls_at_counter", "confirm_at_counter", "report_at_counter"}
    assert asking == {"issue_call", "reveal_code", *APPROVALS, *counter}
    paths: Any = document(table)["paths"]
    for each in table:
        described = paths[each.path][each.method.lower()]
        told = "insufficient_user_authentication" in described["responses"].get("401", {}).get("description", "")
        assert told is each.step_up
        assert ("RFC 9470" in described.get("description", "")) is each.step_up
