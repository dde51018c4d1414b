"""The sample for a WeChat mini-program, run against a real bank."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.api.conftest import RunningBank, SystemSession
from tests.node import CLIENTS, program
from tests.pages.people import Exchange
from tests.world import another_code
from verifier.demo.bank import DemoBank

SAMPLE = CLIENTS / "samples/wechat"


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as bank:
        yield bank


@pytest.fixture
def exchange(bank: DemoBank) -> Iterator[Exchange]:
    made = Exchange(bank)
    yield made
    made.hang_up()


class MiniProgram:
    """The page of the sample. Each act returns the data that it shows then."""

    def __init__(self, bank: DemoBank, token: str) -> None:
        script = Path(__file__).parent / "mini_program.cjs"
        command = [program("node"), str(script), str(SAMPLE), bank.url, token]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> MiniProgram:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def act(self, name: str, given: object = None) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, given]) + "\n")
        self._process.stdin.flush()
        shown: dict[str, Any] = json.loads(self._process.stdout.readline())
        return shown


@pytest.fixture
def page(npm: str, bank: DemoBank) -> Iterator[MiniProgram]:
    with MiniProgram(bank, bank.customer("cust-0001")) as made:
        yield made


def a_code(bank: DemoBank, exchange: Exchange) -> tuple[str, str]:
    asked = {"purpose": "terms", "number": "+8613800138000", "caller_number": "+861082345678", "officer_id": "4412"}
    issued = SystemSession(bank, "loan-origination").send("POST", "/v1/applications/LN-2026-0001/calls", asked)
    assert issued.status_code == 201, issued.text
    call_id: str = issued.json()["call"]["call_id"]
    exchange.hears(call_id, "connected")
    headers = {"Authorization": f"Bearer {bank.officer('4412')}"}
    shown = requests.get(f"{bank.url}/v1/calls/{call_id}/code", headers=headers, timeout=10)
    assert shown.status_code == 200, shown.text
    return call_id, shown.json()["digits"]


def test_a_verdict_is_green_while_its_call_goes_on_and_not_after(
    page: MiniProgram, bank: DemoBank, exchange: Exchange
) -> None:
    call_id, code = a_code(bank, exchange)
    shown = page.act("enter", f" {code[:3]} {code[3:6]}-{code[6:]}")
    assert (shown["view"], shown["officer"]["name"], shown["digits"]) == ("genuine", "李伟", "")
    exchange.hears(call_id, "ended")
    ended = page.act("wait", "ended")
    assert (ended["view"], ended["officer"]) == ("ended", None)
    assert page.act("again")["view"] == "check"
    assert page.act("enter", code)["view"] == "ended"


def test_without_an_answer_nothing_is_genuine(page: MiniProgram, bank: DemoBank, exchange: Exchange) -> None:
    _, code = a_code(bank, exchange)
    page.act("network", False)
    unanswered = page.act("enter", code)
    assert (unanswered["view"], unanswered["keys"]) == ("unavailable", 1)
    page.act("network", True)
    page.act("again")
    assert page.act("enter", code)["view"] == "genuine"
    page.act("network", False)
    lost = page.act("wait", "lost")
    assert (lost["view"], lost["officer"]) == ("lost", None)
    page.act("network", True)
    assert page.act("wait", "genuine")["view"] == "genuine"
    assert page.act("leave") | {"keys": 0} == {
        "view": "check",
        "digits": "",
        "hint": "",
        "title": "",
        "text": "",
        "officer": None,
        "keys": 0,
        "status": lost["status"],
    }


def test_wrong_codes_and_the_status_are_told(page: MiniProgram, bank: DemoBank, exchange: Exchange) -> None:
    _, code = a_code(bank, exchange)
    assert "李伟" in page.act("status")["status"]
    assert page.act("enter", code[:8])["hint"] == "核实码是9位数字。"
    slip = code[:-1] + str((int(code[-1]) + 1) % 10)
    assert page.act("enter", slip)["hint"].startswith("这9位数字有误")
    assert page.act("enter", another_code(code))["view"] == "not_genuine"


def test_somebody_who_is_not_signed_in_is_asked_to(npm: str, bank: DemoBank) -> None:
    with MiniProgram(bank, "") as page:
        assert page.act("enter", "482177302")["hint"] == "请先登录"


def test_the_page_for_react_native_is_well_formed(npm: str) -> None:
    command = [
        str(CLIENTS / "typescript/node_modules/.bin/esbuild"),
        str(CLIENTS / "samples/react-native/CallCheck.jsx"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "answerTo(id, token)" in done.stdout
