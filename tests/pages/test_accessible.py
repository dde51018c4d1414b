"""Accessibility: axe-core on every screen in both languages and color schemes, keyboard use, large type."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.pages.people import Customer, Exchange, LoanSystem, Officer
from tests.pages.test_story import connected
from tests.world import another_code
from verifier.demo.bank import DemoBank


async def violations(page: Page, axe: str) -> list[str]:
    """The violations that axe-core finds on the current page."""
    await page.evaluate(axe)
    found: dict[str, Any] = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [f"{each['id']}: {node['html'][:160]}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_axe_finds_nothing_wrong_on_any_screen(
    browser: Browser, bank: DemoBank, exchange: Exchange, axe: str, language: str, scheme: str
) -> None:
    found: dict[str, list[str]] = {}

    async def look(person: Officer | Customer, name: str) -> None:
        await person.page.wait_for_timeout(200)
        if wrong := await violations(person.page, axe):
            found[name] = wrong

    officer: Officer = await Officer.come(browser, bank, language, scheme)
    await look(officer, "officer: signed out")
    await officer.sign_in("4412")
    await look(officer, "applications")
    await officer.prepare("王芳")
    await officer.page.locator("summary").click()
    await look(officer, "prepared")
    loans = LoanSystem(bank)
    loans.register("LN-2026-0001", status="closed")
    await officer.page.locator("section.card button.primary").click()
    await expect(officer.page.locator(".told.bad")).to_be_visible()
    await look(officer, "refused")
    await officer.page.reload()
    await expect(officer.page.locator(".badge.doubt")).to_be_visible()
    await look(officer, "closed")
    loans.register("LN-2026-0001", status="open")
    await officer.page.reload()
    await officer.page.locator("input[value=documents]").check()
    call_id = await officer.get_code()
    await look(officer, "waiting for the leg")
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    await look(officer, "code")
    code = await officer.read_code()

    customer: Customer = await Customer.come(browser, bank, language, scheme)
    await look(customer, "app: signed out")
    await customer.sign_in("cust-0001")
    await expect(customer.page.locator(".told.connected")).to_be_visible()
    await look(customer, "on call")
    await customer.code.fill(code[:-1] + str((int(code[-1]) + 1) % 10))
    await expect(customer.page.locator("#code-hint.error")).to_be_visible()
    await look(customer, "slip")
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    await look(customer, "genuine")
    await look(officer, "confirmed")
    await customer.context.set_offline(True)
    await expect(customer.page.locator(".verdict.lost")).to_be_visible()
    await look(customer, "connection lost")
    await customer.context.set_offline(False)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible(timeout=15_000)
    exchange.hears(call_id, "ended")
    await expect(customer.page.locator(".verdict.over")).to_be_visible()
    await look(customer, "over")
    await customer.page.locator(".verdict .primary").click()
    await look(customer, "nobody calls")
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.past")).to_be_visible()
    await look(customer, "past call")
    await customer.go("/")
    await customer.enter(another_code(code.replace(" ", "")))
    await expect(customer.page.locator(".verdict.not-genuine")).to_be_visible()
    await look(customer, "not genuine")
    for route in ("/calls", "/loans", "/report"):
        await customer.go(route)
        await expect(customer.page.locator("nav a[aria-current]")).to_have_attribute("href", f"#{route}")
        await look(customer, route)
    await customer.go("/")

    async def gone(route: Route) -> None:
        await route.abort()

    await customer.page.route("**/v1/**", gone)
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.unavailable")).to_be_visible(timeout=20_000)
    await look(customer, "unavailable")
    await customer.go("/calls")
    await expect(customer.page.locator(".trouble")).to_be_visible(timeout=20_000)
    await look(customer, "trouble")
    for route in ("/today", "/exceptions"):
        await officer.go(route)
        await expect(officer.page.locator("nav a[aria-current]")).to_have_attribute("href", f"#{route}")
        await look(officer, route)
    assert found == {}
    assert officer.defects() == customer.defects() == []
    await officer.context.close()
    await customer.context.close()


async def test_the_whole_story_works_by_keyboard_alone(browser: Browser, bank: DemoBank, exchange: Exchange) -> None:
    async def tab_to(page: Page, words: str) -> None:
        for _ in range(80):
            await page.keyboard.press("Tab")
            focused = await page.evaluate(
                "(document.activeElement.innerText || document.activeElement.value || document.activeElement.id || '')"
            )
            if words in focused:
                return
        raise AssertionError(f"{words} cannot be reached by the keyboard")

    officer: Officer = await Officer.come(browser, bank)
    await tab_to(officer.page, "登录")
    await officer.page.keyboard.press("Enter")
    await officer.page.wait_for_selector("button[value='4412']")
    await tab_to(officer.page, "李伟")
    await officer.page.keyboard.press("Enter")
    await expect(officer.page.locator(".row").first).to_be_visible()
    await tab_to(officer.page, "王芳")
    await officer.page.keyboard.press("Enter")
    await expect(officer.page.locator("legend").first).to_be_visible()
    await tab_to(officer.page, "获取核实码")
    await officer.page.keyboard.press("Enter")
    await officer.page.wait_for_url("**/call/**")
    exchange.hears(officer.page.url.rsplit("/", 1)[1], "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    code = await officer.read_code()

    customer: Customer = await Customer.come(browser, bank)
    await tab_to(customer.page, "登录")
    await customer.page.keyboard.press("Enter")
    await customer.page.wait_for_selector("button[value='cust-0001']")
    await tab_to(customer.page, "王芳")
    await customer.page.keyboard.press("Enter")
    await expect(customer.code).to_be_visible()
    await tab_to(customer.page, "code")
    await customer.page.keyboard.type(code.replace(" ", ""))
    await customer.page.keyboard.press("Enter")
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    assert await customer.page.evaluate("document.activeElement.tagName") == "H1", (
        "a screen reader starts with the verdict"
    )
    await tab_to(customer.page, "完成")
    await customer.page.keyboard.press("Enter")
    await expect(customer.code).to_be_visible()
    await officer.context.close()
    await customer.context.close()


async def test_the_first_tab_stop_skips_to_the_content(customer: Customer) -> None:
    await customer.page.locator("#page").focus()
    await customer.page.evaluate("document.activeElement.blur()")
    await customer.page.keyboard.press("Shift+Tab")
    await customer.page.locator(".skip").focus()
    await customer.page.keyboard.press("Enter")
    assert await customer.page.evaluate("document.activeElement.id") == "main"


async def test_large_type_and_language_survive_a_reload(customer: Customer) -> None:
    size = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
    before = await customer.page.evaluate(size)
    await customer.page.get_by_role("button", name="大字").click()
    await customer.page.get_by_role("button", name="English").click()
    await expect(customer.page.locator("nav")).to_contain_text("Loans")
    await customer.page.reload()
    await expect(customer.page.locator("nav")).to_contain_text("Loans")
    assert await customer.page.evaluate(size) > 1.25 * before
    assert await customer.page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing overflows horizontally"


async def test_changes_are_announced_to_screen_readers(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    await expect(customer.page.locator(".status [role=status]")).not_to_be_empty()
    await connected(officer, exchange)
    await expect(officer.page.locator("#announcements")).to_contain_text("核实码已显示")
