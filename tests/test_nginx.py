"""nginx as the TLS proxy of specs/operations.md: signatures, streams, limits, draining and forged headers."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.api.malformed import MARK, REFUSED
from tests.faults.server import Server, registration
from tests.nginx import Nginx
from verifier.api.signed_requests import sign_request
from verifier.demo.bank import free_ports
from verifier.demo.client import now_iso

pytestmark = pytest.mark.needs("nginx-light")

NUMBER = "+8613900139009"


class Site:
    """A node behind nginx, and a client that uses only nginx's address."""

    def __init__(self, node: Server, proxy: Nginx, session: aiohttp.ClientSession) -> None:
        self.node = node
        self.proxy = proxy
        self.session = session

    async def signed(self, system: str, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send a system's request, signed for nginx's address. Return the status and the content."""
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if content else {}
        if method == "POST":
            sent["Idempotency-Key"] = f"key-{time.monotonic_ns()}"
        key = self.node.bank.system_keys[system]
        url = self.proxy.url + path
        sent |= sign_request(method, url, sent, content, key_id=system, private_key=key, created=time.time())
        asked = self.session.request(method, URL(url, encoded=True), data=content, headers=sent | headers)
        async with asked as answer:
            return answer.status, await answer.json(content_type=None)

    async def raw(self, sent: bytes) -> bytes:
        """Send raw bytes and return what comes back."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.proxy.port, ssl=self.proxy.trusting(), server_hostname="localhost"
        )
        writer.write(sent)
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    public = free_ports()[0]
    folder = tmp_path / "nginx"
    proxy = Nginx(folder, f"127.0.0.1:{public}")
    settings = {"listen": f"127.0.0.1:{public}", "issuer": proxy.url, "drain_seconds": 2, "client_cert_header": True}
    with proxy:
        connector = aiohttp.TCPConnector(ssl=proxy.trusting())
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            Server(tmp_path / "bank", session, **settings) as node,
        ):
            yield Site(node, proxy, session)


async def test_a_signed_request_with_any_target_verifies_through_the_proxy(site: Site) -> None:
    path = "/v1/applications/LN-NGINX"
    assert (await site.signed("loan-origination", "PUT", path, registration("cust-n", NUMBER)))[0] == 200
    # Only an authenticated caller gets these answers, so the signature verified for the target as sent.
    for target, status, slug in (
        (path, 200, None),
        ("/v1/applications/LN%2DNGINX", 200, None),
        ("/v1/applications/%e7%8e%8b%20", 422, "invalid_field"),
        ("/v1/reconciliation?since=2026-01-01T00%3A00%3A00Z", 403, "forbidden"),
    ):
        told = await site.signed("loan-origination", "GET", target)
        assert (told[0], told[1].get("slug")) == (status, slug), (target, told)


async def test_the_proxy_passes_events_at_once_and_the_stream_ends_in_order(site: Site) -> None:
    await site.signed("loan-origination", "PUT", "/v1/applications/LN-NGINX", registration("cust-n", NUMBER))
    asked = {"purpose": "documents", "number": NUMBER, "caller_number": "+861082345678", "officer_id": "4412"}
    status, issued = await site.signed("loan-origination", "POST", "/v1/applications/LN-NGINX/calls", asked)
    assert status == 201, issued
    login = {"Authorization": f"Bearer {site.node.bank.customer('cust-n')}"}
    async with site.session.get(f"{site.proxy.url}/v1/me/events", headers=login) as stream:
        seen = await _event(stream)
        assert seen["on_call"] is False
        leg = {"event": "connected", "leg_id": "1", "number": NUMBER, "at": now_iso()}
        started = time.monotonic()
        await site.signed("pbx", "POST", f"/v1/calls/{issued['call']['call_id']}/legs", leg)
        assert (await _event(stream))["on_call"] is True
        assert time.monotonic() - started < 3
        stopping = asyncio.create_task(site.node.stop())
        async with asyncio.timeout(30):
            # A stream that is cut would raise ClientPayloadError.
            await stream.content.read()
        assert await stopping == 0


async def _event(stream: aiohttp.ClientResponse) -> Any:
    async with asyncio.timeout(20):
        async for line in stream.content:
            if line.startswith(b"data: "):
                return json.loads(line[6:])
    raise AssertionError("the stream ended")


