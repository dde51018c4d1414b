"""A client that leaves before its event stream begins, as a browser that changes pages, is no error of the service."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable

import pytest
import requests
from structlog.testing import capture_logs

from verifier.demo.bank import DemoBank

NUMBER, APPLICATION = "+8613800138000", "LN-2026-0001"


def customers(bank: DemoBank) -> tuple[str, str]:
    return "/v1/me/events", bank.customer("cust-0001")


def officers(bank: DemoBank) -> tuple[str, str]:
    token = bank.officer("4412")
    answer = requests.post(
        f"{bank.url}/v1/applications/{APPLICATION}/calls",
        json={"purpose": "documents", "number": NUMBER, "caller_number": "+861082345678"},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(8)},
        timeout=10,
    )
    return f"/v1/calls/{answer.json()['call']['call_id']}/events", token


def close(client: socket.socket) -> None:
    client.close()


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.shows("CVP-7.5-8")
@pytest.mark.parametrize("go", [close, reset])
@pytest.mark.parametrize("whose", [customers, officers])
def test_a_client_that_leaves_before_the_first_event_is_no_defect(
    running_bank: DemoBank,
    monkeypatch: pytest.MonkeyPatch,
    whose: Callable[[DemoBank], tuple[str, str]],
    go: Callable[[socket.socket], None],
) -> None:
    path, token = whose(running_bank)
    assert running_bank._node is not None
    service = running_bank._node._service
    left = threading.Event()

    def slowly(read: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        """The first read lasts until the client has left."""

        async def slow(*args: object) -> object:
            found = await read(*args)
            async with asyncio.timeout(10):
                while not left.is_set():
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            return found

        return slow

    monkeypatch.setattr(service.me, "call_status", slowly(service.me.call_status))
    monkeypatch.setattr(service.desk._looks, "record", slowly(service.desk._looks.record))
    host, _, port = running_bank.url.removeprefix("http://").partition(":")
    with capture_logs() as logs:
        client = socket.create_connection((host, int(port)), timeout=10)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        time.sleep(0.3)
        go(client)
        left.set()
        for _ in range(100):
            done = [each for each in logs if each["event"] == "request" and each["operation"].endswith("events")]
            if done:
                break
            time.sleep(0.1)
    assert [each["status"] for each in done] == [499]
    assert [each for each in logs if each["event"] == "defect"] == []
