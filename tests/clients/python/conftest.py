"""One bank for the tests of the Python SDK, and a client for each kind of caller."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from callback_verification import Bearer, Client, SystemKey, calls, legs

from tests.api.conftest import RunningBank
from verifier.demo.bank import DemoBank

APPLICATION, NUMBER, DESK, HOTLINE = "LN-2026-0001", "+8613800138000", "+861082345678", "+861095588"


class Clients:
    """A client for each kind of caller."""

    def __init__(self, bank: DemoBank) -> None:
        self.bank = bank
        self.officer = Client(bank.url, Bearer(bank.officer("4412")))
        self.supervisor = Client(bank.url, Bearer(bank.officer("9001", "supervisor")))
        self.customer = Client(bank.url, Bearer(bank.customer("cust-0001")))
        self.anybody = Client(bank.url)
        self.loans = Client(bank.url, self.key("loan-origination"))
        self.pbx = Client(bank.url, self.key("pbx"))
        self.ivr = Client(bank.url, self.key("ivr"))

    def key(self, name: str) -> SystemKey:
        return SystemKey(name, (self.bank.folder / f"{name}.pem").read_bytes())

    def live_call(self) -> tuple[str, str]:
        """Issue a call whose leg is connected to the customer. Return its id and code."""
        issued = self.officer.send(calls.issue(APPLICATION, purpose="documents", number=NUMBER, caller_number=DESK))
        self.pbx.send(legs.connected(issued.call.call_id, leg_id="1", number=NUMBER))
        return issued.call.call_id, self.officer.send(calls.code(issued.call.call_id)).digits

    def hang_up(self, call_id: str) -> None:
        self.pbx.send(legs.ended(call_id, leg_id="1", number=NUMBER))

    def close(self) -> None:
        for each in (self.officer, self.supervisor, self.customer, self.anybody, self.loans, self.pbx, self.ivr):
            each.close()


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as bank:
        made = Clients(bank)
        yield made
        made.close()
