"""Who may send each operation, as specs/access.md says, and which operations record who looked (law L15)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import requests
from msgspec import Struct

from tests.access import CALLERS, LOOKS, NOTHING, OPERATIONS, RECORDED, allowed, text
from tests.api.conftest import RunningBank, SystemSession
from tests.requirements import ROOT
from tests.world import DESK, another_code
from verifier.api.operations import Operation
from verifier.core.looks import SHOWN, SHOWN_TO_PRESENT
from verifier.core.principal import SYSTEM_SCOPES
from verifier.demo import bank as demo
from verifier.demo.bank import DemoBank

NUMBER, APPLICATION = "+8613800138000", "LN-2026-0001"
NONE = "0" * 32
# Names of no row, so that a request that is allowed changes nothing.
PATHS = {
    "application_id": "LN-none",
    "call_id": f"call_{NONE}",
    "request_id": f"excr_{NONE}",
    "session_id": f"ivr_{NONE}",
    "receipt_id": f"rcpt_{NONE}",
    "staff_id": "nobody",
    "helper_id": f"help_{NONE}",
    "shard": "1",
    "path": "0/000",
}
# The members of answers that hold personal data of customers, whatever they are in.
PERSONAL = {"registration", "customer", "customer_name", "number", "numbers", "statement", "identity"}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    """A bank that has a system for each scope, which has no other."""
    with pytest.MonkeyPatch.context() as patched:
        for scope in SYSTEM_SCOPES:
            patched.setitem(demo.SYSTEMS, f"only-{scope}", (scope,))
        with RunningBank(tmp_path_factory.mktemp("bank")) as running:
            yield running


def send(bank: DemoBank, grant: str, method: str, path: str, body: object = None) -> requests.Response:
    """Send a request as a caller who has one grant. The body of a stream is not read."""
    kind, _, name = grant.partition(":")
    if kind == "system":
        return SystemSession(bank, f"only-{name}").send(method, path, body)
    headers = {"Idempotency-Key": secrets.token_hex(8)} if method == "POST" else {}
    if kind == "customer":
        headers["Authorization"] = f"Bearer {bank.customer('cust-0001')}"
    elif kind == "staff":
        headers["Authorization"] = f"Bearer {bank.officer({'officer': '4412'}.get(name, '9001'), name)}"
    with requests.request(method, bank.url + path, json=body, headers=headers, timeout=10, stream=True) as answer:
        if "event-stream" not in answer.headers["Content-Type"]:
            assert answer.content is not None
        return answer


@pytest.mark.shows("CVP-2-1")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.id)
def test_each_caller_may_send_what_the_table_says_and_nothing_else(bank: DemoBank, operation: Operation) -> None:
    path, body = operation.path.format(**PATHS), {} if operation.body is not None else None
    found, told = {}, {}
    for caller, grant in CALLERS.items():
        status = send(bank, grant, operation.method, path, body).status_code
        assert status < 500, (caller, status)
        found[caller] = {401: "unauthenticated", 403: "forbidden"}.get(status, "allowed")
        refusal = "unauthenticated" if caller == "nobody" else "forbidden"
        told[caller] = "allowed" if allowed(operation, grant) else refusal
    assert found == told


def test_the_table_of_access_is_up_to_date() -> None:
    assert (ROOT / "specs" / "access.md").read_text(encoding="utf-8") == text()


@pytest.mark.shows("CVP-7.17-2")
def test_each_operation_of_staff_and_systems_records_or_has_a_reason_not_to() -> None:
    open_to_them = {each.id for each in OPERATIONS if any(":" in grant for grant in each.who)}
    assert open_to_them == set(LOOKS)
    assert {name for name, told in LOOKS.items() if told == RECORDED} == {*SHOWN, *SHOWN_TO_PRESENT}, (
        "each has words for the customer"
    )


@pytest.mark.shows("CVP-7.17-2")
def test_an_operation_that_is_said_to_hold_nothing_of_a_customer_holds_nothing() -> None:
    holding = {each.id for each in OPERATIONS if each.id in LOOKS and members(each.answer) & PERSONAL}
    assert {name for name in holding if LOOKS[name] == NOTHING} == set()
    assert {"get_application", "get_call", "list_exception_requests", "issue_call"} <= holding, "the search works"


def members(answer: type[Struct] | None) -> set[str]:
    """The names of all members of an answer, at any depth."""
    _, components = msgspec.json.schema_components([] if answer is None else [answer])
    return {name for each in components.values() for name in each.get("properties", {})}


@pytest.mark.shows("CVP-7.17-1", "CVP-7.17-2")
def test_each_recorded_operation_records_under_its_own_id_with_the_role_that_allowed_it(bank: DemoBank) -> None:
    found: dict[str, set[str]] = {}

    def ask(grant: str, method: str, path: str, body: object = None) -> Any:
        answer = send(bank, grant, method, path, body)
        assert answer.ok, answer.text
        return None if "event-stream" in answer.headers["Content-Type"] else answer.json()

    officer, supervisor, auditor = "staff:officer", "staff:supervisor", "staff:auditor"
    loan = f"/v1/applications/{APPLICATION}"
    asked = {"purpose": "documents", "number": NUMBER}
    issued = ask(officer, "POST", f"{loan}/calls", {**asked, "caller_number": DESK})
    call = f"/v1/calls/{issued['call']['call_id']}"
    ask(officer, "GET", loan)
    facts = ask("system:applications", "GET", loan)["registration"]
    now = datetime.now(UTC)
    due = {"purpose": "documents", "not_before": now.isoformat(), "not_after": (now + timedelta(hours=1)).isoformat()}
    ask("system:applications", "PUT", loan, {**facts, "announced_calls": [due]})
    ask(officer, "GET", "/v1/queue")
    ask(officer, "POST", "/v1/applications/search", {"query": APPLICATION})
    ask(officer, "GET", "/v1/calls")
    for grant in (officer, supervisor, auditor, "system:calls", "system:legs"):
        ask(grant, "GET", call)
    ask(officer, "GET", f"{call}/events")
    request = ask(officer, "POST", f"{loan}/exception-requests", {**asked, "rules": ["daily_cap"], "reason": "seen"})
    for grant in (officer, supervisor):
        ask(grant, "GET", "/v1/exception-requests")
    decision = {"granted": False, "reason": "no"}
    ask(supervisor, "POST", f"/v1/exception-requests/{request['request_id']}/decision", decision)
    ask(supervisor, "POST", f"{call}/revocation", {})
    present = {"application_id": APPLICATION, "reason": "asks about a call"}
    window = {"from": (now - timedelta(hours=1)).isoformat(), "until": now.isoformat()}
    acts = {
        "customers": {},
        "call-checks": window,
        "confirmations": {"code": another_code("482177300", 0)},
        "reports": {"at": now.isoformat()},
    }
    for act, more in acts.items():
        ask("staff:counter", "POST", f"/v1/counter/{act}", {**present, **more})
    ask(auditor, "POST", "/v1/looks/search", {"application_id": APPLICATION})
    page = ask(auditor, "POST", "/v1/looks/search", {"application_id": APPLICATION, "limit": 100})
    for each in page["looks"]:
        [role] = each["reader"]["roles"]
        found.setdefault(each["operation"], set()).add(f"{each['reader']['kind']}:{role}")
    by_id = {each.id: set(each.who) for each in OPERATIONS}
    assert set(found) == {name for name, told in LOOKS.items() if told == RECORDED}
    sent = {name: by_id[name] for name in found if name != "revoke_call"}
    assert {name: grants for name, grants in found.items() if name != "revoke_call"} == sent
    assert found["revoke_call"] == {supervisor}


@pytest.mark.shows("CVP-7.17-1")
def test_of_several_roles_only_those_that_allowed_the_look_are_recorded(bank: DemoBank) -> None:
    token = bank.officer("4413", "officer", "auditor")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "roles"}
    assert requests.get(f"{bank.url}/v1/applications/{APPLICATION}", headers=headers, timeout=10).ok
    answer = requests.post(f"{bank.url}/v1/looks/search", headers=headers, json={"staff_id": "4413"}, timeout=10)
    assert [(each["operation"], each["reader"]["roles"]) for each in answer.json()["looks"]] == [
        ("get_application", ["officer"])
    ]


@pytest.mark.shows("CVP-7.17-5")
def test_the_customer_reads_over_http_who_looked(bank: DemoBank) -> None:
    send(bank, "staff:officer", "GET", f"/v1/applications/{APPLICATION}")
    own = send(bank, "customer", "GET", "/v1/me/looks?limit=1").json()
    assert (own["looks"][0]["reader"]["id"], own["looks"][0]["application_id"]) == ("4412", APPLICATION)
    assert send(bank, "customer", "GET", f"/v1/me/looks?cursor={own['next_cursor']}").ok
    for wrong in ("limit=0", "limit=101", "cursor=look_1", "cursor=call_" + NONE, "who=4412"):
        assert send(bank, "customer", "GET", f"/v1/me/looks?{wrong}").status_code == 422, wrong


@pytest.mark.shows("CVP-7.17-4")
def test_a_search_with_a_wrong_member_is_refused(bank: DemoBank) -> None:
    for wrong in ({"staff_id": ""}, {"limit": 101}, {"since": "yesterday"}, {"cursor": "look_1"}, {"name": "王芳"}):
        answer = send(bank, "staff:auditor", "POST", "/v1/looks/search", wrong)
        assert answer.status_code == 422, (wrong, answer.text)
