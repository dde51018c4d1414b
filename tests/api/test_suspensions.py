"""Suspending staff over HTTP takes effect on all nodes within two seconds (specs/protocol.md section 2.1)."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import pytest
import requests
from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.api.conftest import RunningBank, SystemSession
from tests.world import DESK
from verifier.api.signed_requests import sign_request
from verifier.app import open_service
from verifier.core.errors import Unavailable
from verifier.demo.bank import STAFF, DemoBank, free_ports
from verifier.demo.client import now_iso
from verifier.demo.story import SAMPLE
from verifier.import_files import ImportFile
from verifier.importing import import_file
from verifier.node import Node

NUMBER, APPLICATION = "+8613800138000", "LN-2026-0001"
ISSUE = {"purpose": "documents", "number": NUMBER, "caller_number": DESK}


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


class Nodes:
    """Two nodes of one bank on one database, and requests to them."""

    def __init__(self, bank: DemoBank, urls: tuple[str, str], session: aiohttp.ClientSession) -> None:
        self.bank = bank
        self.urls = urls
        self.session = session

    async def ask(self, node: int, token: str, method: str, path: str, body: object = None) -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(8)
        async with self.session.request(method, self.urls[node] + path, headers=headers, json=body) as answer:
            return Answer(answer.status, await answer.json())

    async def system(self, node: int, name: str, path: str, body: object) -> Answer:
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}
        key = self.bank.system_keys[name]
        signed = sign_request(
            "POST", self.bank.url + path, headers, content, key_id=name, private_key=key, created=time.time()
        )
        sent = {**headers, **signed}
        async with self.session.post(self.urls[node] + path, data=content, headers=sent) as answer:
            return Answer(answer.status, await answer.json())

    def supervisor(self, number: str = "9001") -> str:
        return self.bank.officer(number, "supervisor")


@pytest.fixture
async def nodes(database: str, tmp_path: Path) -> AsyncIterator[Nodes]:
    bank = DemoBank(tmp_path, free_ports(), database)
    service = await bank.start()
    await import_file(service, ImportFile(SAMPLE, service.context.clock()))
    public, admin, *_ = free_ports()
    config = replace(bank.config, listen=f"127.0.0.1:{public}", admin_listen=f"127.0.0.1:{admin}")
    second = Node(config, await open_service(config))
    await second.start()
    async with aiohttp.ClientSession() as session:
        yield Nodes(bank, (bank.url, f"http://127.0.0.1:{public}"), session)
    await second.stop()
    await bank.stop()


@pytest.mark.shows("CVP-2.1-1", "CVP-2.1-2", "CVP-2.1-4", "CVP-2.1-8")
async def test_a_suspension_at_one_node_stops_the_officer_at_another_within_two_seconds(nodes: Nodes) -> None:
    officer = nodes.bank.officer("4412", "officer", "supervisor")
    issued = await nodes.ask(1, officer, "POST", f"/v1/applications/{APPLICATION}/calls", ISSUE)
    call_id = issued.body["call"]["call_id"]
    leg = {"event": "connected", "leg_id": "l1", "number": NUMBER, "at": now_iso()}
    assert (await nodes.system(1, "pbx", f"/v1/calls/{call_id}/legs", leg)).body["state"] == "live"
    headers = {"Authorization": f"Bearer {officer}"}
    ended: list[float] = []

    async def follow(path: str) -> None:
        async with nodes.session.get(nodes.urls[1] + path, headers=headers) as stream:
            assert stream.status == 200
            opened.release()
            await stream.content.read()
            ended.append(time.monotonic())

    opened = asyncio.Semaphore(0)
    streams = [asyncio.create_task(follow(f"/v1/calls/{call_id}/events")) for _ in range(3)]
    for _ in streams:
        await opened.acquire()
    began = time.monotonic()
    told = await nodes.ask(0, nodes.supervisor(), "POST", "/v1/staff/4412/suspension", {"reason": "dismissed"})
    assert told.status == 201
    while (answer := await nodes.ask(1, officer, "GET", "/v1/calls")).status == 200:
        await asyncio.sleep(0.02)
    refused = time.monotonic()
    await asyncio.gather(*streams)
    assert (answer.status, answer.body["slug"]) == (403, "suspended")
    assert refused - began < 2
    assert max(ended) - began < 2
    for method, path, body in (
        ("GET", f"/v1/calls/{call_id}", None),
        ("GET", f"/v1/calls/{call_id}/code", None),
        ("GET", f"/v1/calls/{call_id}/events", None),
        ("GET", f"/v1/applications/{APPLICATION}", None),
        ("POST", "/v1/applications/search", {}),
        ("POST", f"/v1/applications/{APPLICATION}/calls", ISSUE),
        ("GET", "/v1/exception-requests", None),
        ("GET", "/v1/reconciliation", None),
        ("POST", "/v1/staff/4413/suspension", {"reason": "revenge"}),
        ("DELETE", "/v1/staff/4412/suspension", None),
        ("GET", "/v1/staff/suspensions", None),
    ):
        for node in (0, 1):
            answer = await nodes.ask(node, officer, method, path, body)
            assert (answer.status, answer.body["slug"]) == (403, "suspended"), (method, path)
    in_their_name = {**ISSUE, "officer_id": "4412"}
    path = f"/v1/applications/{APPLICATION}/calls"
    for node in (0, 1):
        answer = await nodes.system(node, "loan-origination", path, in_their_name)
        assert (answer.status, answer.body["slug"]) == (403, "suspended")
    seen = await nodes.ask(1, nodes.supervisor(), "GET", f"/v1/calls/{call_id}")
    assert seen.body["state"] == "revoked"
    status = await nodes.ask(1, nodes.bank.customer("cust-0001"), "GET", "/v1/me/call-status")
    assert status.body["on_call"] is False
    # Another supervisor lifts the suspension. The officer can work again, also at the other node.
    assert (await nodes.ask(1, nodes.supervisor("9002"), "DELETE", "/v1/staff/4412/suspension")).status == 200
    async with asyncio.timeout(2):
        while (await nodes.ask(0, officer, "GET", "/v1/calls")).status != 200:
            await asyncio.sleep(0.02)


@pytest.fixture
def bank(tmp_path: Path) -> Any:
    with RunningBank(tmp_path) as running:
        yield running


def ask(bank: DemoBank, token: str, method: str, path: str, body: object = None, key: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    if method == "POST":
        headers["Idempotency-Key"] = key or secrets.token_hex(8)
    return requests.request(method, bank.url + path, headers=headers, json=body, timeout=10)


@pytest.mark.shows("CVP-2.1-2", "CVP-2.1-5", "CVP-2.1-6")
def test_only_permitted_callers_suspend_lift_and_list(bank: DemoBank) -> None:
    reason = {"reason": "the login was stolen"}
    supervisor, auditor, officer = (
        bank.officer("9001", "supervisor"),
        bank.officer("7001", "auditor"),
        bank.officer("1"),
    )
    path = f"/v1/staff/{quote('E 10/07·王', safe='')}/suspension"
    for token in (auditor, officer, bank.customer("cust-0001")):
        assert ask(bank, token, "POST", path, reason).json()["slug"] == "forbidden"
        assert ask(bank, token, "DELETE", path).json()["slug"] == "forbidden"
    for name in ("pbx", "ivr"):
        assert SystemSession(bank, name).send("POST", path, reason).json()["slug"] == "forbidden"
    assert SystemSession(bank, "loan-origination").send("DELETE", path).json()["slug"] == "forbidden"
    assert ask(bank, supervisor, "DELETE", path).status_code == 404
    told = SystemSession(bank, "loan-origination").send("POST", path, reason)
    assert told.status_code == 201
    assert (told.json()["staff_id"], told.json()["suspended_by"]) == ("E 10/07·王", "system:loan-origination")
    assert ask(bank, bank.officer("E 10/07·王"), "GET", "/v1/calls").json()["slug"] == "suspended"
    # A customer with the same id is another person.
    assert ask(bank, bank.customer("E 10/07·王"), "GET", "/v1/me/calls").status_code == 200
    for token in (supervisor, auditor):
        listed = ask(bank, token, "GET", "/v1/staff/suspensions?limit=1").json()
        assert listed == {"suspensions": [told.json()], "next_cursor": None}
    for token in (officer, bank.customer("cust-0001")):
        assert ask(bank, token, "GET", "/v1/staff/suspensions").json()["slug"] == "forbidden"
    assert ask(bank, supervisor, "DELETE", path).json()["lifted_by"] == "staff:9001"
    assert ask(bank, bank.officer("E 10/07·王"), "GET", "/v1/calls").status_code == 200


@pytest.mark.shows("CVP-2.1-6", "CVP-3.2-3")
@pytest.mark.parametrize(
    ("staff_id", "body", "told"),
    [
        ("4412", {}, "reason"),
        ("4412", {"reason": ""}, "reason"),
        ("4412", {"reason": "x" * 501}, "reason"),
        ("4412", {"reason": "x", "more": 1}, "more"),
        ("x" * 129, {"reason": "x"}, "staff_id"),
        ("a%0Ab", {"reason": "x"}, "staff_id"),
    ],
)
def test_a_suspension_that_is_not_well_formed_is_refused(
    running_bank: DemoBank, staff_id: str, body: dict[str, Any], told: str
) -> None:
    supervisor = running_bank.officer("9001", "supervisor")
    answer = ask(running_bank, supervisor, "POST", f"/v1/staff/{staff_id}/suspension", body)
    assert answer.status_code == 422
    assert told in answer.text
    asked = requests.post(
        f"{running_bank.url}/v1/staff/4412/suspension",
        headers={"Authorization": f"Bearer {supervisor}"},
        json={"reason": "x"},
        timeout=10,
    )
    assert asked.json()["slug"] == "idempotency_key_missing"


@pytest.mark.shows("CVP-2.1-9", "CVP-12-2", "CVP-12-8")
def test_logs_and_metrics_name_a_suspension_only_by_its_id(bank: DemoBank) -> None:
    supervisor = bank.officer("9001", "supervisor")
    with capture_logs() as logs:
        told = ask(bank, supervisor, "POST", "/v1/staff/SECRET-7/suspension", {"reason": "SECRET"})
        suspension_id = told.json()["suspension_id"]
        assert ask(bank, bank.officer("SECRET-7"), "GET", "/v1/calls").status_code == 403
        metrics = requests.get(f"{bank.admin_url}/metrics", timeout=10).text
        ask(bank, supervisor, "DELETE", "/v1/staff/SECRET-7/suspension")
    lines = [each for each in logs if each["event"] in ("suspension", "refused")]
    assert lines[0] == {"event": "suspension", "log_level": "warning", "change": "suspended", "id": suspension_id}
    assert (lines[1]["operation"], "suspended" in lines[1]["reason"]) == ("list_calls", True)
    assert lines[2] == {"event": "suspension", "log_level": "warning", "change": "lifted", "id": suspension_id}
    assert "SECRET" not in str(logs)
    assert "verifier_suspended_staff 1.0" in metrics
    assert 'verifier_suspensions_total{event="suspended"}' in metrics
    assert float(metrics.split("\nverifier_suspended_staff_age_seconds ")[1].split()[0]) < 5


@pytest.mark.shows("CVP-2.1-7")
async def test_a_node_with_an_outdated_list_of_suspensions_refuses_everyone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verifier.node.SUSPENDED_S", 0.1)
    bank = DemoBank(tmp_path, free_ports(), voicexml_password="secret", officer_uri="tel:1", fraud_desk_uri="tel:2")
    service = await bank.start()

    async def gone() -> None:
        raise Unavailable("the database cannot answer")

    async def unknown(token: str, path: str) -> int:
        return (await asyncio.to_thread(ask, bank, token, "GET", path)).status_code

    asked = (bank.officer("4412"), "/v1/calls"), (bank.customer("cust-0001"), "/v1/me/call-status")
    form = {"dialled": "+861095588", "caller": NUMBER}
    voice = f"{bank.url}/voice/voicexml"

    async def greeted() -> bool:
        answer = await asyncio.to_thread(requests.post, voice, data=form, auth=("", "secret"), timeout=10)
        assert answer.status_code == 200
        return "Demo Bank" in answer.text

    assert [await unknown(*each) for each in asked] == [200, 200]
    assert await greeted()
    monkeypatch.setattr(service.suspensions, "refresh", gone)
    monkeypatch.setattr("verifier.service.staff.cutoff.MAX_AGE_MS", -1)
    assert [await unknown(*each) for each in asked] == [503, 503]
    assert not await greeted()
    await bank.stop()


def test_a_suspension_holds_for_every_role_a_token_grants(running_bank: DemoBank) -> None:
    supervisor = running_bank.officer("9001", "supervisor")
    assert ask(running_bank, supervisor, "POST", "/v1/staff/R1/suspension", {"reason": "x"}).status_code == 201
    for roles in ((), ("officer",), ("supervisor", "auditor")):
        token = running_bank.issuer.mint(STAFF, "R1", roles, 900)
        assert ask(running_bank, token, "GET", "/v1/calls").json()["slug"] == "suspended"
