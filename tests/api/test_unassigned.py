"""An officer who is not assigned learns nothing: each door gives one answer, whatever is behind it."""

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
# Every operation that names an application, a call or a request, and those that list them.
DOORS = [each for each in (*bank.operations(), *calls.operations()) if "{" in each.path or "staff:officer" in each.who]
CLOSED_TO_OFFICERS = {each.id for each in DOORS if "staff:officer" not in each.who}


class Behind(Struct, frozen=True):
    """What a door may lead to."""

    application_id: str
    call_id: str
    request_id: str


class Told(Struct, frozen=True):
    """An answer without what is new in each."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


class Desk:
    """A bank and its people."""

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

    def told(self, officer: str, door: Operation, behind: Behind, key: str = "") -> Told:
        path = door.path.format(**{each: getattr(behind, each) for each in behind.__struct_fields__})
        answer = self.ask(officer, door.method, path, BODIES.get(door.id, {}) if door.method != "GET" else None, key)
        headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "RateLimit")}
        return Told(answer.status_code, headers, answer.json())

    def behind(self, application_id: str) -> Behind:
        """An application of officer 4412, with a call and a request for an exception."""
        self.register(application_id)
        path = f"/v1/applications/{application_id}"
        asked = self.ask("4412", "POST", f"{path}/exception-requests", BODIES["request_exception"])
        issued = self.ask("4412", "POST", f"{path}/calls", ASKED)
        assert (asked.status_code, issued.status_code) == (201, 201)
        return Behind(application_id, issued.json()["call"]["call_id"], asked.json()["request_id"])

    def connect(self, call_id: str) -> None:
        heard = {"event": "connected", "leg_id": call_id, "number": NUMBER, "at": now_iso()}
        assert self.pbx.send("POST", f"/v1/calls/{call_id}/legs", heard).status_code == 200


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with RunningBank(tmp_path_factory.mktemp("bank")) as running:
        yield Desk(running)


@pytest.fixture(scope="module")
def behind(desk: Desk) -> dict[str, Behind]:
    """Everything that can be behind a door."""
    there = {state: desk.behind(f"LN-{state}") for state in ("over", "open", "live", "closed", "erased")}
    revoked = desk.ask("4412", "POST", f"/v1/calls/{there['over'].call_id}/revocation", {})
    assert revoked.status_code == 200
    desk.connect(there["live"].call_id)
    desk.register("LN-closed", status="closed")
    assert desk.loans.send("DELETE", "/v1/applications/LN-erased").status_code == 200
    nothing = Behind("LN-absent", "call_" + "0" * 32, "excr_" + "0" * 32)
    return {"absent": nothing, **there}


@pytest.mark.shows("CVP-7.5-6")
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.id)
def test_every_door_tells_an_officer_who_is_not_assigned_the_same(
    desk: Desk, behind: dict[str, Behind], door: Operation
) -> None:
    # One key for all: what is kept under it is no news either.
    told = {state: desk.told(STRANGER, door, each, f"key-{door.id}") for state, each in behind.items()}
    assert all(each == told["absent"] for each in told.values()), told
    if door.id in CLOSED_TO_OFFICERS:
        assert told["absent"].body["slug"] == "forbidden"
    elif "{" in door.path:
        assert (told["absent"].status, told["absent"].body["slug"]) == (404, "not_found")
    else:
        assert not any(value for name, value in told["absent"].body.items() if name != "next_cursor")


def test_every_door_is_open_to_the_officer_who_is_assigned(desk: Desk, behind: dict[str, Behind]) -> None:
    """So that the table above shows what it seems to show."""
    doors = {each.id: each for each in DOORS if each.id not in CLOSED_TO_OFFICERS and each.id != "call_events"}
    told = {name: desk.told("4412", door, behind["live"]) for name, door in doors.items()}
    assert {name: each.status for name, each in told.items() if each.status >= 400} == {"issue_call": 409}


@pytest.mark.shows("CVP-7.5-6")
def test_an_officer_who_is_no_longer_assigned_gets_no_kept_answer_and_no_news(
    desk: Desk, behind: dict[str, Behind]
) -> None:
    mine = desk.behind("LN-mine")
    doors = {each.id: each for each in DOORS}
    kept = {"issue_call": doors["issue_call"], "request_exception": doors["request_exception"]}
    keyed = {name: desk.told("4412", door, mine, f"mine-{name}").status for name, door in kept.items()}
    keyed["revoke_call"] = desk.told("4412", doors["revoke_call"], mine, "mine-revoke_call").status
    assert keyed == {"issue_call": 201, "request_exception": 201, "revoke_call": 200}
    officers = [{"id": "4413", "name": "陈静", "branch": "北京"}]
    desk.register("LN-mine", officers=officers)
    for door in DOORS:
        told = desk.told("4412", door, mine, f"mine-{door.id}")
        if "{" in door.path:
            assert told == desk.told(STRANGER, door, behind["absent"]), door.id
        else:
            assert "LN-mine" not in str(told.body)
    # Nor under the same key with another body, which somebody who may ask is told apart.
    other = desk.ask("4412", "POST", "/v1/applications/LN-mine/calls", {**ASKED, "purpose": "terms"}, "mine-issue_call")
    assert other.json()["slug"] == "not_found"


@pytest.mark.shows("CVP-7.5-6")
def test_a_system_is_told_which_rule_an_unassigned_officer_breaks(desk: Desk, behind: dict[str, Behind]) -> None:
    path = f"/v1/applications/{behind['over'].application_id}/calls"
    told = desk.loans.send("POST", path, {**ASKED, "officer_id": STRANGER})
    assert told.json()["slug"] == "policy_refused"
    assert "officer_assigned" in [each["rule"] for each in told.json()["refusals"]]
