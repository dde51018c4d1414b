"""The Calls tab: "Did you call me?" with a signed answer, and "I did not get this call"."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
import requests
from playwright.async_api import Browser, expect

from tests.pages.people import Customer, Exchange, Officer, cut
from tests.pages.test_story import connected
from verifier.core.evidence import Trust, verify_evidence
from verifier.core.statements import CallHistory
from verifier.demo.bank import DemoBank
from verifier.receipt_files import read_receipt

SHOTS = os.environ.get("SCREENSHOTS")
WORDS = {
    "zh-CN": (
        "查询我行是否给您打过电话",
        "查询",
        "有1次打给您的通话记录",
        "没有打给您的通话记录",
        "我没有接到这通电话",
    ),
    "en": (
        "Did we call you?",
        "Ask",
        "we have 1 call to you on record",
        "no call to you on record",
        "I did not get this",
    ),
}


async def shot(person: Customer, name: str) -> None:
    if SHOTS:
        await person.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


async def form(person: Customer, title: str) -> None:
    # After a reload, the provider signs the person in again.
    await expect(person.page.locator("nav")).to_be_visible()
    await person.go("/calls")
    await person.page.locator("summary", has_text=title).click()
    await expect(person.page.locator("#called-from")).to_be_visible()


def trust_of(bank: DemoBank) -> Trust:
    answer = requests.get(f"{bank.url}/.well-known/callback-verification", timeout=10)
    return msgspec.json.decode(answer.content, type=Trust)


@pytest.mark.shows("CVP-7.14-1", "CVP-7.14-2")
async def test_a_customer_asks_whether_the_bank_called_and_keeps_the_signed_answer(
    browser: Browser, bank: DemoBank, officer: Officer, exchange: Exchange, tmp_path: Path
) -> None:
    people: dict[str, Customer] = {language: await Customer.come(browser, bank, language) for language in WORDS}
    for language, person in people.items():
        title, ask, _, none, _ = WORDS[language]
        await person.sign_in("cust-0001")
        await form(person, title)
        await person.page.locator("#called-number").fill("０10 8234-5678")
        await person.page.get_by_role("button", name=ask, exact=True).click()
        await expect(person.page.locator("#called-answer")).to_contain_text(none)
        await shot(person, f"none-{language}")
    call_id, _ = await connected(officer, exchange)
    exchange.hears(call_id, "ended")
    for language, person in people.items():
        title, ask, one, _, missed = WORDS[language]
        page, answer = person.page, person.page.locator("#called-answer")
        await person.go("/")
        await expect(person.code).to_be_visible()
        await form(person, title)
        await page.locator("#called-number").fill("010 8234 5678")
        await page.get_by_role("button", name=ask, exact=True).click()
        await expect(answer).to_contain_text(one)
        await expect(answer).to_contain_text("李伟")
        await expect(answer).to_contain_text("+86 10 8234 5678")
        assert await answer.locator(".good").count() == 0, "nothing is green but a confirmed code"
        await shot(person, f"one-{language}")
        async with page.expect_download() as waiting:
            await answer.get_by_role("button").first.click()
        kept = tmp_path / (await waiting.value).suggested_filename
        await (await waiting.value).save_as(kept)
        claims = verify_evidence(read_receipt(kept), trust_of(bank)).claims
        assert isinstance(claims, CallHistory)
        assert [each.call_id for each in claims.calls] == [call_id]
        assert missed in await page.locator("li.card", has_text="李伟").inner_text()
        assert person.defects() == []
        await person.context.close()


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("#called-until", "2020-01-01T00:00", "结束时间早于开始时间"),
        ("#called-from", "2020-01-01T00:00", "最长可查31天"),
        ("#called-from", "", "请填写完整的日期和时间"),
        ("#called-number", "12ab", "号码不完整"),
        ("#called-number", "+12345", "号码不完整"),
    ],
)
async def test_a_window_or_number_that_is_none_is_told_and_not_sent(
    customer: Customer, field: str, typed: str, told: str
) -> None:
    asked: list[str] = []
    customer.page.on("request", lambda request: asked.append(request.url))
    await form(customer, "查询我行是否给您打过电话")
    await customer.page.locator(field).fill(typed)
    await customer.page.get_by_role("button", name="查询", exact=True).click()
    await expect(customer.page.locator("details .error")).to_contain_text(told)
    assert not [url for url in asked if "call-checks" in url]


async def test_a_lost_answer_is_asked_for_again_under_the_same_key(customer: Customer) -> None:
    keys: list[str] = []
    customer.page.on(
        "request",
        lambda request: keys.append(request.headers["idempotency-key"]) if "call-checks" in request.url else None,
    )
    await form(customer, "查询我行是否给您打过电话")
    await customer.page.route("**/v1/me/call-checks", cut, times=1)
    button = customer.page.get_by_role("button", name="查询", exact=True)
    await button.click()
    await expect(customer.page.locator("#called-answer .told")).to_be_visible(timeout=15_000)
    assert len(set(keys)) == 1
    assert len(keys) > 1


@pytest.mark.shows("CVP-7.6-4")
async def test_a_customer_reports_a_call_that_they_did_not_get(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    call_id, _ = await connected(officer, exchange)
    exchange.hears(call_id, "ended")
    await customer.go("/calls")
    entry = customer.page.locator("li.card").first
    await entry.get_by_role("button", name="我没有接到这通电话").click()
    await entry.get_by_role("button", name="取消").click()
    await entry.get_by_role("button", name="我没有接到这通电话").click()
    async with customer.page.expect_request("**/v1/reports") as sent:
        await entry.get_by_role("button", name="提交举报").click()
    body = (await sent.value).post_data_json
    assert body["call_id"] == call_id
    assert body["said"] == "我没有接到这通电话"
    await expect(entry.get_by_role("status")).to_contain_text("rprt_")
    await shot(customer, "missed")
