"""The service sends receipts to the bank's messaging over HTTP, after a telephone dialogue."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import RunningBank, SystemSession
from tests.customers import Customer
from verifier.config import BadSettings, load

GIVEN = {"VERIFIER_ISSUER": "https://verify.bank.example"}


class Inbox(ThreadingHTTPServer):
    """The bank's messaging server. Answers with each of `statuses` in turn, and then with 202."""

    def __init__(self, *statuses: int) -> None:
        self.requests: list[tuple[dict[str, str], Any]] = []
        self.statuses = list(statuses)
        super().__init__(("127.0.0.1", 0), _Post)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/messages"


class _Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        inbox = self.server
        assert isinstance(inbox, Inbox)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        inbox.requests.append((dict(self.headers), body))
        status = inbox.statuses.pop(0) if inbox.statuses else 202
        self.send_response(status)
        if status == 307:
            self.send_header("Location", inbox.url + "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    running = Inbox()
    yield running
    running.shutdown()
    running.server_close()


@pytest.mark.shows("CVP-7.11-3")
def test_a_caller_gets_their_receipt_by_message(inbox: Inbox, tmp_path: Path) -> None:
    settings = {"receipt_messages_url": inbox.url, "receipt_messages_token": "s3cret", "sweep_seconds": 0.1}
    with RunningBank(tmp_path, **settings) as bank:
        customer = Customer(bank)
        code = customer.is_rung()
        ivr = SystemSession(bank, "ivr")
        asked = {"dialled_number": "+861095588", "caller_number": customer.number}
        session = ivr.send("POST", "/v1/ivr/sessions", asked).json()["session_id"]
        for keys in (code, "1"):
            answer = ivr.send("POST", f"/v1/ivr/sessions/{session}/steps", {"keys": keys})
        assert [say["name"] for say in answer.json()["say"]] == ["receipt_sent"]
        until = time.monotonic() + 10
        while not inbox.requests and time.monotonic() < until:
            time.sleep(0.05)
    [(headers, body)] = inbox.requests
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["Idempotency-Key"] == body["message_id"]
    assert set(body) == {"message_id", "receipt_id", "customer_id", "language"}
    assert body["customer_id"].startswith("cust-")


@pytest.mark.shows("CVP-7.11-4")
def test_only_a_2xx_answer_counts_as_delivered(inbox: Inbox) -> None:
    import aiohttp

    from verifier.messaging import HttpMessaging
    from verifier.service.notifications.outbox import ReceiptMessage

    inbox.statuses = [500, 307, 404, 200]
    message = ReceiptMessage("msg_1", "rcpt_1", "cust-1", "en")

    async def hand() -> list[bool]:
        async with aiohttp.ClientSession() as session:
            there = HttpMessaging(inbox.url, "s3cret", session)
            nowhere = HttpMessaging("http://127.0.0.1:9/", "s3cret", session)
            return [await there.hand(message) for _ in range(4)] + [await nowhere.hand(message)]

    assert asyncio.run(hand()) == [False, False, False, True, False]
    assert len(inbox.requests) == 4, "a redirection is not followed"


@pytest.mark.parametrize(
    "given",
    [
        {"VERIFIER_RECEIPT_MESSAGES_URL": "https://inbox.bank.example/"},
        {"VERIFIER_RECEIPT_MESSAGES_TOKEN": "s3cret"},
        {"VERIFIER_RECEIPT_MESSAGES_URL": "http://inbox.bank.example/", "VERIFIER_RECEIPT_MESSAGES_TOKEN": "s3cret"},
        {"VERIFIER_RECEIPT_MESSAGES_URL": "https:inbox", "VERIFIER_RECEIPT_MESSAGES_TOKEN": "s3cret"},
    ],
)
def test_incomplete_settings_or_an_address_without_https_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadSettings, match="RECEIPT_MESSAGES"):
        load({**GIVEN, **given})
