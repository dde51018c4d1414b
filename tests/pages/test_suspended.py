"""A supervisor suspends an officer in the console. The officer's page says so until it is lifted."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.pages.people import Exchange, Officer
from verifier.demo.bank import DemoBank

TITLE = {"zh-CN": "您的账号已被停用", "en": "You are suspended"}


@pytest.mark.shows("CVP-12.1-11")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_an_officer_suspended_during_a_call_loses_the_code_and_reads_why(
    browser: Browser, bank: DemoBank, exchange: Exchange, language: str
) -> None:
    supervisor: Officer = await Officer.come(browser, bank, language)
    await supervisor.sign_in("9001")
    officer: Officer = await Officer.come(browser, bank, language)
    await officer.sign_in("4412")
    await officer.prepare("王芳")
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()

    await supervisor.go("/exceptions")
    await supervisor.page.locator("a[href='#/staff']").click()
    await supervisor.page.locator("button.danger").click()
    await expect(supervisor.page.locator("p.error")).not_to_be_empty()
    await supervisor.page.locator("#staff-number").fill("4412")
    await supervisor.page.locator("#suspension-reason").fill("left the bank")
    await supervisor.page.locator("button.danger").click()
    row = supervisor.page.locator("li.card", has_text="4412").first
    await expect(row).to_contain_text("left the bank")

    title = officer.page.locator(".trouble h1")
    await expect(title).to_have_text(TITLE[language])
    assert await officer.page.locator(".code").count() == 0
    for route in ("/", "/today", "/exceptions", f"/call/{call_id}"):
        await officer.go(route)
        await expect(title).to_have_text(TITLE[language])
        await officer.page.wait_for_timeout(300)
        assert await officer.page.locator(".sign-in").count() == 0, "signing in again would not help"

    await row.locator("button").click()
    await expect(supervisor.page.locator("li.card", has_text="9001").first).to_be_visible()
    await expect(supervisor.page.locator("li.card button")).to_have_count(0)
    await officer.go("/today")
    await expect(officer.page.locator(".row").first).to_be_visible()
    for person in (supervisor, officer):
        assert person.defects() == []
        await person.context.close()
