"""A person may have ten event streams. A stream's place is free within seconds after its client is gone."""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from collections.abc import Callable

import pytest

from verifier.demo.bank import DemoBank
from verifier.service.notifications.events import MAX_WATCHED_BY_ONE

pytestmark = pytest.mark.slow

SOON_S, VANISHED_S = 5, 10
SO_ATTACH_FILTER = 26


def _opened(bank: DemoBank, token: str) -> tuple[socket.socket, bytes]:
    """Request a stream. Return the socket and the status line of the answer."""
    host, _, port = bank.url.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)), timeout=10)
    client.sendall(f"GET /v1/me/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    return client, client.recv(65_536).partition(b"\r\n")[0]


def _close(client: socket.socket) -> None:
    client.close()


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def _half_close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)


def _vanish(client: socket.socket) -> None:
    """Make the client unreachable without closing: a socket filter drops every incoming segment."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(drop))
    client.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


@pytest.mark.shows("CVP-7.5-8")
@pytest.mark.parametrize(
    ("go", "within_s"), [(_close, SOON_S), (_reset, SOON_S), (_half_close, SOON_S), (_vanish, VANISHED_S)]
)
def test_the_streams_of_clients_that_are_gone_free_their_places_within_seconds(
    running_bank: DemoBank, go: Callable[[socket.socket], None], within_s: float
) -> None:
    token = running_bank.customer(f"cust-{20 + [_close, _reset, _half_close, _vanish].index(go):04d}")
    first = [_opened(running_bank, token) for _ in range(MAX_WATCHED_BY_ONE)]
    assert {line for _, line in first} == {b"HTTP/1.1 200 OK"}
    refused, line = _opened(running_bank, token)
    assert b" 429 " in line
    refused.close()
    for client, _ in first:
        go(client)
    gone, again = time.monotonic(), []
    while len(again) < MAX_WATCHED_BY_ONE and time.monotonic() < gone + within_s:
        client, line = _opened(running_bank, token)
        if b" 200 " in line:
            again.append(client)
        else:
            client.close()
            time.sleep(0.2)
    try:
        assert len(again) == MAX_WATCHED_BY_ONE
    finally:
        for client in (*again, *(each for each, _ in first)):
            client.close()
