"""The page is green only while the status stream names the confirmed call (laws L4, L6, L13)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.pages.people import Customer, Exchange, Officer, cut
from tests.pages.test_story import connected
from verifier.demo.bank import DemoBank

# Records each look of the verdict, and controls the status stream: `dam` blocks it, `shut` ends it.
WATCHED = """
globalThis.looks = [];
new MutationObserver(() => {
  const look = document.querySelector(".verdict")?.className.replace("verdict ", "");
  if (look && look !== looks.at(-1)) looks.push(look);
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });

const real = fetch;
globalThis.dam = false;
globalThis.fetch = async (address, options) => {
  const response = await real(address, options);
  if (!String(address).endsWith("/v1/me/events") || !response.ok) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream({
    start(stream) {
      globalThis.shut = () => stream.close();
    },
    async pull(stream) {
      const { done, value } = await reader.read();
      if (dam) return new Promise(() => {});
      return done ? stream.close() : stream.enqueue(value);
    },
  });
  return new Response(body, { status: response.status, headers: response.headers });
};
"""


@pytest_asyncio.fixture(loop_scope="session", params=["zh-CN", "en"])
async def watched(browser: Browser, bank: DemoBank, request: pytest.FixtureRequest) -> AsyncIterator[Customer]:
    """Wang Fang, signed in, once per language. Her page records each look of its verdict."""
    person: Customer = await Customer.come(browser, bank, request.param, script=WATCHED)
    await person.sign_in("cust-0001")
    yield person
    await person.context.close()
    assert person.defects() == []


async def looks(customer: Customer) -> list[str]:
    found: list[str] = await customer.page.evaluate("looks")
    return found


def status(*call_ids: str) -> str:
    """A status stream event that names these calls."""
    past = [{"call_id": each, "state": "confirmed"} for each in call_ids]
    at = "2026-11-23T04:00:00Z"
    told = {"on_call": bool(past), "at": at, "calls": past, "words": [{"language": "en", "text": "…"}]}
    return f"event: call-status\ndata: {json.dumps(told)}\n\n"


@pytest.mark.shows("CVP-12.1-10")
async def test_a_verdict_is_green_once_the_stream_names_its_call(
    officer: Officer, watched: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    await watched.enter(code)
    await expect(watched.page.locator(".verdict.genuine")).to_be_visible()
    assert await looks(watched) == ["asking", "genuine"]


@pytest.mark.shows("CVP-12.1-10")
@pytest.mark.parametrize("named", [(), ("call_" + "0" * 32,)], ids=["no call", "another call"])
async def test_a_verdict_is_never_green_if_the_stream_does_not_name_its_call(
    officer: Officer, watched: Customer, exchange: Exchange, named: tuple[str, ...]
) -> None:
    _, code = await connected(officer, exchange)

    async def never(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/event-stream", body=status(*named))

    await watched.page.route("**/v1/me/events", never)
    await watched.enter(code)
    await expect(watched.page.locator(".verdict.over")).to_be_visible()
    await watched.page.wait_for_timeout(3_000)
    assert await looks(watched) == ["asking", "over"]
    await expect(watched.page.locator(".verdict .lead")).to_be_visible()
    assert await watched.page.locator(".verdict .shape-check").count() == 0


@pytest.mark.shows("CVP-12.1-10")
async def test_the_verdict_stays_hidden_if_the_stream_is_silent(
    officer: Officer, watched: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await watched.page.route("**/v1/me/events", hold)
    await watched.enter(code)
    await expect(watched.page.locator(".verdict.asking")).to_be_visible()
    await expect(watched.page.locator(".verdict-body")).to_be_hidden()
    await expect(watched.page.locator(".verdict.lost")).to_be_visible(timeout=10_000)
    assert await looks(watched) == ["asking", "lost"]
    for each in held[:1]:
        await each.abort()


@pytest.mark.shows("CVP-12.1-10")
@pytest.mark.parametrize("answer", ["not JSON", "no calls", "a stranger's words"])
async def test_a_verdict_is_never_green_after_a_malformed_event(
    officer: Officer, watched: Customer, exchange: Exchange, answer: str
) -> None:
    call_id, code = await connected(officer, exchange)
    bodies = {
        "not JSON": f"data: {{'calls': [{{'call_id': '{call_id}'}}]}}\n\n",
        "no calls": 'data: {"on_call": true}\n\n',
        "a stranger's words": "data: " + json.dumps({"on_call": False, "calls": [{"call_id": call_id}]}) + "\n\n",
    }

    async def strange(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/event-stream", body=bodies[answer])

    await watched.page.route("**/v1/me/events", strange)
    await watched.enter(code)
    await expect(watched.page.locator(".verdict.lost, .verdict.over")).to_be_visible()
    assert "genuine" not in await looks(watched)


@pytest.mark.shows("CVP-12.1-10")
async def test_a_verdict_loses_its_green_when_the_stream_falls_silent(
    officer: Officer, watched: Customer, exchange: Exchange
) -> None:
    """The page waits for longer than the service's heartbeat of 15 s, and for at most 30 s."""
    _, code = await connected(officer, exchange)
    await watched.enter(code)
    await expect(watched.page.locator(".verdict.genuine")).to_be_visible()
    await watched.page.evaluate("dam = true")
    await expect(watched.page.locator(".verdict.lost")).to_be_visible(timeout=30_000)
    await expect(watched.page.locator(".verdict.genuine")).to_have_count(0)
    await watched.page.evaluate("dam = false")
    await expect(watched.page.locator(".verdict.genuine")).to_be_visible(timeout=15_000)


