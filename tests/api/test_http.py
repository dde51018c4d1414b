"""Standard headers, rate limits, live events, the log over HTTP, and the admin port."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from base64 import b64decode

import aiohttp
import pytest
import requests

from tests.api.conftest import SystemSession, deliver
from tests.faults.server import registration
from verifier.api import event_streams, public
from verifier.api.problems import problem_response
from verifier.api.throttle import Throttle
from verifier.core.errors import InternalError, RateLimited
from verifier.core.limits import Limit
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

NUMBER, APPLICATION = "+8613900139000", "LN-2026-0003"


def _get(bank: DemoBank, path: str, **headers: str) -> requests.Response:
    return requests.get(bank.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()}, timeout=10)


@pytest.mark.shows("CVP-3.2-8")
def test_every_answer_has_a_request_id_and_forbids_caching_and_sniffing(running_bank: DemoBank) -> None:
    login = f"Bearer {running_bank.customer('cust-0001')}"
    answer = _get(running_bank, "/v1/me/call-status", Authorization=login, X_Request_ID="mine-1")
    assert answer.headers["X-Request-ID"] == "mine-1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in answer.headers
    assert answer.headers["RateLimit-Policy"] == '"people";q=6000;w=60'
    assert answer.headers["RateLimit"].startswith('"people";r=')
    assert "Access-Control-Allow-Origin" not in answer.headers
    harmful = _get(running_bank, "/v1/nothing", X_Request_ID="<script>")
    assert harmful.headers["X-Request-ID"] != "<script>"


@pytest.mark.shows("CVP-3.2-10")
@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/jwks.json",
        "/.well-known/callback-verification",
        "/log/checkpoint",
        "/v1/me/calls?limit=3",
        "/v1/me/applications",
        "/v1/receipts/rcpt_" + "0" * 32,
        "/v1/nothing",
        "/docs",
        "/officer/",
    ],
)
def test_head_answers_with_the_headers_of_get_and_no_body(running_bank: DemoBank, path: str) -> None:
    headers = {"Authorization": f"Bearer {running_bank.customer('cust-0001')}", "X-Request-ID": "one"}
    # The length is that of the compressed answer, if it is compressed.
    headers["Accept-Encoding"] = "identity"

    def ask(method: str) -> tuple[int, dict[str, str], bytes]:
        answer = requests.request(method, running_bank.url + path, headers=headers, timeout=10)
        passing = ("Date", "RateLimit")
        return answer.status_code, {k: v for k, v in answer.headers.items() if k not in passing}, answer.content

    got, asked = ask("GET"), ask("HEAD")
    assert asked == (*got[:2], b"")
    assert int(asked[1]["Content-Length"]) == len(got[2]) > 0


@pytest.mark.shows("CVP-3.2-10")
def test_a_signature_for_get_is_refused_for_head(running_bank: DemoBank) -> None:
    loans, path = SystemSession(running_bank, "loan-origination"), f"/v1/applications/{APPLICATION}"
    assert (loans.send("HEAD", path).status_code, loans.send("HEAD", path).content) == (200, b"")
    signed = loans.sign("GET", path)
    signed.method = "HEAD"
    assert deliver(signed).status_code == 401
    assert requests.head(running_bank.url + path, timeout=10).status_code == 401


@pytest.mark.shows("CVP-3.2-10")
def test_head_on_an_event_stream_is_not_allowed(running_bank: DemoBank) -> None:
    headers = {"Authorization": f"Bearer {running_bank.customer('cust-0001')}"}
    answer = requests.head(f"{running_bank.url}/v1/me/events", headers=headers, timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    allowed = requests.put(f"{running_bank.url}/v1/me/calls", headers=headers, timeout=10)
    assert (allowed.status_code, allowed.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.shows("CVP-7.3-1")
def test_the_rate_limit_of_a_person_says_when_to_retry() -> None:
    throttle = Throttle("people", Limit(2, 60_000), lambda: 0)
    assert throttle.headers(throttle.spend("a"))["RateLimit"] == '"people";r=1;t=30'
    throttle.spend("a")
    throttle.spend("b")
    with pytest.raises(RateLimited) as caught:
        throttle.spend("a")
    assert caught.value.retry_after == 30


@pytest.mark.shows("CVP-7.3-1")
def test_thirty_malformed_codes_reach_a_limit_that_says_when_to_retry(running_bank: DemoBank) -> None:
    login = {"Authorization": f"Bearer {running_bank.customer('cust-who-slips')}", "Idempotency-Key": "slips"}
    told = [
        requests.post(f"{running_bank.url}/v1/confirmations", json={"code": "1"}, headers=login, timeout=10)
        for _ in range(31)
    ]
    assert [each.json()["slug"] for each in told] == ["malformed_code"] * 30 + ["rate_limited"]
    assert int(told[-1].headers["Retry-After"]) > 0


@pytest.mark.shows("CVP-7.2-1")
def test_an_internal_error_answers_unavailable_without_details() -> None:
    answer = problem_response(InternalError("the seal of call_1 does not open"), "req-1", {})
    assert isinstance(answer.body, bytes)
    problem = json.loads(answer.body)
    assert (answer.status, problem["slug"], problem["verdict"]) == (500, "internal_error", "unavailable")
    assert "seal" not in problem["detail"]


@pytest.mark.shows("CVP-12-1")
def test_the_admin_endpoints_are_on_their_own_port(running_bank: DemoBank) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert requests.get(running_bank.admin_url + path, timeout=10).status_code == 200
        assert _get(running_bank, path).status_code == 404
    assert "verifier_request_seconds_bucket" in requests.get(running_bank.admin_url + "/metrics", timeout=10).text


def test_the_documentation_has_no_script_and_its_policy_forbids_any(running_bank: DemoBank) -> None:
    page = _get(running_bank, "/docs")
    assert "<script" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert 'id="confirm"' in page.text
    assert 'id="problem-policy_refused"' in page.text
    assert _get(running_bank, "/docs.css").headers["Content-Type"].startswith("text/css")
    assert _get(running_bank, "/openapi.json").json()["openapi"] == "3.1.0"


@pytest.mark.shows("CVP-7.5-2")
async def test_the_customers_stream_follows_a_call_from_its_issue_to_its_end(running_bank: DemoBank) -> None:
    """Law L5, as the customer sees it."""
    login = {"Authorization": f"Bearer {running_bank.customer('cust-0003')}"}
    events = iter(["ringing", "connected", "ended"])
    seen: list[str] = []
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.get(f"{running_bank.url}/v1/me/events") as stream,
    ):
        assert stream.content_type == "text/event-stream"
        call_id = ""
        async for line in stream.content:
            if not line.startswith(b"data: "):
                continue
            seen.append(json.loads(line[6:])["state"])
            if len(seen) == 5:
                break
            if call_id:
                await _leg(running_bank, call_id, next(events))
            call_id = call_id or await _issued(session, running_bank)
    assert seen == ["none", "expected", "ringing", "connected", "expected"]


async def _issued(session: aiohttp.ClientSession, bank: DemoBank) -> str:
    asked = {"purpose": "documents", "number": NUMBER, "caller_number": "+861082345678"}
    headers = {"Authorization": f"Bearer {bank.officer('4412')}", "Idempotency-Key": "events-1"}
    path = f"{bank.url}/v1/applications/{APPLICATION}/calls"
    async with session.post(path, json=asked, headers=headers) as answer:
        return str((await answer.json())["call"]["call_id"])


async def _leg(bank: DemoBank, call_id: str, event: str) -> None:
    heard = {"event": event, "leg_id": "1", "number": NUMBER, "at": now_iso()}
    pbx = SystemSession(bank, "pbx")
    assert (await asyncio.to_thread(pbx.send, "POST", f"/v1/calls/{call_id}/legs", heard)).status_code == 200


@pytest.mark.shows("CVP-7.5-3")
async def test_an_idle_stream_carries_regular_comments(running_bank: DemoBank, monkeypatch: pytest.MonkeyPatch) -> None:
    assert event_streams.PING_S == 15
    monkeypatch.setattr(event_streams, "PING_S", 0.05)
    login = {"Authorization": f"Bearer {running_bank.customer('cust-0002')}"}
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.get(f"{running_bank.url}/v1/me/events") as stream,
    ):
        async with asyncio.timeout(5):
            comments = 0
            async for line in stream.content:
                comments += line.startswith(b":")
                if comments == 3:
                    break
        assert comments == 3


@pytest.mark.shows("CVP-8.2-2", "CVP-8.2-4")
def test_anyone_can_rebuild_the_root_of_the_log_from_its_tiles(running_bank: DemoBank) -> None:
    """The hashing is written here again, independently of the service."""
    login = {"Authorization": f"Bearer {running_bank.customer('cust-0001')}", "Idempotency-Key": "tiles-1"}
    report = {"at": now_iso()}
    taken = requests.post(f"{running_bank.url}/v1/reports", json=report, headers=login, timeout=10).json()
    # A node may serve a cached checkpoint for this long.
    time.sleep(public.CERTAIN_S)
    checkpoint = _get(running_bank, "/log/checkpoint")
    assert checkpoint.headers["Content-Type"] == "text/plain; charset=utf-8"
    _, size, root, *_ = checkpoint.text.split("\n")
    width = int(size)
    assert 0 < width < 256
    tile = _get(running_bank, f"/log/tile/0/000.p/{width}")
    assert "immutable" in tile.headers["Cache-Control"]
    bundle = _get(running_bank, f"/log/tile/entries/000.p/{width}").content
    entries = [bundle[at + 2 : at + 34] for at in range(0, len(bundle), 34)]
    leaves = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
    assert tile.content == b"".join(leaves)
    assert _root(leaves) == b64decode(root)
    assert hashlib.sha256(taken["receipt"]["statement"].encode()).digest() in entries
    proof = _get(running_bank, f"/v1/log/consistency?old=1&new={width}").json()["hashes"]
    assert len(proof) >= (width > 1)
    assert _get(running_bank, f"/v1/log/consistency?old=1&new={width + 1}").status_code == 404
    for path in (f"0/000.p/{width + 1}", "0/001", "1/000.p/1", "0/0", "x/000", "entries/000.p/0", "0/000.p/256"):
        assert _get(running_bank, f"/log/tile/{path}").status_code == 404


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + _root(leaves[:split]) + _root(leaves[split:])).digest()


@pytest.mark.shows("CVP-8-2", "CVP-11-4")
def test_the_well_known_description_is_a_trust_file(running_bank: DemoBank) -> None:
    described = _get(running_bank, "/.well-known/callback-verification").json()
    assert described["issuer"] == running_bank.url
    assert described["jwks"] == _get(running_bank, "/.well-known/jwks.json").json()
    assert [key["kty"] for key in described["jwks"]["keys"]] == ["EC", "EC"]
    assert not [key for key in described["jwks"]["keys"] if "d" in key]
    assert len(described["log"]["keys"]) == 2
    assert described["published_numbers"] == ["+861095588"]


def test_a_replayed_signed_request_has_no_further_effect(running_bank: DemoBank) -> None:
    loans, path = SystemSession(running_bank, "loan-origination"), "/v1/applications/LN-SENT-AGAIN"
    number = "+8613700137000"
    registered = loans.sign("PUT", path, registration("cust-sent-again", number))
    assert deliver(registered).status_code == 200
    asked = {"purpose": "documents", "number": number, "caller_number": "+861082345678", "officer_id": "4412"}
    issued = loans.sign("POST", f"{path}/calls", asked)
    first = deliver(issued)
    assert first.status_code == 201
    again = deliver(issued)
    assert (again.status_code, again.content) == (201, first.content)
    erased = loans.sign("DELETE", path)
    gone = deliver(erased)
    assert gone.status_code == 200
    assert deliver(erased).content == gone.content
    # A replayed request does not restore an erased application.
    assert [deliver(each).status_code for each in (registered, issued)] == [410, 410]
