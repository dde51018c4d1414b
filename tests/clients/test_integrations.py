"""Runs the integrations that clients/README.md shows, unchanged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.api.conftest import RunningBank, SystemSession
from tests.node import CLIENTS, SDK, program, run
from verifier.demo.bank import DemoBank

README = (CLIENTS / "README.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"^```(\w+ \w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as running:
        yield running


def started(name: str, heard: str, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SHOWN[f"python {name}"]]
    env = {**os.environ, **given}
    done = subprocess.run(command, env=env, input=heard, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done


def python(name: str, **given: str) -> str:
    """Run a Python integration and return its output."""
    return started(name, "", given).stdout.strip()


def adapter(heard: str, **given: str) -> tuple[list[str], list[str]]:
    """Run the adapter and return its output and its log."""
    done = started("adapter", heard, given)
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize("name", SHOWN)
def test_each_integration_takes_ten_lines(name: str) -> None:
    lines = [line for line in SHOWN[name].splitlines() if line and not line.startswith(("import ", "from "))]
    assert len(lines) <= 10


def test_the_readme_integrations_register_issue_connect_and_confirm_a_call(bank: DemoBank, npm: str) -> None:
    issued, state = python(
        "los", BANK_VERIFIER_URL=bank.url, SYSTEM_KEY=str(bank.folder / "loan-origination.pem")
    ).split()
    assert state == "issued"
    pbx = {"BANK_VERIFIER_URL": bank.url, "SYSTEM_KEY": str(bank.folder / "pbx.pem"), "CALL_ID": issued}
    assert python("pbx", **pbx) == "live"
    headers = {"Authorization": f"Bearer {bank.officer('4412')}"}
    code = requests.get(f"{bank.url}/v1/calls/{issued}/code", headers=headers, timeout=10).json()["shown"]
    app = {"BANK_VERIFIER_URL": bank.url, "CUSTOMER_TOKEN": bank.customer("cust-7001"), "CODE": code}
    assert python("app", **app).startswith("genuine 已核实，这是我们打来的电话。来电人：李伟")
    assert python("app", **{**app, "CODE": "482177302"}).startswith("not genuine 未能核实")
    assert python("app", **{**app, "BANK_VERIFIER_URL": "http://127.0.0.1:1"}).startswith("we cannot check now")

    def javascript(**given: str) -> str:
        inside = SDK / "node_modules" / ".shown.mjs"
        inside.write_text(SHOWN["js app"].replace('"callback-verification"', '"../src/client.js"'), encoding="utf-8")
        done = run(program("node"), str(inside), **{**app, **given})
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert javascript().startswith("genuine 已核实，这是我们打来的电话。来电人：李伟")
    assert javascript(CODE="482177302").startswith("not genuine 未能核实")
    assert javascript(BANK_VERIFIER_URL="http://127.0.0.1:1").startswith("we cannot check now")


@pytest.mark.shows("CVP-P1-1")
def test_events_of_an_exchange_make_a_call_live_and_end_it(bank: DemoBank) -> None:
    los = SystemSession(bank, "loan-origination")
    asked = {"purpose": "terms", "number": "+8613800138000", "caller_number": "+861082345678", "officer_id": "4412"}
    call_id = los.send("POST", "/v1/applications/LN-2026-0001/calls", asked).json()["call"]["call_id"]
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000"
    events = json.loads((Path(__file__).parent / "pbx" / "asterisk-ari.json").read_text())
    strange = [{"type": "ChannelDestroyed", "channel": "+8613800138000"}, {"kind": "+8613800138000"}]
    lines = "".join(json.dumps({**event, "timestamp": now}) + "\n" for event in [*events, *strange])
    told, logged = adapter(lines, BANK_VERIFIER_URL=bank.url, SYSTEM_KEY=str(bank.folder / "pbx.pem"))
    assert told == [
        "connected=1 ended=2 irrelevant=8 no_id=1 no_kind=1 ringing=1",
        "alive=1 matched=3 unmatched=1",
    ]
    assert logged == [f"an event was not understood: {reason}, 1 so far" for reason in ("no_id", "no_kind")]
    call = los.send("GET", f"/v1/calls/{call_id}").json()
    assert call["rang_at"]
    assert call["connected_at"]
    assert call["leg_ended_at"]
