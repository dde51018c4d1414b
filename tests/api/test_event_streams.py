"""Event streams carry the standard headers, and end when the token that opened them becomes invalid."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest
from joserfc.jwk import ECKey

from verifier.demo.bank import CUSTOMERS, STAFF, DemoBank

pytestmark = pytest.mark.slow

NUMBER, APPLICATION = "+8613800138000", "LN-2026-0001"


async def _issued(session: aiohttp.ClientSession, bank: DemoBank) -> str:
    asked = {"purpose": "documents", "number": NUMBER, "caller_number": "+861082345678"}
    headers = {"Authorization": f"Bearer {bank.officer('4412')}", "Idempotency-Key": f"streams-{time.time_ns()}"}
    path = f"{bank.url}/v1/applications/{APPLICATION}/calls"
    async with session.post(path, json=asked, headers=headers) as answer:
        return str((await answer.json())["call"]["call_id"])


@pytest.mark.shows("CVP-2-13", "CVP-3.2-8")
@pytest.mark.parametrize("whose", ["customer", "officer"])
async def test_a_stream_ends_when_its_token_expires_and_not_before(running_bank: DemoBank, whose: str) -> None:
    async with aiohttp.ClientSession() as session:
        if whose == "customer":
            path, token = "/v1/me/events", running_bank.issuer.mint(CUSTOMERS, "cust-0003", (), 8)
        else:
            path = f"/v1/calls/{await _issued(session, running_bank)}/events"
            token = running_bank.issuer.mint(STAFF, "4412", ("officer",), 8)
        expires = int(time.time()) + 8
        sent = {"Authorization": f"Bearer {token}", "X-Request-ID": "stream-1"}
        async with session.get(running_bank.url + path, headers=sent) as stream, asyncio.timeout(30):
            assert stream.status == 200
            assert stream.headers["Cache-Control"] == "no-store"
            assert stream.headers["X-Content-Type-Options"] == "nosniff"
            assert "Server" not in stream.headers
            assert stream.headers["X-Request-ID"] == "stream-1"
            assert stream.headers["X-Accel-Buffering"] == "no"
            assert stream.headers["RateLimit"].startswith('"people";r=')
            assert stream.headers["RateLimit-Policy"].startswith('"people";')
            read = await stream.content.read()
        assert time.time() > expires - 1
        events = [line for line in read.split(b"\r\n") if line.startswith(b"data: ")]
        assert len(events) == 1
        assert json.loads(events[0][6:])
        # The stream ended without an error. A new request with the expired token is refused.
        async with session.get(running_bank.url + path, headers=sent) as again:
            assert (again.status, (await again.json())["slug"]) == (401, "unauthenticated")


@pytest.mark.shows("CVP-2-13")
async def test_a_stream_ends_when_the_key_of_its_token_is_withdrawn(running_bank: DemoBank) -> None:
    issuer = running_bank.issuer
    sent = {"Authorization": f"Bearer {running_bank.customer('cust-0003')}"}
    assert running_bank._node is not None
    assert running_bank._node._tokens is not None
    (key_set,) = running_bank._node._tokens._key_sets.values()
    kept = issuer._key
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{running_bank.url}/v1/me/events", headers=sent) as stream,
    ):
        assert b"event" in await stream.content.readline()
        issuer._key = ECKey.generate_key("P-256", auto_kid=True)
        try:
            key_set._due = key_set._not_before = 0
            async with asyncio.timeout(30):
                await stream.content.read()
        finally:
            issuer._key = kept
            key_set._due = key_set._not_before = 0
    async with aiohttp.ClientSession() as session:
        for _ in range(50):
            async with session.get(f"{running_bank.url}/v1/me/call-status", headers=sent) as answer:
                if answer.status == 200:
                    break
            await asyncio.sleep(0.1)
        assert answer.status == 200
