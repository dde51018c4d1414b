"""The people around a company's loan, on the officer's console and on their own pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.api.conftest import SystemSession
from tests.pages.people import Clerk, Customer, Exchange, Officer
from tests.pages.test_accessible import violations
from tests.pages.test_green import WATCHED, looks
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso
from verifier.demo.company import APPLICATION, COMPANY, FINANCE, FORMER, LEGAL, NUMBERS, facts

HELPER = "cust-0003"
SMALL = {"width": 390, "height": 664}
Come = Callable[..., Awaitable[Customer]]


def people() -> list[dict[str, Any]]:
    """The head of finance in Berlin, the legal representative, a guarantor who must not be called, and a helper."""
    finance, legal = facts(FINANCE, LEGAL)["contacts"]
    guarantor = {"name": "钱进", "role": "guarantor", "rights": ["confirm"], "id": "cust-0955", "language": "en"}
    refuses = {
        "name": "孔明",
        "role": "guarantor",
        "rights": ["called"],
        "numbers": [{"number": "+8613510956000", "added_at": "2024-05-01T00:00:00Z"}],
        "consents": {"service_calls": False},
    }
    helper = {"name": "孙强", "role": "helper", "rights": ["confirm"], "id": HELPER}
    legal["numbers"].append({"number": "+8613510957000", "added_at": now_iso(-3600)})
    return [{**finance, "language": "en", "time_zone": "Europe/Berlin"}, legal, guarantor, refuses, helper]


@pytest.fixture(autouse=True)
def company(bank: DemoBank) -> None:
    registered = SystemSession(bank, "loan-origination").send(
        "PUT", f"/v1/applications/{APPLICATION}", {**facts(FINANCE, LEGAL), "contacts": people()}
    )
    assert registered.status_code == 200, registered.text


@pytest_asyncio.fixture(loop_scope="session")
async def come(browser: Browser, bank: DemoBank) -> AsyncIterator[Come]:
    """Signs people in, each in a browser context of their own. Fails at the end if a script failed."""
    here: list[Customer] = []

    async def one(subject: str, language: str = "zh-CN", scheme: str = "light") -> Customer:
        person: Customer = await Customer.come(browser, bank, language, scheme, WATCHED)
        here.append(person)
        await person.sign_in(subject)
        return person

    yield one
    for each in here:
        await each.context.close()
    assert [each.defects() for each in here if each.defects()] == []


async def call(officer: Officer, exchange: Exchange, login: str = FINANCE) -> tuple[str, str]:
    """Call one of the company's people. Return the id and the code of the call."""
    await officer.go(f"/application/{APPLICATION}")
    await officer.page.locator(f"input[value='{NUMBERS[login]}']").check()
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected", NUMBERS[login])
    await expect(officer.page.locator(".code")).to_be_visible()
    return call_id, await officer.read_code()


@pytest.mark.shows("CVP-12.1-15")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_officer_sees_each_contact_and_calls_one_of_them(
    browser: Browser, bank: DemoBank, exchange: Exchange, axe: str, language: str
) -> None:
    chinese = language == "zh-CN"
    officer: Officer = await Officer.come(browser, bank, language)
    await officer.sign_in("4412")
    page = officer.page
    await page.locator("#search").fill(COMPANY)
    await expect(page.locator(".row", has_text=COMPANY)).to_contain_text("5 位联系人" if chinese else "contacts: 5")
    await officer.prepare(COMPANY)
    await expect(page.locator("h1")).to_have_text(COMPANY)
    shown = page.locator(".contact")
    await expect(shown).to_have_count(5)
    finance, legal, guarantor, refuses = (shown.nth(each) for each in range(4))
    await expect(finance).to_contain_text("林洁")
    await expect(finance).to_contain_text("财务负责人" if chinese else "head of finance")
    await expect(finance).to_contain_text("语言：英文" if chinese else "speaks English")
    await expect(legal).to_contain_text("+86 135 1095 2000")
    await expect(legal.locator(".badge.doubt")).to_contain_text("新登记" if chinese else "New: may be called from")
    clock = "text => new Date().toLocaleString('en-GB', {timeZone: text, hour: '2-digit', minute: '2-digit'})"
    for contact, zone in ((finance, "Europe/Berlin"), (legal, "Asia/Shanghai")):
        hour = str(await page.evaluate(clock, zone))[:3]
        await expect(contact).to_contain_text(hour)
    for contact, why in ((guarantor, "未登记为可致电"), (refuses, "不同意接听来电")):
        assert await contact.locator("input").count() == 0
        await expect(contact).to_contain_text("不可致电" if chinese else "Not to be called")
        if chinese:
            await expect(contact).to_contain_text(why)
    await expect(refuses).to_contain_text("+86 135 1095 6000")
    assert await page.locator("input[name=number]").count() == 3
    assert await violations(page, axe) == []
    await legal.locator("input").first.check()
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected", NUMBERS[LEGAL])
    await expect(page.locator(".code")).to_be_visible()
    role = "法定代表人" if chinese else "legal representative"
    await expect(page.locator(".callee")).to_contain_text(f"沈海东 · {role} · +86 135 1095 2000")
    assert await violations(page, axe) == []
    assert officer.defects() == []
    await officer.context.close()


