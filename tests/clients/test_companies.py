"""Runs the examples of a company in the READMEs of both SDKs, unchanged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import RunningBank
from tests.node import CLIENTS, SDK, program, run
from verifier.demo.bank import DemoBank


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as running:
        yield running


def shown(folder: str, language: str) -> str:
    readme = (CLIENTS / folder / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(rf"^```{language} company\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return str(example)


def given(bank: DemoBank, finance: str, legal: str) -> dict[str, str]:
    return {
        "BANK_VERIFIER_URL": bank.url,
        "SYSTEM_KEYS": str(bank.folder),
        "OFFICER_TOKEN": bank.officer("4412"),
        "FINANCE_TOKEN": bank.customer(finance),
        "LEGAL_TOKEN": bank.customer(legal),
    }


@pytest.mark.shows("CVP-3.3-1")
def test_a_newcomer_registers_a_company_in_python_and_its_people_confirm(bank: DemoBank) -> None:
    env = {**os.environ, **given(bank, "cust-7011", "cust-7012")}
    command = [sys.executable, "-c", shown("python", "python")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("True This is a genuine call from us. 李伟, staff number 4412")
    assert second == "True the bank called 周敏, not you"


@pytest.mark.shows("CVP-3.3-1")
def test_a_newcomer_registers_a_company_in_javascript_and_its_people_confirm(bank: DemoBank, npm: str) -> None:
    inside = SDK / "tests" / f".company-{os.getpid()}.mjs"
    inside.write_text(shown("typescript", "js").replace('"callback-verification"', '"../src/client.js"'), "utf-8")
    try:
        done = run(program("node"), str(inside), **given(bank, "cust-7021", "cust-7022"))
    finally:
        inside.unlink()
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("genuine This is a genuine call from us. 李伟, staff number 4412")
    assert second == "genuine the bank called 何静, not you"
