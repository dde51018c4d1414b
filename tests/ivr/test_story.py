"""The whole story over SIP: the officer's call, the code, the customer's call to the bank, the transfer back.

Two telephones (baresip), the dialler and the gateway are separate programs. The bank runs here (laws L3, L5).
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import RunningBank
from tests.certificates import certified
from tests.customers import DESK, Customer
from tests.ivr.baresip import BaresipPhone
from tests.ivr.conftest import PROGRAMS, RunningGateway
from tests.ivr.ports import free_ports
from tests.ivr.rtp import strength
from verifier.core.passport import check_identity
from verifier.demo.bank import DemoBank
from verifier.identity import certificate_key

pytestmark = pytest.mark.needs("espeak-ng", "sip-tester", "baresip-core")

HUM = 440
X5U = "https://certificates.bank.example/shaken.pem"


class Telephones:
    """A bank that signs its calls, its gateway, and one telephone each for officer and customer."""

    def __init__(self, folder: Path, bank: DemoBank, *, answers: str = "auto", person: str = "") -> None:
        self.folder = folder
        self.bank = bank
        self.customer = Customer(bank, person=person)
        self.officer_phone = BaresipPhone(folder / "officer", "4412", free_ports(8), hums=HUM)
        self.customer_phone = BaresipPhone(folder / "customer", self.customer.number, free_ports(8), answers=answers)
        self.officer_uri = self.officer_phone.uri.replace("4412", "{officer}")
        self.gateway = RunningGateway(folder, bank, OFFICER_URI=self.officer_uri)

    def dial(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start the dialler, which calls the officer and then the customer."""
        return self.dialler(self.customer.call_id, **settings)

    def dialler(self, asked: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start the dialler, for one call or for those that are written to its input."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIALLER_")}
        given = {
            "VERIFIER_URL": self.bank.url,
            "KEY_ID": "dialler",
            "KEY_FILE": str(self.bank.folder / "dialler.pem"),
            "OFFICER_URI": self.officer_uri,
            "CUSTOMER_URI": self.customer_phone.uri.replace(self.customer.number, "{number}"),
            "IDENTITY": "shaken",
            "LISTEN": f"127.0.0.1:{free_ports(1)}",
            "RTP_PORTS": str(free_ports(16)),
            **settings,
        }
        environment |= {f"DIALLER_{name}": value for name, value in given.items()}
        command = [sys.executable, "-m", "voice_gateway.dialler", asked]
        environment["PYTHONPATH"] = PROGRAMS
        log = (self.folder / "dialler.log").open("wb")
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=log)

    def close(self) -> None:
        self.gateway.stop()
        self.officer_phone.close()
        self.customer_phone.close()


@pytest.fixture
def telephones() -> Iterator[Telephones]:
    with tempfile.TemporaryDirectory(prefix="story-") as name:
        folder = Path(name)
        certified(folder, "SHAKEN 1234")
        settings = {"identity_key": str(folder / "key.pem"), "identity_x5u": X5U}
        with RunningBank(folder / "bank", **settings) as bank:
            running = Telephones(folder, bank)
            yield running
            running.close()


def code_within(customer: Customer, seconds: float) -> str:
    """Wait until the officer may see the code, and return it."""
    until = time.monotonic() + seconds
    while True:
        shown = customer.officers_screen()
        if shown.ok:
            return str(shown.json()["digits"])
        assert shown.json()["slug"] == "leg_not_connected"
        assert time.monotonic() < until, "the leg was never connected"
        time.sleep(0.1)


def hears_the_officer(phone: BaresipPhone) -> None:
    """Wait for half a second of the officer's tone. On a busy machine sound may have gaps at first."""
    until = time.monotonic() + 20
    while strength(phone.samples(time.monotonic() - 0.5), HUM) <= 0.8:
        assert time.monotonic() < until, "the officer is not heard"
        time.sleep(0.2)