async def test_a_loan_of_one_person_looks_as_before(officer: Officer) -> None:
    await officer.prepare("王芳")
    assert await officer.page.locator(".contact").count() == 0
    await expect(officer.page.locator("legend").first).to_have_text("拨打号码")
    await officer.get_code()
    assert await officer.page.locator(".callee").count() == 0
    await officer.page.get_by_role("button", name="作废本次核实码").click()
    await officer.page.get_by_role("button", name="作废", exact=True).click()


@pytest.mark.shows("CVP-7-7", "CVP-3.3-7", "CVP-12.1-14")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_each_person_reads_what_the_call_is_to_them(
    officer: Officer, exchange: Exchange, come: Come, language: str
) -> None:
    chinese = language == "zh-CN"
    report = "举报这通来电" if chinese else "Report this call"
    finance, legal, helper, former = [await come(each, language) for each in (FINANCE, LEGAL, HELPER, FORMER)]
    call_id, code = await call(officer, exchange)
    await expect(finance.page.locator(".told.connected")).to_be_visible()
    await expect(legal.page.locator(".told.calm")).to_be_visible()
    for each in (finance, legal, helper, former):
        await each.enter(code)
    await expect(finance.page.locator(".verdict.genuine")).to_be_visible()
    await expect(former.page.locator(".verdict.not-genuine")).to_be_visible()
    for other in (legal, helper):
        await expect(other.page.locator(".verdict.to-another")).to_be_visible()
        await expect(other.banner).to_have_text("不是打给您的电话" if chinese else "Not a call to you")
        told = "打给的是财务负责人林洁，不是您" if chinese else "We called 林洁, head of finance, not you"
        await expect(other.page.locator(".lead:visible")).to_contain_text(told)
        await expect(other.page.locator(".warn:visible").first).to_contain_text("请挂断" if chinese else "hang up")
        assert await other.page.locator(".verdict .shape-check").count() == 0
        assert await other.page.locator(".verdict a.call").is_visible()
        await expect(other.page.get_by_role("button", name=report)).to_be_visible()
    loan = "流贷字2026第0951号"
    await expect(legal.page.locator(".verdict")).to_contain_text(loan)
    assert loan not in await helper.page.locator(".verdict").inner_text()
    purposes = [
        await each.page.locator("dt", has_text="事由" if chinese else "About").count() for each in (legal, helper)
    ]
    assert purposes == [1, 0]
    for other in (legal, helper):
        heads = await other.page.locator(".verdict h2").all_inner_texts()
        assert heads == (
            ["我行绝不会要求您提供或操作", "请记住三点"]
            if chinese
            else ["We never ask for", "Three things to remember"]
        )
    exchange.hears(call_id, "ended", NUMBERS[FINANCE])
    for other in (legal, helper):
        await expect(other.page.locator(".verdict.over")).to_be_visible(timeout=10_000)
        await expect(other.page.locator(".warn:visible").first).to_contain_text("请挂断" if chinese else "hang up")
        await expect(other.page.get_by_role("button", name=report)).to_be_visible()
        assert await looks(other) == ["asking", "to-another", "over"]


@pytest.mark.shows("CVP-12.1-14")
async def test_the_screen_of_another_contact_says_when_it_cannot_know_whether_the_call_goes_on(
    officer: Officer, exchange: Exchange, come: Come
) -> None:
    legal = await come(LEGAL)
    _, code = await call(officer, exchange)
    await legal.enter(code)
    await expect(legal.page.locator(".verdict.to-another")).to_be_visible()
    await legal.context.set_offline(True)
    await expect(legal.page.locator(".verdict.lost")).to_be_visible(timeout=20_000)
    await expect(legal.page.locator(".warn:visible").first).to_contain_text("请挂断")
    await legal.context.set_offline(False)
    await expect(legal.page.locator(".verdict.to-another")).to_be_visible(timeout=30_000)
    assert "genuine" not in await looks(legal)