@pytest.mark.shows("CVP-12.1-10")
async def test_a_verdict_is_not_green_while_the_stream_reconnects(
    officer: Officer, watched: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    await expect(watched.page.locator(".told.connected")).to_be_visible()
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await watched.page.route("**/v1/me/events", hold)
    await watched.page.evaluate("shut()")
    await expect(watched.page.locator(".told.connected")).to_have_count(0)
    held.set()
    await expect(watched.page.locator(".told.connected")).to_be_visible(timeout=15_000)
    await watched.enter(code)
    await expect(watched.page.locator(".verdict.genuine")).to_be_visible()
    held.clear()
    await watched.page.evaluate("shut()")
    await expect(watched.page.locator(".verdict.asking")).to_be_visible()
    held.set()
    await expect(watched.page.locator(".verdict.genuine")).to_be_visible(timeout=15_000)


@pytest.mark.shows("CVP-12.1-10", "CVP-7.12-1")
async def test_an_answer_retried_after_the_call_is_neither_green_nor_red(
    officer: Officer, watched: Customer, exchange: Exchange
) -> None:
    call_id, code = await connected(officer, exchange)
    await watched.page.route("**/v1/confirmations", cut)
    await watched.enter(code)
    await expect(watched.page.locator(".verdict.unavailable")).to_be_visible(timeout=20_000)
    exchange.hears(call_id, "ended")
    await watched.page.unroute("**/v1/confirmations")
    await watched.page.locator(".verdict .primary").click()
    await expect(watched.page.locator(".verdict.over")).to_be_visible()
    assert set(await looks(watched)) <= {"unavailable", "over"}
    body = watched.page.locator(".verdict-body")
    await expect(body).to_contain_text("4412")
    await expect(watched.page.locator(".verdict .lead")).to_be_visible()
    for text in ("这通电话可能会问", "This call may ask for"):
        await expect(watched.page.get_by_text(text)).to_be_hidden()
    await expect(
        watched.page.get_by_role("button", name="凭证").or_(watched.page.get_by_role("button", name="receipt"))
    ).to_be_visible()
    await watched.page.locator(".verdict .primary").click()
    await expect(watched.code).to_be_visible()


@pytest.mark.shows("CVP-12.1-4")
async def test_when_the_call_ends_the_page_hides_what_the_call_may_ask_for(
    officer: Officer, watched: Customer, exchange: Exchange
) -> None:
    call_id, code = await connected(officer, exchange)
    await watched.enter(code)
    await expect(watched.page.locator(".verdict.genuine")).to_be_visible()
    asks = watched.page.get_by_role("heading", name="这通电话可能会问").or_(
        watched.page.get_by_role("heading", name="This call may ask for")
    )
    await expect(asks).to_be_visible()
    exchange.hears(call_id, "ended")
    await expect(watched.page.locator(".verdict.over")).to_be_visible()
    await expect(asks).to_be_hidden()
    heading = await watched.banner.inner_text()
    assert (await watched.page.title()).startswith(heading), "the title of the window matches the heading"
    assert await watched.page.evaluate("document.activeElement.tagName") == "H1"