@pytest.mark.shows("CVP-6.4-1", "CVP-7.10-1", "CVP-7.10-3", "CVP-7.10-4")
def test_the_officer_calls_and_the_customer_calls_back_confirms_and_is_put_through(telephones: Telephones) -> None:
    customer, officer_phone, customer_phone = telephones.customer, telephones.officer_phone, telephones.customer_phone
    customer.is_about_to_be_rung()
    assert customer.officers_screen().status_code == 409, "a code before the leg is connected"

    dialler = telephones.dial()
    code = code_within(customer, 20)
    for each in (officer_phone, customer_phone):
        each.sees("CALL_ESTABLISHED")
    invite = customer_phone.log()
    assert re.search(rf"^From: <?sip:{re.escape(DESK)}@", invite, re.MULTILINE)
    header = re.search(r"^Identity: (\S+)", invite, re.MULTILINE)
    assert header is not None
    key = certificate_key((telephones.folder / "certificate.pem").read_bytes())
    claims = check_identity(header[1], key, int(time.time())).claims
    assert ("+" + claims.orig.tn, "+" + claims.dest.tn[0]) == (DESK, customer.number)

    hears_the_officer(customer_phone)

    customer_phone.hang_up()
    assert dialler.wait(20) == 0, (telephones.folder / "dialler.log").read_text()
    officer_phone.sees("CALL_CLOSED")
    assert customer.officers_screen().status_code == 409, "a code after the leg has ended"

    rang = time.monotonic()
    customer_phone.dials(telephones.gateway.uri)
    customer_phone.hears("greeting", "other_language/en", "ask", "keys", since=rang)
    asked = customer_phone.press(code + "#")
    customer_phone.hears("genuine", since=asked)
    customer_phone.press("0")
    assert customer.number in officer_phone.sees("CALL_ESTABLISHED", count=2)["peeruri"]


@pytest.mark.shows("CVP-6.1-1", "CVP-7.10-3", "CVP-7.10-4")
def test_the_leg_ends_when_the_officer_hangs_up(telephones: Telephones) -> None:
    telephones.customer.is_about_to_be_rung()
    dialler = telephones.dial()
    code_within(telephones.customer, 20)
    telephones.officer_phone.hang_up()
    telephones.customer_phone.sees("CALL_CLOSED")
    assert dialler.wait(20) == 0
    assert telephones.customer.officers_screen().status_code == 409


@pytest.mark.shows("CVP-7.10-2")
def test_an_unreachable_officer_means_the_customer_is_not_called(telephones: Telephones) -> None:
    telephones.customer.is_about_to_be_rung()
    nowhere = f"sip:{{officer}}@127.0.0.1:{free_ports(1)};transport=tcp"
    assert telephones.dial(OFFICER_URI=nowhere).wait(60) == 1
    assert "INVITE" not in telephones.customer_phone.log()
    assert telephones.customer.officers_screen().json()["slug"] == "leg_not_connected"


@pytest.mark.shows("CVP-7.10-1")
def test_a_redirection_to_another_telephone_is_not_followed(telephones: Telephones) -> None:
    """The called party cannot redirect the officer to another number."""
    telephones.customer.is_about_to_be_rung()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.settimeout(20)
        dialler = telephones.dial(CUSTOMER_URI=f"sip:{{number}}@127.0.0.1:{elsewhere.getsockname()[1]}")
        invite, peer = elsewhere.recvfrom(65_535)
        kept = [line for line in invite.decode().split("\r\n") if re.match(r"(Via|From|To|Call-ID|CSeq):", line)]
        onward = [f"Contact: <{telephones.customer_phone.uri}>", "Content-Length: 0", "", ""]
        elsewhere.sendto("\r\n".join(["SIP/2.0 302 Moved Temporarily", *kept, *onward]).encode(), peer)
        assert elsewhere.recv(65_535).startswith((b"ACK ", b"INVITE "))
        assert dialler.wait(30) == 1
    assert "INVITE" not in telephones.customer_phone.log()
