"""A telephone exchange says that it is alive, over HTTP. A handset that rings asks (sections 6.6 and 7.15)."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.conftest import RunningBank, SystemSession
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

NUMBER, APPLICATION, DESK = "+8613900139000", "LN-2026-0003", "+861082345678"


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with (
        tempfile.TemporaryDirectory(prefix="bank-") as folder,
        RunningBank(Path(folder), leg_silence_seconds=60) as running,
    ):
        yield running


def get(bank: DemoBank, path: str, token: str) -> requests.Response:
    return requests.get(bank.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=10)


def verify(bank: DemoBank, asked: dict[str, Any]) -> requests.Response:
    headers = {"Authorization": f"Bearer {bank.customer('cust-0003')}"}
    return requests.post(f"{bank.url}/v1/me/call-verification", json=asked, headers=headers, timeout=10)


@pytest.mark.shows("CVP-6.6-7")
def test_staff_and_the_operator_see_whether_an_exchange_is_silent(bank: DemoBank) -> None:
    told = SystemSession(bank, "pbx").send("POST", "/v1/legs/alive").json()
    assert told["silence_seconds"] == 60
    for role in ("officer", "supervisor", "auditor"):
        found = get(bank, "/v1/exchanges", bank.officer("4412", role)).json()
        assert [(each["system_id"], each["alive"]) for each in found["exchanges"]] == [
            ("dialler", False),
            ("pbx", True),
        ]
        assert found["silent"] is False
    assert "verifier_exchange_silent 0.0" in requests.get(f"{bank.admin_url}/metrics", timeout=10).text
    assert requests.get(f"{bank.admin_url}/readyz", timeout=10).text == "ready\n"


@pytest.mark.shows("CVP-6.6-7")
def test_a_silent_exchange_leaves_the_node_ready_and_is_named(tmp_path: Path) -> None:
    with RunningBank(tmp_path, leg_silence_seconds=5) as bank:
        bank.exchange_silent = True
        token = bank.customer("cust-0003")
        until = time.monotonic() + 30
        while get(bank, "/v1/me/call-status", token).json()["state"] != "unknown":
            assert time.monotonic() < until, "the silence was not noticed"
            time.sleep(0.2)
        answer = requests.get(f"{bank.admin_url}/readyz", timeout=10)
        assert (answer.status_code, answer.text) == (200, "ready; a telephone exchange is silent\n")
        assert "verifier_exchange_silent 1.0" in requests.get(f"{bank.admin_url}/metrics", timeout=10).text
        assert get(bank, "/v1/exchanges", bank.officer("4412")).json()["silent"] is True


@pytest.mark.shows("CVP-6.6-1")
def test_a_damaged_row_of_an_exchange_does_not_hold_up_its_legs(tmp_path: Path) -> None:
    with RunningBank(tmp_path) as bank:
        pbx = SystemSession(bank, "pbx")
        with closing(sqlite3.connect(tmp_path / "verifier.sqlite3")) as database:
            database.execute("UPDATE exchanges SET heard_at = heard_at - 60000")
            database.commit()
        assert pbx.send("POST", "/v1/legs/alive").status_code in (200, 500)
        heard = {"event": "ringing", "leg_id": "damaged-1", "number": "+8613700137000", "at": now_iso()}
        assert pbx.send("POST", "/v1/legs", heard).json()["result"] == "unmatched"


@pytest.mark.shows("CVP-2-1")
@pytest.mark.parametrize("name", ["loan-origination", "ivr"])
def test_only_a_telephone_exchange_may_say_that_it_is_alive(bank: DemoBank, name: str) -> None:
    refused = SystemSession(bank, name).send("POST", "/v1/legs/alive")
    assert (refused.status_code, refused.json()["slug"]) == (403, "forbidden")


@pytest.mark.shows("CVP-7.15-1", "CVP-7.15-2")
def test_a_handset_that_rings_is_told_whether_it_is_the_bank(bank: DemoBank) -> None:
    asked = {"caller_number": DESK, "rang_at": now_iso()}
    assert verify(bank, asked).json()["verdict"] == "not_legit"
    headers = {"Authorization": f"Bearer {bank.officer('4412')}", "Idempotency-Key": "ring-1"}
    body = {"purpose": "documents", "number": NUMBER, "caller_number": DESK}
    path = f"{bank.url}/v1/applications/{APPLICATION}/calls"
    assert requests.post(path, json=body, headers=headers, timeout=10).status_code == 201
    assert verify(bank, asked).json()["verdict"] == "undetermined"
    heard = {"event": "ringing", "leg_id": "ring-1", "number": NUMBER, "at": now_iso()}
    assert SystemSession(bank, "pbx").send("POST", "/v1/legs", heard).json()["call"]["state"] == "ringing"
    assert verify(bank, asked).json()["verdict"] == "legit"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"caller_number": "95588"}, "/caller_number"),
        ({"caller_number": ""}, "/caller_number"),
        ({"rang_at": "2026-11-23T04:00:00"}, "/rang_at"),
        ({"more": 1}, "/more"),
    ],
    ids=str,
)
def test_a_bad_question_of_a_handset_names_the_member(bank: DemoBank, change: dict[str, Any], pointer: str) -> None:
    refused = verify(bank, {"caller_number": DESK, "rang_at": now_iso(), **change})
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
