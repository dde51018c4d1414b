"""An officer learns nothing about applications they are not assigned to: each operation always gives one answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from msgspec import Struct

from tests.api.conftest import RunningBank, SystemSession
from tests.faults.server import registration
from verifier.api.operations import Operation
from verifier.api.routes import bank, calls
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

STRANGER = "5555"
NUMBER, DESK = "+8613700137055", "+861082345678"
ASKED = {"purpose": "documents", "number": NUMBER, "caller_number": DESK}
BODIES: dict[str, Any] = {
    "issue_call": ASKED,
    "request_exception": {"purpose": "documents", "number": NUMBER, "rules": ["daily_cap"], "reason": "they asked"},
    "revoke_call": {},
}
# Every operation that names or lists applications, calls or requests for an exception.
OPERATIONS = [
    each for each in (*bank.operations(), *calls.operations()) if "{" in each.path or "staff:officer" in each.who
]
CLOSED_TO_OFFICERS = {each.id for each in OPERATIONS if "staff:officer" not in each.who}


class Target(Struct, frozen=True):
    """The ids that a path may contain."""

    application_id: str
    call_id: str
    request_id: str


class Reply(Struct, frozen=True):
    """An answer without the headers that differ each time."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class Desk:
    """A bank, and requests by its officers and systems."""

    def __init__(self, bank: DemoBank) -> None:
        self.bank = bank
        self.loans, self.pbx = SystemSession(bank, "loan-origination"), SystemSession(bank, "pbx")

    def register(self, application_id: str, **changes: Any) -> None:
        facts = {**registration(f"cust-{application_id}", NUMBER), **changes}
        assert self.loans.send("PUT", f"/v1/applications/{application_id}", facts).status_code == 200

    def ask(self, officer: str, method: str, path: str, body: object = None, key: str = "") -> requests.Response:
        headers = {"Authorization": f"Bearer {self.bank.officer(officer)}", "X-Request-ID": "one"}
        if method == "POST":
            headers["Idempotency-Key"] = key or secrets.token_hex(8)
        return requests.request(method, self.bank.url + path, json=body, headers=headers, timeout=10)

    def told(self, officer: str, operation: Operation, target: Target, key: str = "") -> Reply:
        path = operation.path.format(**{each: getattr(target, each) for each in target.__struct_fields__})
        answer = self.ask(
            officer, operation.method, path, BODIES.get(operation.id, {}) if operation.method != "GET" else None, key
        )
        headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "RateLimit")}
        return Reply(answer.status_code, headers, answer.json())

    def target(self, application_id: str) -> Target:
        """Register an application of officer 4412, with a call and a request for an exception."""
        self.register(application_id)
        path = f"/v1/applications/{application_id}"
        asked = self.ask("4412", "POST", f"{path}/exception-requests", BODIES["request_exception"])
        issued = self.ask("4412", "POST", f"{path}/calls", ASKED)
        assert (asked.status_code, issued.status_code) == (201, 201)
        return Target(application_id, issued.json()["call"]["call_id"], asked.json()["request_id"])

    def connect(self, call_id: str) -> None:
        heard = {"event": "connected", "leg_id": call_id, "number": NUMBER, "at": now_iso()}
        assert self.pbx.send("POST", f"/v1/calls/{call_id}/legs", heard).status_code == 200


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with RunningBank(tmp_path_factory.mktemp("bank")) as running:
        yield Desk(running)


@pytest.fixture(scope="module")
def targets(desk: Desk) -> dict[str, Target]:
    """One target in each state, and one that does not exist."""
    there = {state: desk.target(f"LN-{state}") for state in ("over", "open", "live", "closed", "erased")}
    revoked = desk.ask("4412", "POST", f"/v1/calls/{there['over'].call_id}/revocation", {})
    assert revoked.status_code == 200
    desk.connect(there["live"].call_id)
    desk.register("LN-closed", status="closed")
    assert desk.loans.send("DELETE", "/v1/applications/LN-erased").status_code == 200
    nothing = Target("LN-absent", "call_" + "0" * 32, "excr_" + "0" * 32)
    return {"absent": nothing, **there}


@pytest.mark.shows("CVP-7.5-6")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_an_unassigned_officer_gets_one_answer_whatever_the_target_is(
    desk: Desk, targets: dict[str, Target], operation: Operation
) -> None:
    # One idempotency key for all targets: a stored answer must not show a difference either.
    told = {state: desk.told(STRANGER, operation, each, f"key-{operation.id}") for state, each in targets.items()}
    assert all(each == told["absent"] for each in told.values()), told
    if operation.id in CLOSED_TO_OFFICERS:
        assert told["absent"].body["slug"] == "forbidden"
    elif "{" in operation.path:
        assert (told["absent"].status, told["absent"].body["slug"]) == (404, "not_found")
    elif operation.id != "list_exchanges":  # the same for all staff
        assert not any(value for name, value in told["absent"].body.items() if name != "next_cursor")


def test_an_assigned_officer_may_use_every_operation(desk: Desk, targets: dict[str, Target]) -> None:
    """Without this the test above could pass because every officer is refused."""
    operations = {
        each.id: each for each in OPERATIONS if each.id not in CLOSED_TO_OFFICERS and each.id != "call_events"
    }
    told = {name: desk.told("4412", operation, targets["live"]) for name, operation in operations.items()}
    assert {name: each.status for name, each in told.items() if each.status >= 400} == {"issue_call": 409}


@pytest.mark.shows("CVP-7.5-6")
def test_an_officer_who_is_no_longer_assigned_gets_no_stored_answer(desk: Desk, targets: dict[str, Target]) -> None:
    mine = desk.target("LN-mine")
    operations = {each.id: each for each in OPERATIONS}
    kept = {"issue_call": operations["issue_call"], "request_exception": operations["request_exception"]}
    keyed = {name: desk.told("4412", operation, mine, f"mine-{name}").status for name, operation in kept.items()}
    keyed["revoke_call"] = desk.told("4412", operations["revoke_call"], mine, "mine-revoke_call").status
    assert keyed == {"issue_call": 201, "request_exception": 201, "revoke_call": 200}
    officers = [{"id": "4413", "name": "陈静", "branch": "北京"}]
    desk.register("LN-mine", officers=officers)
    for operation in OPERATIONS:
        told = desk.told("4412", operation, mine, f"mine-{operation.id}")
        if "{" in operation.path:
            assert told == desk.told(STRANGER, operation, targets["absent"]), operation.id
        else:
            assert "LN-mine" not in str(told.body)
    # An assigned officer would be told that this key was used with another body.
    other = desk.ask("4412", "POST", "/v1/applications/LN-mine/calls", {**ASKED, "purpose": "terms"}, "mine-issue_call")
    assert other.json()["slug"] == "not_found"


@pytest.mark.shows("CVP-7.5-6")
def test_a_system_is_told_which_rule_an_unassigned_officer_breaks(desk: Desk, targets: dict[str, Target]) -> None:
    path = f"/v1/applications/{targets['over'].application_id}/calls"
    told = desk.loans.send("POST", path, {**ASKED, "officer_id": STRANGER})
    assert told.json()["slug"] == "policy_refused"
    assert "officer_assigned" in [each["rule"] for each in told.json()["refusals"]]
