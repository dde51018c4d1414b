"""Legs by number and reconciliation over HTTP: permissions, refusals, metrics and log lines (laws L5, L11)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.conftest import SystemSession
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

NUMBER, STRANGER, APPLICATION = "+8613900139000", "+8613700137000", "LN-2026-0003"
HEARD: dict[str, Any] = {"event": "connected", "leg_id": "http-1", "number": STRANGER}


def _list(bank: DemoBank, role: str, query: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {bank.officer('9001', role)}"}
    return requests.get(f"{bank.url}/v1/reconciliation{query}", headers=headers, timeout=10)


@pytest.mark.shows("CVP-6.5-2")
def test_a_leg_is_matched_by_number_and_an_unmatched_one_is_listed_for_supervisors_and_auditors(
    running_bank: DemoBank,
) -> None:
    pbx = SystemSession(running_bank, "pbx")
    headers = {"Authorization": f"Bearer {running_bank.officer('4412')}", "Idempotency-Key": "legs-1"}
    asked = {"purpose": "documents", "number": NUMBER, "caller_number": "+861082345678"}
    path = f"{running_bank.url}/v1/applications/{APPLICATION}/calls"
    call_id = requests.post(path, json=asked, headers=headers, timeout=10).json()["call"]["call_id"]
    heard = {**HEARD, "leg_id": "http-0", "number": NUMBER, "at": now_iso()}
    told = pbx.send("POST", "/v1/legs", heard).json()
    assert (told["result"], told["call"]["call_id"], told["call"]["state"]) == ("matched", call_id, "live")
    told = pbx.send("POST", "/v1/legs", {"event": "ended", "leg_id": "http-0", "at": now_iso()}).json()
    assert told["call"]["leg_ended_at"] is not None
    assert pbx.send("POST", "/v1/legs", {**HEARD, "at": now_iso()}).json() == {"result": "unmatched", "call": None}
    for role in ("supervisor", "auditor"):
        found = _list(running_bank, role, "?kind=leg_not_on_file").json()["discrepancies"]
        assert [each["leg_id"] for each in found if each["leg_id"] == "http-1"] == ["http-1"]
        assert STRANGER[1:] not in json.dumps(found)


@pytest.mark.shows("CVP-2-1")
@pytest.mark.parametrize("name", ["loan-origination", "ivr"])
def test_only_a_telephone_exchange_may_report_legs(running_bank: DemoBank, name: str) -> None:
    refused = SystemSession(running_bank, name).send("POST", "/v1/legs", {**HEARD, "at": now_iso()})
    assert (refused.status_code, refused.json()["slug"]) == (403, "forbidden")


@pytest.mark.shows("CVP-6.5-1")
def test_an_officer_a_customer_and_an_exchange_may_not_reconcile(running_bank: DemoBank) -> None:
    assert _list(running_bank, "officer").status_code == 403
    headers = {"Authorization": f"Bearer {running_bank.customer('cust-0001')}"}
    assert requests.get(f"{running_bank.url}/v1/reconciliation", headers=headers, timeout=10).status_code == 403
    assert SystemSession(running_bank, "pbx").send("GET", "/v1/reconciliation").status_code == 403


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"number": None}, "/number"),
        ({"number": "13700137000"}, "/number"),
        ({"at": "2020-01-01T00:00:00Z"}, "/at"),
        ({"at": "2026-11-23T04:00:00"}, "/at"),
        ({"leg_id": ""}, "/leg_id"),
        ({"leg_id": "x" * 129}, "/leg_id"),
        ({"leg_id": "a\u0000"}, "/leg_id"),
        ({"event": "dialled"}, "/event"),
        ({"officer_id": ""}, "/officer_id"),
        ({"call_id": "x"}, "/call_id"),
    ],
    ids=str,
)
def test_a_bad_leg_event_is_refused_with_the_member_named(
    running_bank: DemoBank, change: dict[str, Any], pointer: str
) -> None:
    refused = SystemSession(running_bank, "pbx").send("POST", "/v1/legs", {**HEARD, "at": now_iso(), **change})
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "query",
    [
        "?kind=everything",
        "?limit=0",
        "?limit=101",
        "?cursor=call_1",
        "?cursor=rcpt_" + "0" * 32,
        "?since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z",
        "?since=2026-03-01T00:00:00Z&until=2026-01-01T00:00:00Z",
        "?since=yesterday",
        "?number=1",
    ],
)
def test_a_bad_reconciliation_query_is_refused(running_bank: DemoBank, query: str) -> None:
    refused = _list(running_bank, "supervisor", query)
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")


def test_the_earliest_and_latest_times_cause_no_internal_error(running_bank: DemoBank) -> None:
    for query in (
        "?since=0001-01-01T00:00:00Z&until=0001-01-02T00:00:00Z",
        "?since=9999-12-30T00:00:00Z&until=9999-12-31T23:59:59Z",
        "?until=0001-01-01T00:00:00Z",
        "?since=0001-01-01T00:00:00%2B14:00",
    ):
        assert _list(running_bank, "supervisor", query).status_code in (200, 422)


@pytest.mark.shows("CVP-6.5-3")
def test_each_discrepancy_is_counted_once(running_bank: DemoBank) -> None:
    def counted() -> float:
        metrics = requests.get(f"http://{running_bank.config.admin_listen}/metrics", timeout=10).text
        found = re.search(r'^verifier_discrepancies_total\{kind="leg_not_on_file"\} (\S+)$', metrics, re.MULTILINE)
        assert found
        return float(found[1])

    before = counted()
    pbx = SystemSession(running_bank, "pbx")
    for leg_id in ("count-1", "count-1", "count-2"):
        pbx.send("POST", "/v1/legs", {**HEARD, "leg_id": leg_id, "at": now_iso()})
    assert counted() == before + 2


TELL = r"""
import asyncio, sys
from pathlib import Path
from verifier import journal
from verifier.demo.bank import DemoBank, free_ports

async def main():
    journal.configure_logging("info")
    bank = DemoBank(Path(sys.argv[1]), free_ports())
    await bank.start()
    sys.stdout.write(f"\n{bank.url}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    await bank.stop()

asyncio.run(main())
"""


@pytest.mark.shows("CVP-6.5-3")
def test_the_log_names_only_the_kind_and_id_of_a_discrepancy(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TELL, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        url = next(line.strip() for line in served.stdout if line.startswith("http"))
        key = tmp_path / "pbx.pem"
        heard = json.dumps({**HEARD, "leg_id": f"SIP/{STRANGER}", "at": now_iso()})
        command = [sys.executable, "-m", "verifier", "send", "POST", f"{url}/v1/legs", "--key-id", "pbx"]
        subprocess.run([*command, "--key", str(key), "--data", heard], check=True, capture_output=True)
        time.sleep(0.2)
        told, _ = served.communicate("\n", timeout=30)
    lines = [json.loads(line) for line in told.splitlines()]
    found = [line for line in lines if line["event"] == "discrepancy"]
    assert [set(line) for line in found] == [{"event", "kind", "id", "level", "timestamp"}]
    assert (found[0]["kind"], found[0]["level"], found[0]["id"][:4]) == ("leg_not_on_file", "warning", "leg_")
    assert STRANGER[1:] not in told
