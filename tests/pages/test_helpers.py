"""A customer invites a helper on the page, who checks a call for them. axe-core finds nothing, and everything fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.pages.people import Customer, Exchange, Officer
from tests.pages.test_accessible import violations
from verifier.demo.bank import DemoBank

SMALL = {"width": 390, "height": 664}


async def again(person: Customer) -> None:
    """Leave the screen and come back, so that it shows what is true now."""
    await person.go("/")
    await expect(person.code).to_be_visible()
    await person.go("/helpers")
    await expect(person.page.locator("#helper-name")).to_be_visible()


@pytest.mark.shows("CVP-7.18-3", "CVP-7.18-7", "CVP-7.18-8")
@pytest.mark.parametrize(("language", "large"), [("zh-CN", False), ("en", True)])
async def test_a_customer_invites_a_helper_who_checks_a_call_for_them(
    browser: Browser, bank: DemoBank, exchange: Exchange, axe: str, tmp_path: Path, language: str, large: bool
) -> None:
    script = "localStorage.setItem('large-type', '1');" if large else ""
    mother: Customer = await Customer.come(browser, bank, language, script=script)
    daughter: Customer = await Customer.come(browser, bank, language, script=script)

    async def fits(person: Customer, name: str) -> None:
        await person.page.set_viewport_size(SMALL)  # type: ignore[arg-type]
        await person.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        assert await violations(person.page, axe) == [], name
        assert await person.page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"], name

    for person, subject in ((mother, "cust-0001"), (daughter, "cust-0002")):
        await person.sign_in(subject)
        await again(person)
    await mother.page.locator("#helper-name").fill("小美")
    await mother.page.locator("#invite").click()
    letters = await mother.page.locator(".invitation").inner_text()
    await fits(mother, "invitation")
    await daughter.page.locator("details summary").click()
    for field, value in (("#invitation", letters.lower()), ("#my-name", "王小美"), ("#person", "妈妈")):
        await daughter.page.locator(field).fill(value)
    await daughter.page.locator("details .primary").click()
    await expect(daughter.page.locator(".card h3").first).to_have_text("妈妈")
    await fits(daughter, "waiting")
    await again(mother)
    await expect(mother.page.locator(".told.expected")).to_be_visible()
    await expect(mother.page.locator(".card").first).to_contain_text("cust-0002")
    await fits(mother, "entered")
    await mother.page.locator(".card").first.locator(".primary").click()
    await expect(mother.page.locator(".card").first.locator(".badge")).to_be_visible()

    officer: Officer = await Officer.come(browser, bank)
    await officer.sign_in("4412")
    await officer.prepare("王芳")
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    code = await officer.read_code()
    await again(daughter)
    card = daughter.page.locator("section.card", has=daughter.page.locator(".code"))
    await card.locator("button").first.click()
    await expect(card.locator(".told.connected")).to_be_visible()
    await card.locator("input.code").fill(code)
    await card.locator(".primary").click()
    await expect(card.locator(".told.connected p")).to_have_count(2)
    await fits(daughter, "genuine")
    for secret in ("个人住房贷款", "LN-2026-0001"):
        assert secret not in await daughter.page.locator("main").inner_text()
    exchange.hears(call_id, "ended")
    await expect(card.locator(".told.doubt")).to_be_visible(timeout=15_000)
    await again(mother)
    await expect(mother.page.locator(".card").first.locator("li")).to_have_count(2)
    await fits(mother, "looks")
    await mother.page.locator(".card").first.locator(".danger").click()
    await expect(mother.page.locator(".card").first.locator(".danger")).to_have_count(0)
    await officer.page.close()
    await again(daughter)
    await expect(daughter.page.locator("input.code")).to_have_count(0)
    assert [*mother.defects(), *daughter.defects()] == []
