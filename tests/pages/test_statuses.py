"""The pages about enquiries and closed loans, in both languages, and a refusal of offers without an application."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.pages.people import Customer, LoanSystem, Officer
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

DAY_S = 86_400
WORDS = {
    "zh-CN": {
        "why": "其他事由为何不能选",
        "enquiry": "意向客户",
        "closed": "已办结",
        "purpose": "当前状态不能以此事由致电",
        "over": "可联系期限已过",
        "consent": "客户不同意此类来电",
        "none": "现在不能以任何事由致电",
        "asked": "尚未提交申请",
        "paid": "已结清或未获批准",
        "no_loans": "没有可以显示的贷款申请",
    },
    "en": {
        "why": "Why not another purpose",
        "enquiry": "Enquiry",
        "closed": "Closed on",
        "purpose": "Not a purpose for this status",
        "over": "the time for calls about it is over",
        "consent": "The customer has not agreed to such calls",
        "none": "No call is allowed",
        "asked": "There is no application yet",
        "paid": "paid off or declined",
        "no_loans": "There are no applications",
    },
}


@pytest.fixture
def loans(bank: DemoBank) -> Iterator[LoanSystem]:
    system = LoanSystem(bank)
    yield system
    system.register("LN-2026-0001", status="open")


async def offered(page: Page) -> list[str]:
    await expect(page.locator("h1")).to_be_visible()
    values: list[str] = await page.locator("input[name=purpose]").evaluate_all("all => all.map(each => each.value)")
    return values


async def kept(page: Page, name: str) -> None:
    """Keep a picture of the page, if a folder for pictures is named."""
    if folder := os.environ.get("PICTURES"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.shows("CVP-4.2-23")
@pytest.mark.parametrize("language", WORDS)
async def test_the_console_offers_what_the_status_allows_and_says_why_not_the_rest(
    browser: Browser, bank: DemoBank, loans: LoanSystem, language: str
) -> None:
    words = WORDS[language]
    officer: Officer = await Officer.come(browser, bank, language)
    await officer.sign_in("4412")
    loans.register("LN-2026-0001", status="enquiry")
    await officer.page.reload()
    await expect(officer.page.locator(".row", has_text="LN-2026-0001")).to_contain_text(words["enquiry"])
    await officer.go("/application/LN-2026-0001")
    await expect(officer.page.locator(".badge.doubt").first).to_contain_text(words["enquiry"])
    assert await offered(officer.page) == ["progress", "appointment"]
    await officer.page.get_by_text(words["why"]).click()
    reasons = officer.page.locator("details li")
    await expect(reasons).to_have_count(5)
    for each in await reasons.all():
        text = await each.inner_text()
        assert words["purpose"] in text or words["consent"] in text, text
    await kept(officer.page, f"officer-enquiry-{language}")

    loans.register("LN-2026-0001", status="closed")
    await officer.page.reload()
    await expect(officer.page.locator(".badge.doubt").first).to_contain_text(words["closed"])
    assert await offered(officer.page) == ["repayment"]
    await kept(officer.page, f"officer-closed-{language}")

    loans.register("LN-2026-0001", status="closed", closed_at=now_iso(-92 * DAY_S))
    await officer.page.reload()
    await expect(officer.page.get_by_text(words["none"])).to_be_visible()
    assert await officer.page.locator("button.primary").count() == 0
    await officer.page.get_by_text(words["why"]).click()
    await expect(officer.page.locator("details")).to_contain_text(words["over"])
    await kept(officer.page, f"officer-over-{language}")
    assert officer.defects() == []
    await officer.context.close()


@pytest.mark.shows("CVP-4.2-24", "CVP-7.5-1")
@pytest.mark.parametrize("language", WORDS)
async def test_a_customer_sees_an_enquiry_and_a_closed_loan_in_plain_words(
    browser: Browser, bank: DemoBank, loans: LoanSystem, language: str
) -> None:
    words = WORDS[language]
    customer: Customer = await Customer.come(browser, bank, language)
    await customer.sign_in("cust-0001")
    for status, said in (("enquiry", "asked"), ("closed", "paid")):
        loans.register("LN-2026-0001", status=status)
        await customer.go("/loans")
        await customer.page.reload()
        badge = customer.page.locator("section.card", has_text="0417").locator(".badge")
        await expect(badge).to_contain_text(words[said])
        await kept(customer.page, f"app-{status}-{language}")
    assert await customer.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert customer.defects() == []
    await customer.context.close()


@pytest.mark.shows("CVP-4.2-24")
async def test_somebody_without_an_application_can_refuse_offers(
    browser: Browser, bank: DemoBank, loans: LoanSystem
) -> None:
    loans.erase("LN-2026-0003")
    customer: Customer = await Customer.come(browser, bank, "en")
    await customer.sign_in("cust-0003")
    await customer.go("/loans")
    await expect(customer.page.get_by_text(WORDS["en"]["no_loans"])).to_be_visible()
    box = customer.page.get_by_role("switch")
    await box.check()
    await expect(box).to_be_enabled()
    await customer.page.reload()
    await expect(customer.page.get_by_role("switch")).to_be_checked()
    await kept(customer.page, "app-nobody")
    assert customer.defects() == []
    await customer.context.close()
