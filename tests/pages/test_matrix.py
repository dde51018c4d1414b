"""The first screen on many sizes of screen: the button is in sight, nothing overflows, and a change moves nothing."""

from __future__ import annotations

import os
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.pages.people import Customer, Exchange, Officer
from tests.pages.test_accessible import violations
from tests.pages.test_story import connected
from verifier.demo.bank import DemoBank

SIZES = [(320, 568), (360, 640), (390, 664), (390, 844), (768, 1024), (1280, 800)]
SHORT = [(320, 568), (390, 664), (1280, 800)]
LONG = os.environ.get("PAGES_MATRIX") == "long"
# How far each element is from where it was, and what overflows or overlaps. In CSS pixels.
MEASURE = """
() => {
  const box = (each) => {
    const { left, top, right, bottom } = each.getBoundingClientRect();
    return { left, top, right, bottom };
  };
  const parts = [".status", ".code-card h2", "#code", "#code-hint", ".keys", "form .primary", "nav"];
  return {
    boxes: parts.map((part) => box(document.querySelector(part))),
    wide: document.documentElement.scrollWidth > innerWidth,
    cut: [...document.querySelectorAll(".status summary, .status h2, button, #code-hint")]
      .filter((each) => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1)
      .map((each) => each.textContent),
    height: innerHeight,
  };
}
"""


async def measured(page: Page, name: str) -> dict[str, Any]:
    if folder := os.environ.get("PICTURES"):
        await page.screenshot(path=Path(folder) / f"{name}.png")
    found: dict[str, Any] = await page.evaluate(MEASURE)
    boxes = found["boxes"]
    # On a wide screen the tabs are above the rest.
    parts = boxes[:-1] if boxes[-1]["top"] < boxes[0]["top"] else boxes
    for above, below in pairwise(parts):
        assert above["bottom"] <= below["top"] + 1, f"{name}: {above} covers {below}"
    assert not found["wide"], f"{name} overflows"
    assert found["cut"] == [], name
    assert boxes[5]["bottom"] <= found["height"], f"{name}: the button is out of sight"
    return found


@pytest.mark.shows("CVP-12.1-50")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_the_button_is_in_sight_and_a_change_of_state_moves_nothing(
    browser: Browser, bank: DemoBank, officer: Officer, exchange: Exchange, axe: str, language: str
) -> None:
    customer: Customer = await Customer.come(browser, bank, language)
    await customer.sign_in("cust-0001")
    page = customer.page
    before: dict[str, list[dict[str, float]]] = {}

    async def look(state: str) -> None:
        cases = product(SIZES if LONG else SHORT, ("normal", "large"), ("light", "dark") if LONG else ("light",))
        for (width, height), size, scheme in cases:
            await page.set_viewport_size({"width": width, "height": height})
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await page.evaluate("size => { document.documentElement.dataset.type = size }", size)
            case = f"{language}-{width}x{height}-{size}-{scheme}"
            boxes = (await measured(page, f"{case}-{state}"))["boxes"]
            for was, now in zip(before.setdefault(case, boxes), boxes, strict=True):
                assert max(abs(was[side] - now[side]) for side in was) <= 2, f"{case} moved at {state}: {was} {now}"

    await expect(page.locator(".told .as-of")).to_have_count(1, timeout=20_000)
    await look("first")
    await customer.code.fill("48217")
    await look("typed")
    await customer.code.fill("482177303")
    await look("slip")
    _, code = await connected(officer, exchange)
    await expect(page.locator(".told.connected")).to_be_visible()
    await look("connected")
    await customer.code.fill(code)
    await look("ready")
    assert await violations(page, axe) == []
    await customer.context.set_offline(True)
    await expect(page.locator(".told.doubt")).to_be_visible(timeout=15_000)
    await look("offline")
    assert customer.defects() == []
    await customer.context.close()