@pytest.mark.shows("CVP-3.2-9")
async def test_a_malformed_request_gets_a_problem_from_the_node_or_the_proxy(site: Site) -> None:
    for name, (sent, _, _) in REFUSED.items():
        raw = await site.raw(sent)
        if name == "HTTP/2":
            assert MARK.encode() not in raw  # nginx supports HTTP/2, and refuses this in its own frames
            continue
        before, _, content = raw.partition(b"\r\n\r\n")
        if name.startswith("an expectation"):
            assert b" 200 " in before or b" 415 " in before  # nginx answers the expectation itself, and removes it
            continue
        assert b"application/problem+json" in before, (name, raw[:300])
        length = int(before.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        problem = json.loads(content[:length])
        assert 400 <= problem["status"] < 500, name
        assert f"X-Request-ID: {problem['request_id']}".encode() in before, name


async def test_a_body_over_the_limit_gets_the_same_problem(site: Site) -> None:
    for size in (65_537, 3_000_000):
        async with site.session.post(f"{site.proxy.url}/v1/reports", data=b" " * size) as answer:
            assert answer.status == 413
            assert (await answer.json(content_type="application/problem+json"))["slug"] == "body_too_large"


@pytest.mark.shows("CVP-2-6")
async def test_a_forged_client_certificate_does_not_reach_the_node(site: Site) -> None:
    """This node trusts the header, against the documentation. nginx removes it anyway."""
    certificate = b"\x30\x03\x02\x01\x07"
    forged = {"Client-Cert": f":{b64encode(certificate).decode()}:"}
    direct = f"http://{site.node.bank.config.listen}/v1/applications/LN-1"
    async with site.session.get(direct, headers=forged) as answer:
        assert "certificate" in (await answer.json())["detail"]
    for name in ("Client-Cert", "client-cert", "CLIENT-CERT"):
        headers = {name: forged["Client-Cert"]}
        async with site.session.get(f"{site.proxy.url}/v1/applications/LN-1", headers=headers) as answer:
            problem = await answer.json()
            assert (answer.status, problem["slug"]) == (401, "unauthenticated")
            assert "certificate" not in problem["detail"]
    for spelled in ("Client_Cert", "Client.Cert"):
        headers = {spelled: forged["Client-Cert"]}
        async with site.session.get(f"{site.proxy.url}/v1/applications/LN-1", headers=headers) as answer:
            assert "certificate" not in (await answer.json())["detail"]


@pytest.mark.shows("CVP-12-5")
async def test_a_draining_node_answers_through_the_proxy_which_then_answers_unavailable(site: Site) -> None:
    key = f"{site.proxy.url}/.well-known/jwks.json"
    statuses = []
    stopping = asyncio.create_task(site.node.stop())
    while not stopping.done():
        async with site.session.get(key) as answer:
            statuses.append(answer.status)
            if answer.status != 200:
                assert (await answer.json(content_type=None))["verdict"] == "unavailable"
        await asyncio.sleep(0.02)
    assert await stopping == 0
    assert statuses.count(200) > 20
    assert statuses == sorted(statuses), "every request succeeded until the node was gone"
    async with site.session.get(key) as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "2"
        assert (await answer.json(content_type="application/problem+json"))["verdict"] == "unavailable"


async def test_the_proxy_keeps_its_connections_to_the_node_open(site: Site) -> None:
    async with site.session.get(f"{site.node.bank.admin_url}/metrics", ssl=False) as answer:
        before = await answer.text()
    for _ in range(50):
        async with site.session.get(f"{site.proxy.url}/.well-known/jwks.json") as answer:
            assert answer.status == 200
            assert len(answer.headers["X-Request-ID"]) == 32
            assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]
    async with site.session.get(f"{site.node.bank.admin_url}/metrics", ssl=False) as answer:
        after = await answer.text()
    assert _open(after) <= max(_open(before), 1) + 1


def _open(metrics: str) -> float:
    found = [line for line in metrics.splitlines() if line.startswith('verifier_connections{listener="public"')]
    return sum(float(line.rpartition(" ")[2]) for line in found)
