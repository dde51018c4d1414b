"""Identity providers that are slow, gone or wrong, and the requests that wait for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from tests.api.conftest import RunningBank
from tests.api.provider import NOW, Clock, published, settled
from verifier.api import key_sets
from verifier.api.issuers import TrustedIssuer
from verifier.api.tokens import TokenVerifier
from verifier.core.errors import Unauthenticated, Unavailable

HOUR = 3600


class Provider:
    """A server that answers each request in its `manner`: good, silent, dripping, closing or garbled.

    `asked` counts requests, and `hanging` those that have no whole answer yet.
    """

    def __init__(self) -> None:
        self.manner = "good"
        self.key = ECKey.generate_key("P-256", {"kid": "one"})
        self.keys = [published(self.key)]
        self.asked = 0
        self.hanging = 0
        self.came = asyncio.Event()
        self.release = asyncio.Event()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self.release.set()
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        self.hanging += 1
        self.came.set()
        hang_up = asyncio.ensure_future(reader.read())
        answering = asyncio.ensure_future(self._write(writer))
        await asyncio.wait([hang_up, answering], return_when=asyncio.FIRST_COMPLETED)
        self.hanging -= 1
        for each in (hang_up, answering):
            each.cancel()
        writer.close()

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"keys": self.keys}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        if self.manner == "closing":
            return
        if self.manner == "garbled":
            head = b"EVIL/1.1 EVIL\r\n\r\n"
        if self.manner == "dripping":
            writer.write(head)
            for octet in body:
                writer.write(bytes([octet]))
                await asyncio.sleep(60 / len(body))
        if self.manner == "silent":
            await self.release.wait()
        writer.write(head + body)
        await writer.drain()

    def mint(self, sub: str = "E1", key: ECKey | None = None, kid: str = "one", exp: int = NOW + 900) -> str:
        claims = {"iss": self.url, "aud": "staff-api", "sub": sub, "exp": exp}
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": kid}, claims, key or self.key)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def verifier(provider: Provider, clock: Clock) -> AsyncIterator[TokenVerifier]:
    async with aiohttp.ClientSession() as session:
        trusted = TrustedIssuer("staff", provider.url, ("staff-api",), jwks_url=f"{provider.url}/keys")
        made = TokenVerifier([trusted], lambda: session, clock)
        yield made
        close: Callable[[], None] = getattr(made, "close", lambda: None)
        close()


async def cache_keys(verifier: TokenVerifier, provider: Provider, clock: Clock, manner: str) -> None:
    """Cache the keys, make their next fetch due, and switch the provider to `manner`."""
    await verifier.verify(provider.mint(exp=NOW + 900))
    provider.manner = manner
    provider.came.clear()
    clock.now = NOW + 31


@pytest.mark.shows("CVP-2-10")
@pytest.mark.parametrize("manner", ["silent", "dripping"])
async def test_no_request_waits_for_a_slow_provider_if_its_key_is_cached(
    verifier: TokenVerifier, provider: Provider, clock: Clock, manner: str
) -> None:
    remembered = provider.mint(exp=NOW + 900)
    await cache_keys(verifier, provider, clock, manner)
    assert await verifier.verify(remembered)
    await provider.came.wait()
    for n in range(20):
        assert (await verifier.verify(provider.mint(f"E{n}"))).id == f"E{n}"
        assert await verifier.verify(remembered)
    # Give the provider time to notice an abandoned fetch.
    await asyncio.sleep(0.2)
    assert provider.hanging == 1, "the fetch is still running, so no request waited for its end"
    assert provider.asked == 2, "one fetch at the start, and one for all requests since"


@pytest.mark.shows("CVP-2-10")
@pytest.mark.parametrize("manner", ["closing", "garbled"])
async def test_a_failing_provider_is_asked_every_thirty_seconds_and_cached_keys_serve_for_an_hour(
    verifier: TokenVerifier, provider: Provider, clock: Clock, manner: str
) -> None:
    await cache_keys(verifier, provider, clock, manner)
    with capture_logs() as logs:
        for second in range(0, 90, 10):
            clock.now = NOW + 31 + second
            assert await verifier.verify(provider.mint(f"E{second}"))
            await settled(verifier)
    # Another test bank in this process may log its requests at the same time.
    assert [each["event"] for each in logs if each["event"] != "request"] == ["key set not fetched"] * 3
    clock.now = NOW + HOUR
    with pytest.raises(Unavailable):
        await verifier.verify(provider.mint(exp=NOW + HOUR + 900))


@pytest.mark.shows("CVP-2-10")
@pytest.mark.slow
async def test_only_tokens_with_unknown_keys_wait_for_a_fetch_and_the_wait_is_bounded(
    verifier: TokenVerifier, provider: Provider, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "WAIT_S", 3, raising=False)
    await cache_keys(verifier, provider, clock, "silent")
    stranger = ECKey.generate_key("P-256")
    waiting = [asyncio.create_task(verifier.verify(provider.mint(kid=f"invented {n}"))) for n in range(20)]
    waiting += [asyncio.create_task(verifier.verify(provider.mint(f"C{n}", key=stranger))) for n in range(20)]
    await provider.came.wait()
    assert await verifier.verify(provider.mint("E7"))
    assert not any(task.done() for task in waiting), "the token with a known key was served before the others"
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in outcomes] == [Unavailable] * 20 + [Unauthenticated] * 20
    assert provider.hanging == 1, "they did not wait until the fetch timed out"
    assert provider.asked == 2


@pytest.mark.shows("CVP-2-10")
@pytest.mark.parametrize("manner", ["silent", "dripping"])
async def test_a_fetch_times_out_and_a_token_with_an_unknown_key_is_unavailable(
    verifier: TokenVerifier, provider: Provider, clock: Clock, manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "FETCH_TIMEOUT_S", 0.2)
    await cache_keys(verifier, provider, clock, manner)
    with pytest.raises(Unavailable) as caught:
        await verifier.verify(provider.mint(kid="new"))
    assert caught.value.retry_after == key_sets.COOL_DOWN_S
    with pytest.raises(Unavailable):
        await verifier.verify(provider.mint(kid="new"))
    assert provider.asked == 2
    async with asyncio.timeout(10):
        while provider.hanging:
            await asyncio.sleep(0.01)


@pytest.mark.shows("CVP-2-10")
async def test_a_key_replaced_under_the_same_kid_is_fetched_at_once(
    verifier: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    await verifier.verify(provider.mint(exp=NOW + 900))
    old, provider.key = provider.key, ECKey.generate_key("P-256", {"kid": "one"})
    provider.keys = [published(provider.key)]
    clock.now += key_sets.COOL_DOWN_S
    assert await verifier.verify(provider.mint("E2"))
    assert provider.asked == 2
    with pytest.raises(Unauthenticated, match="signature does not verify"):
        await verifier.verify(provider.mint("E3", key=old))


@pytest.mark.shows("CVP-2-10")
async def test_bad_signatures_cause_at_most_one_fetch_every_thirty_seconds(
    verifier: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    stranger = ECKey.generate_key("P-256")
    for second in range(90):
        clock.now = NOW + second
        with pytest.raises(Unauthenticated):
            await verifier.verify(provider.mint(f"E{second}", key=stranger))
    assert provider.asked == 3


async def test_a_token_that_expires_while_its_key_is_fetched_is_refused(
    verifier: TokenVerifier, provider: Provider, clock: Clock
) -> None:
    provider.manner = "silent"
    waiting = asyncio.create_task(verifier.verify(provider.mint(exp=NOW + 2)))
    await provider.came.wait()
    clock.now = NOW + 2
    provider.release.set()
    with pytest.raises(Unauthenticated, match="expired"):
        await waiting


@pytest.mark.parametrize("answer", ["names another issuer", "is not the JSON", "answered with status 503"])
async def test_the_log_says_why_a_fetch_failed_without_repeating_the_answer(
    answer: str, clock: Clock, aiohttp_server: Any
) -> None:
    async def discovery(request: aiohttp.web.Request) -> aiohttp.web.Response:
        if "JSON" in answer:
            return aiohttp.web.Response(text='{"issuer": "EVIL", "jwks_uri": 7}')
        members = {"issuer": "EVIL", "jwks_uri": "http://EVIL"}
        return aiohttp.web.json_response(members, status=503 if "503" in answer else 200, reason="EVIL")

    application = aiohttp.web.Application()
    application.router.add_get("/.well-known/openid-configuration", discovery)
    server = await aiohttp_server(application)
    issuer = str(server.make_url("")).rstrip("/")
    async with aiohttp.ClientSession() as session:
        verifier = TokenVerifier([TrustedIssuer("staff", issuer, ("staff-api",))], lambda: session, clock)
        claims = {"iss": issuer, "aud": "staff-api", "sub": "E1", "exp": NOW + 900}
        token = jwt.encode({"alg": "ES256", "typ": "at+jwt"}, claims, ECKey.generate_key("P-256"))
        with capture_logs() as logs, pytest.raises(Unavailable):
            await verifier.verify(token)
    assert [answer in each["reason"] for each in logs if each["event"] == "key set not fetched"] == [True]
    assert "EVIL" not in str(logs)


async def test_a_node_fetches_keys_before_any_request(provider: Provider, tmp_path: Path) -> None:
    settings = {
        "staff_issuer": provider.url,
        "staff_jwks_url": f"{provider.url}/keys",
        "customer_issuer": provider.url,
        "customer_jwks_url": f"{provider.url}/keys",
        "sweep_seconds": 1,
    }
    running = RunningBank(tmp_path, **settings)
    await asyncio.to_thread(running.__enter__)
    try:
        async with asyncio.timeout(30):
            await provider.came.wait()
    finally:
        await asyncio.to_thread(running.__exit__)