@pytest.mark.shows("CVP-12.1-51")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_every_state_that_is_not_green_has_the_same_advice_and_calls_the_bank(
    browser: Browser, bank: DemoBank, axe: str, language: str
) -> None:
    customer: Customer = await Customer.come(browser, bank, language)
    page = customer.page
    advice: list[str] = []

    async def look(state: str, report: bool = True) -> None:
        frame = page.locator(".safety")
        await expect(frame).to_be_visible(timeout=20_000)
        advice.append(await frame.locator("ol").first.inner_text())
        await expect(frame.locator("a.call")).to_have_attribute("href", "tel:+861095588")
        await expect(frame.locator("button.danger")).to_have_count(int(report))
        await frame.locator("summary").click()
        for width, height in SIZES if LONG else SHORT:
            await page.set_viewport_size({"width": width, "height": height})
            if folder := os.environ.get("PICTURES"):
                await page.screenshot(path=Path(folder) / f"{language}-{width}-{state}.png", full_page=True)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
        await page.wait_for_timeout(200)
        assert await violations(page, axe) == [], state

    await look("signed-out", report=False)
    await customer.sign_in("cust-0001")
    await customer.enter("482177302")
    await expect(page.locator(".verdict.not-genuine")).to_be_visible()
    await look("not-genuine")
    await page.locator(".safety button.danger").click()
    await expect(page.locator("#report-code")).to_have_value("482 177 302")
    await customer.go("/")
    limited = {"slug": "rate_limited", "status": 429, "title": "", "detail": ""}
    await page.route(
        "**/v1/confirmations",
        lambda route: route.fulfill(
            status=429, json=limited, headers={"Retry-After": "475"}, content_type="application/problem+json"
        ),
    )
    await customer.enter("482177302")
    await look("locked-out")
    await expect(page.locator(".countdown")).to_contain_text("07:5")
    await page.unroute("**/v1/confirmations")
    await page.route("**/v1/confirmations", lambda route: route.abort())
    await customer.go("/calls")
    await customer.go("/")
    await customer.enter("482177302")
    await expect(page.locator(".verdict.unavailable")).to_be_visible(timeout=20_000)
    await look("unavailable")
    await page.route("**/facts.json", lambda route: route.abort())
    await page.reload()
    await expect(page.locator(".trouble")).to_be_visible(timeout=20_000)
    await look("no-service", report=False)
    assert len(set(advice)) == 1
    await customer.context.close()


@pytest.mark.shows("CVP-12.1-51")
async def test_without_its_script_the_page_still_says_what_to_do(browser: Browser, bank: DemoBank) -> None:
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 664})
    page = await context.new_page()
    await page.goto(f"{bank.url}/app/")
    await expect(page.locator(".safety li")).to_have_count(3)
    await expect(page.locator("a#hotline")).to_have_attribute("href", "tel:+861095588")
    await context.close()


@pytest.mark.shows("CVP-12.1-50")
async def test_typed_digits_survive_another_tab_and_language_and_the_caret_stays(customer: Customer) -> None:
    await customer.code.fill("482177")
    await customer.go("/loans")
    await expect(customer.page.locator("#code")).to_have_count(0)
    await customer.go("/")
    await expect(customer.code).to_have_value("482 177")
    await customer.page.get_by_role("button", name="English").click()
    await expect(customer.code).to_have_value("482 177")
    await customer.code.evaluate("each => { each.focus(); each.setSelectionRange(2, 2) }")
    await customer.page.keyboard.press("Backspace")
    await expect(customer.code).to_have_value("421 77")
    assert await customer.code.evaluate("each => each.selectionStart") == 1


@pytest.mark.parametrize(
    "text", ["工号4412，核实码028240066", "Staff no. 4412, code028240066", "4412 028240066", "工号4412-028240066"]
)
async def test_the_code_is_found_in_a_pasted_message(customer: Customer, text: str) -> None:
    await customer.paste(text)
    await expect(customer.code).to_have_value("028 240 066")
