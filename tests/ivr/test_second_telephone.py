"""The gateway with a second telephone program, baresip, over TLS with SRTP and over UDP (laws L4, L6, L12)."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import certified
from tests.customers import Customer
from tests.ivr.baresip import BaresipPhone
from tests.ivr.conftest import RunningGateway
from tests.ivr.ports import free_ports
from tests.world import another_code
from verifier.demo.bank import DemoBank

pytestmark = pytest.mark.needs("espeak-ng", "sip-tester", "baresip-core")

WELCOME = ("greeting", "other_language/en", "ask", "keys")


@pytest.fixture(scope="module")
def secure(bank: DemoBank) -> Iterator[tuple[RunningGateway, str]]:
    """A gateway that accepts only SRTP, and its TLS address."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        folder = Path(name)
        certified(folder, "ivr.bank.example")
        port = free_ports(1)
        settings = {"TLS_LISTEN": f"127.0.0.1:{port}", "SRTP": "required"}
        files = {"TLS_CERTIFICATE": str(folder / "certificate.pem"), "TLS_KEY": str(folder / "key.pem")}
        running = RunningGateway(folder, bank, **settings, **files)
        yield running, f"sip:+861095588@127.0.0.1:{port};transport=tls"
        running.stop()


@pytest.fixture
def customer(bank: DemoBank) -> Customer:
    return Customer(bank)


@pytest.fixture
def folder() -> Iterator[Path]:
    # The path must be short: baresip accepts no long ones.
    path = Path(tempfile.mkdtemp(prefix="phone-"))
    yield path
    shutil.rmtree(path)


def telephone(folder: Path, number: str, account: str = "") -> BaresipPhone:
    return BaresipPhone(folder / number.strip("+"), number, free_ports(8), account=account)


def test_a_typing_error_a_retry_and_a_replay_work_over_tls_and_srtp(
    secure: tuple[RunningGateway, str], customer: Customer, folder: Path
) -> None:
    _, address = secure
    code = customer.is_rung()
    phone = telephone(folder, customer.number, ";mediaenc=srtp-mand")
    try:
        phone.dials(address)
        phone.hears(*WELCOME)
        asked = phone.press(code[:-1] + str((int(code[-1]) + 1) % 10) + "#")
        phone.hears("ask_to_repeat", "ask", since=asked)
        asked = phone.press(code + "#")
        phone.hears("genuine", since=asked)
        phone.press("0")
        assert "4412@" in phone.sees("TRANSFER")["param"]
        customer.is_left()
        phone.hang_up()
        rang = time.monotonic()
        phone.dials(address)
        phone.hears("greeting", since=rang)
        asked = phone.press(code + "#")
        phone.hears("speech", "code_over", since=asked)
        phone.press("0")
        assert "fraud@" in phone.sees("TRANSFER", count=2)["param"]
    finally:
        phone.close()


def test_a_gateway_that_requires_srtp_refuses_plain_rtp(
    secure: tuple[RunningGateway, str], customer: Customer, folder: Path
) -> None:
    _, address = secure
    phone = telephone(folder, customer.number)
    try:
        phone.tries(address)
        assert "488" in phone.sees("CALL_CLOSED")["param"]
    finally:
        phone.close()


def test_a_wrong_code_is_not_genuine(gateway: RunningGateway, customer: Customer, folder: Path) -> None:
    code = customer.is_rung()
    phone = telephone(folder, customer.number)
    try:
        phone.dials(gateway.uri)
        phone.hears(*WELCOME)
        asked = phone.press(another_code(code) + "#")
        phone.hears("not_genuine", "after_refusal", since=asked)
    finally:
        phone.close()


def test_a_number_that_is_not_on_file_gets_no_verdict(gateway: RunningGateway, folder: Path) -> None:
    phone = telephone(folder, "+8613700000001")
    try:
        phone.dials(gateway.uri)
        phone.hears(*WELCOME)
        asked = phone.press("482177302#")
        phone.hears("unregistered", "after_refusal", since=asked)
    finally:
        phone.close()


@pytest.mark.shows("CVP-7.7-4", "CVP-7.9-4")
def test_an_unreachable_service_is_announced_in_both_languages(
    bank: DemoBank, customer: Customer, folder: Path
) -> None:
    running = RunningGateway(folder, bank, "http://127.0.0.1:9")
    phone = telephone(folder, customer.number)
    try:
        phone.dials(running.uri)
        phone.hears("unavailable", "unavailable/en")
        phone.sees("CALL_CLOSED")
    finally:
        phone.close()
        running.stop()
