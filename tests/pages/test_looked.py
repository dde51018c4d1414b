"""The Loans tab: "Who looked at my data"."""

from __future__ import annotations

import os

import pytest
from playwright.async_api import Browser, expect

from tests.pages.people import Customer, Officer
from tests.pages.test_accessible import violations
from verifier.demo.bank import DemoBank

SHOTS = os.environ.get("SCREENSHOTS")
WORDS = {
    "zh-CN": ("谁查看过我的信息", "查看了这笔贷款的资料", "客户经理 · 李伟（工号 4412", "更多"),
    "en": ("Who looked at my data", "Opened the file of this loan", "Officer · 李伟 (staff no. 4412", "More"),
}


@pytest.mark.shows("CVP-7.17-5", "CVP-7.17-10")
@pytest.mark.parametrize("language", WORDS)
async def test_a_customer_sees_who_looked_at_their_data(
    browser: Browser, bank: DemoBank, axe: str, language: str
) -> None:
    title, what, who, more = WORDS[language]
    officer: Officer = await Officer.come(browser, bank, language)
    await officer.sign_in("4412")
    for _ in range(12):
        await officer.prepare("王芳")
        await officer.go("/")
        await expect(officer.page.locator(".row").first).to_be_visible()
    customer: Customer = await Customer.come(browser, bank, language)
    await customer.sign_in("cust-0001")
    await customer.go("/loans")
    section, summary = customer.page.locator("#looked"), customer.page.locator("#looked summary")
    await expect(summary).to_have_text(title)
    await summary.focus()
    await customer.page.keyboard.press("Enter")
    entries = section.locator("li")
    await expect(entries).to_have_count(20)
    opened = entries.filter(has_text=what).first
    await expect(opened).to_contain_text(who)
    times = await entries.locator("h3").all_inner_texts()
    assert len(times) == 20
    assert await violations(customer.page, axe) == []
    if SHOTS:
        await customer.page.screenshot(path=f"{SHOTS}/looked-{language}.png", full_page=True)
    await section.get_by_role("button", name=more, exact=True).click()
    await expect(entries.nth(20)).to_be_focused()
    assert await customer.page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing overflows"
    assert await violations(customer.page, axe) == []
    await summary.click()
    await summary.click()
    await expect(entries.nth(20)).to_be_visible()
    assert officer.defects() == customer.defects() == []
    await officer.context.close()
    await customer.context.close()


@pytest.mark.shows("CVP-7.17-5")
async def test_a_customer_never_sees_the_looks_at_another(browser: Browser, bank: DemoBank) -> None:
    officer: Officer = await Officer.come(browser, bank)
    await officer.sign_in("4412")
    customer: Customer = await Customer.come(browser, bank)
    await customer.sign_in("cust-0001")
    await customer.go("/loans")
    await customer.page.locator("#looked summary").click()
    await expect(customer.page.locator("#looked li").first).to_be_visible()
    references = set(await customer.page.locator("section.card h2 .small").all_inner_texts())
    for each in await customer.page.locator("#looked li").all_inner_texts():
        assert any(reference in each for reference in references), each
    await officer.context.close()
    await customer.context.close()
