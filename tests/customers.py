"""A customer of a running bank, called by an officer, for tests over real HTTP."""

from __future__ import annotations

import secrets
from typing import Any

import requests

from tests.api.conftest import SystemSession
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

DESK = "+861082345678"
BRANCH = "北京中关村支行"


class Customer:
    """A customer with their own application, whom an officer may call."""

    def __init__(
        self,
        bank: DemoBank,
        officer_name: str = "李伟",
        *,
        officer: str = "4412",
        also_on_file: str = "",
        person: str = "",
    ) -> None:
        self._bank = bank
        unique = secrets.token_hex(4)
        self.person = person or f"cust-{unique}"
        self.application = f"LN-{unique}"
        self.number = f"+86137{int(unique, 16) % 10**8:08d}"
        numbers = [self.number, also_on_file] if also_on_file else [self.number]
        loan: dict[str, Any] = {
            "customer": {"id": self.person, "name": "赵敏"},
            "numbers": [{"number": each, "added_at": "2026-01-05T00:00:00Z"} for each in numbers],
            "officers": [{"id": officer, "name": officer_name, "branch": BRANCH}],
            "product": "个人住房贷款",
        }
        loans = SystemSession(bank, "loan-origination")
        assert loans.send("PUT", f"/v1/applications/{self.application}", loan).status_code == 200

    def is_rung(self) -> str:
        """Issues and connects a call. Returns the code that the officer reads out."""
        self.is_about_to_be_rung()
        self.picks_up(self.number)
        shown = self.officers_screen()
        assert shown.ok, shown.text
        return str(shown.json()["digits"])

    def is_about_to_be_rung(self) -> str:
        """Issues a call. Returns its id."""
        loans = SystemSession(self._bank, "loan-origination")
        asked = {"purpose": "documents", "number": self.number, "caller_number": DESK, "officer_id": "4412"}
        issued = loans.send("POST", f"/v1/applications/{self.application}/calls", asked)
        assert issued.status_code in (200, 201), issued.text
        self.call_id = str(issued.json()["call"]["call_id"])
        return self.call_id

    def picks_up(self, number: str) -> None:
        """The telephone exchange connects the officer to the number."""
        leg = {"event": "connected", "leg_id": self.call_id[-8:], "number": number, "at": now_iso()}
        assert SystemSession(self._bank, "pbx").send("POST", f"/v1/calls/{self.call_id}/legs", leg).ok

    def officers_screen(self) -> requests.Response:
        """The answer to the officer's request for the code."""
        officer = {"Authorization": f"Bearer {self._bank.officer('4412')}"}
        return requests.get(f"{self._bank.url}/v1/calls/{self.call_id}/code", headers=officer, timeout=10)

    def call_status(self) -> str:
        """What the bank tells the customer without a code."""
        login = {"Authorization": f"Bearer {self._bank.customer(self.person)}"}
        answer = requests.get(f"{self._bank.url}/v1/me/call-status", headers=login, timeout=10)
        return str(answer.json()["state"])

    def is_left(self) -> None:
        """The officer hangs up."""
        leg = {"event": "ended", "leg_id": self.call_id[-8:], "number": self.number, "at": now_iso()}
        assert SystemSession(self._bank, "pbx").send("POST", f"/v1/calls/{self.call_id}/legs", leg).ok
