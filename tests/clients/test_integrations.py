"""The integrations that clients/README.md shows, run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.api.conftest import RunningBank
from tests.node import CLIENTS, SDK, program, run
from verifier.demo.bank import DemoBank

README = (CLIENTS / "README.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"^```(\w+ \w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as running:
        yield running


def python(name: str, **given: str) -> str:
    """What one of them prints."""
    command = [sys.executable, "-c", SHOWN[f"python {name}"]]
    done = subprocess.run(command, env={**os.environ, **given}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", SHOWN)
def test_it_takes_ten_lines(name: str) -> None:
    lines = [line for line in SHOWN[name].splitlines() if line and not line.startswith(("import ", "from "))]
    assert len(lines) <= 10


def test_a_call_is_registered_issued_connected_and_confirmed_by_what_the_readme_shows(bank: DemoBank, npm: str) -> None:
    issued, state = python("los", VERIFIER_URL=bank.url, SYSTEM_KEY=str(bank.folder / "loan-origination.pem")).split()
    assert state == "issued"
    pbx = {"VERIFIER_URL": bank.url, "SYSTEM_KEY": str(bank.folder / "pbx.pem"), "CALL_ID": issued}
    assert python("pbx", **pbx) == "live"
    headers = {"Authorization": f"Bearer {bank.officer('4412')}"}
    code = requests.get(f"{bank.url}/v1/calls/{issued}/code", headers=headers, timeout=10).json()["shown"]
    app = {"VERIFIER_URL": bank.url, "CUSTOMER_TOKEN": bank.customer("cust-7001"), "CODE": code}
    assert python("app", **app).startswith("genuine 已核实：李伟")
    assert python("app", **{**app, "CODE": "482177302"}).startswith("not genuine 未能核实")
    assert python("app", **{**app, "VERIFIER_URL": "http://127.0.0.1:1"}).startswith("we cannot check now")

    def javascript(**given: str) -> str:
        inside = SDK / "node_modules" / ".shown.mjs"
        inside.write_text(SHOWN["js app"].replace('"callback-verification"', '"../src/client.js"'), encoding="utf-8")
        done = run(program("node"), str(inside), **{**app, **given})
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert javascript().startswith("genuine 已核实：李伟")
    assert javascript(CODE="482177302").startswith("not genuine 未能核实")
    assert javascript(VERIFIER_URL="http://127.0.0.1:1").startswith("we cannot check now")