@pytest.mark.shows("CVP-12.1-14")
async def test_a_slip_of_the_counter_says_that_the_call_is_to_another_contact(
    browser: Browser, bank: DemoBank, officer: Officer, exchange: Exchange
) -> None:
    application, number = "LN-2026-0960", "+8613510960000"
    on_file = [{"number": number, "added_at": "2024-05-01T00:00:00Z"}]
    guarantor = {"id": "cust-0961", "name": "周安", "role": "guarantor", "rights": ["called"], "numbers": on_file}
    borrower = {"id": "cust-0960", "name": "周平", "role": "borrower", "rights": ["confirm", "details"]}
    loan = {**facts(), "borrower": {"id": "cust-0960", "name": "周平"}, "contacts": [borrower, guarantor]}
    registered = SystemSession(bank, "loan-origination").send("PUT", f"/v1/applications/{application}", loan)
    assert registered.status_code == 200, registered.text
    await officer.go(f"/application/{application}")
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected", number)
    await expect(officer.page.locator(".code")).to_be_visible()
    code = await officer.read_code()
    clerk: Clerk = await Clerk.come(browser, bank)
    await clerk.sign_in("5101")
    await clerk.find(reference=application)
    await clerk.check(code)
    slip = clerk.page.locator(".slip")
    await expect(slip.locator("h1")).to_have_text("不是打给您的电话")
    await expect(slip.locator(".lead")).to_contain_text("打给的是担保人周安，不是您。")
    await expect(slip.locator(".lead")).to_contain_text("请挂断")
    await expect(slip.locator("dl")).to_contain_text("担保人周安")
    assert clerk.defects() == []
    await clerk.context.close()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_lists_name_the_borrower_and_the_contact_who_was_called(
    officer: Officer, exchange: Exchange, come: Come, language: str
) -> None:
    chinese = language == "zh-CN"
    _, code = await call(officer, exchange)
    legal, finance = await come(LEGAL, language), await come(FINANCE, language)
    await legal.enter(code)
    await expect(legal.page.locator(".verdict.to-another")).to_be_visible()
    for each in (legal, finance):
        await each.go("/calls")
        await expect(each.page.locator("ol.plain > li").first).to_be_visible()
    newest = legal.page.locator("ol.plain > li").first
    await expect(newest).to_contain_text("打给 财务负责人林洁" if chinese else "To 林洁, head of finance")
    assert await newest.get_by_role("button", name="我没有接到" if chinese else "I did not get").count() == 0
    hers = finance.page.locator("ol.plain > li").first
    assert "打给" not in await hers.inner_text()
    assert await hers.get_by_role("button", name="我没有接到" if chinese else "I did not get").count() == 1
    confirmed = "已核实" if chinese else "confirmed"
    # The legal representative was first, and the head of finance has not entered the code.
    badge = await hers.locator(".badge").inner_text()
    assert confirmed in badge
    assert ("您" if chinese else "you") not in badge
    await legal.go("/loans")
    await expect(legal.page.locator("section h2").first).to_have_text(COMPANY)
    await expect(legal.page.locator("section").first).to_contain_text("流动资金贷款 · 流贷字2026第0951号")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_screens_of_contacts_have_no_violation_and_fit_a_small_screen_with_large_type(
    officer: Officer, exchange: Exchange, come: Come, axe: str, language: str, scheme: str
) -> None:
    legal = await come(LEGAL, language, scheme)
    page = legal.page
    await page.set_viewport_size(SMALL)
    await page.get_by_role("button", name="大字" if language == "zh-CN" else "Large").click()
    call_id, code = await call(officer, exchange)
    await legal.enter(code)
    await expect(page.locator(".verdict.to-another")).to_be_visible()

    async def fits() -> None:
        assert await violations(page, axe) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]

    await fits()
    exchange.hears(call_id, "ended", NUMBERS[FINANCE])
    await expect(page.locator(".verdict.over")).to_be_visible(timeout=10_000)
    await fits()
    await page.locator(".verdict .primary").click()
    await legal.enter(code)
    await expect(page.locator(".verdict.past")).to_be_visible()
    await expect(page.locator(".verdict dl")).to_contain_text("林洁")
    await fits()
    for route in ("/calls", "/loans"):
        await legal.go(route)
        await expect(page.locator("nav a[aria-current]")).to_have_attribute("href", f"#{route}")
        await fits()
