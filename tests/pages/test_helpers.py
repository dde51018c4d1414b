"""A customer invites a helper on the page, who checks a call for them. axe-core finds nothing, and everything fits."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.async_api import Browser, Route, expect

from tests.customers import Customer as Called
from tests.pages.people import Customer, Exchange, Officer
from tests.pages.test_accessible import violations
from verifier.core.purposes import NEVER_ASKS
from verifier.demo.bank import DemoBank

SMALL = {"width": 390, "height": 664}


async def again(person: Customer) -> None:
    """Leave the screen and come back, so that it shows what is true now."""
    await person.go("/")
    await expect(person.code).to_be_visible()
    await person.go("/helpers")
    await expect(person.page.locator("#helper-name")).to_be_visible()


@pytest.mark.shows("CVP-7.18-3", "CVP-7.18-7", "CVP-7.18-8", "CVP-12.1-14", "CVP-12.1-16")
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
    await expect(mother.page.locator(".told.expected")).to_be_visible(timeout=15_000)
    await expect(mother.page.locator(".invitation")).to_have_text(letters)
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
    card = daughter.page.locator("section.card", has=daughter.page.locator("input.code"))
    await card.locator("button").first.click()
    await expect(card.locator(".told.connected p")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    await fits(daughter, "status")
    await card.locator("input.code").fill(code)
    await card.locator(".primary").click()
    chinese = language == "zh-CN"
    title = "确为我行打给对方的电话" if chinese else "We are calling them: this call is genuine"
    await expect(card.locator(".told.connected h3")).to_have_text(title)
    await expect(card.locator(".warn")).to_contain_text("请挂断" if chinese else "hang up")
    await expect(card.locator("h2")).to_have_text("我行绝不会要求您提供或操作" if chinese else "We never ask for")
    assert await card.locator("section li").count() == len(NEVER_ASKS)
    assert await card.locator(".shape-check").count() == 0
    await fits(daughter, "genuine")
    for secret in ("个人住房贷款", "LN-2026-0001"):
        assert secret not in await daughter.page.locator("main").inner_text()
    exchange.hears(call_id, "ended")
    await expect(card.locator(".told.doubt")).to_be_visible(timeout=15_000)
    await expect(card.locator(".warn")).to_be_visible()
    await fits(daughter, "over")
    await expect(mother.page.locator(".card").first.locator("li")).to_have_count(2, timeout=15_000)
    await fits(mother, "looks")
    await mother.page.locator(".card").first.locator(".danger").click()
    await expect(mother.page.locator(".card").first.locator(".danger")).to_have_count(0)
    await officer.page.close()
    await expect(daughter.page.locator("input.code")).to_have_count(0, timeout=15_000)
    assert [*mother.defects(), *daughter.defects()] == []
    for each in (mother.context, daughter.context, officer.context):
        await each.close()


def send(bank: DemoBank, login: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Send a POST as a customer."""
    headers = {"Authorization": f"Bearer {bank.customer(login)}", "Idempotency-Key": secrets.token_hex(16)}
    answer = requests.post(f"{bank.url}/v1/me/{path}", headers=headers, json=body, timeout=10)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def helps(bank: DemoBank, person: str, helper: str) -> str:
    """Make one customer the helper of another. Returns the id."""
    letters = send(bank, person, "helpers", {"name": "女儿"})["invitation"]
    made = send(bank, helper, "helping", {"invitation": letters, "name": "小美", "person": "妈妈"})
    send(bank, person, f"helpers/{made['helper_id']}/confirmation")
    return str(made["helper_id"])


@pytest.mark.shows("CVP-12.1-12", "CVP-12.1-14")
async def test_a_helpers_verdict_stands_only_while_the_bank_can_check_the_call(
    browser: Browser, bank: DemoBank
) -> None:
    mother = Called(bank)
    code = mother.is_rung()
    helps(bank, mother.person, "cust-0003")
    daughter: Customer = await Customer.come(browser, bank)
    await daughter.sign_in("cust-0003")
    await again(daughter)
    page = daughter.page
    await page.locator("input.code").fill(code)
    await page.locator("section.card .primary", has_text="为对方核实").click()
    genuine = page.locator(".told.connected")
    await expect(genuine).to_be_visible()

    async def silent(route: Route) -> None:
        answer = await route.fetch()
        told = {**await answer.json(), "state": "unknown", "officers": []}
        await route.fulfill(response=answer, body=json.dumps(told))

    await page.route("**/call-status", silent)
    await expect(page.locator(".told.doubt h3")).to_have_text("现在无法核实", timeout=15_000)
    assert await genuine.count() == 0
    await expect(page.locator(".warn").last).to_contain_text("请挂断")
    await page.unroute("**/call-status")
    await expect(genuine).to_be_visible(timeout=15_000)
    await daughter.context.set_offline(True)
    await expect(page.locator(".told.doubt h3")).to_have_text("现在无法核实", timeout=20_000)
    await daughter.context.set_offline(False)
    await expect(genuine).to_be_visible(timeout=20_000)
    # Another question takes the verdict off, and its answer stays.
    await page.locator("section.card button", has_text="查询我行是否正在给对方打电话").click()
    await expect(genuine.locator("p")).to_contain_text("更新于")
    await page.wait_for_timeout(6_000)
    await expect(genuine.locator("p")).to_contain_text("更新于")
    mother.is_left()
    assert daughter.defects() == []
    await daughter.context.close()


@pytest.mark.shows("CVP-12.1-5")
async def test_a_code_whose_answer_was_lost_stays_and_is_asked_again_under_its_key(
    browser: Browser, bank: DemoBank
) -> None:
    mother = Called(bank)
    code = mother.is_rung()
    helps(bank, mother.person, "cust-0002")
    daughter: Customer = await Customer.come(browser, bank)
    await daughter.sign_in("cust-0002")
    await again(daughter)
    card = daughter.page.locator("section.card", has=daughter.page.locator("input.code"))
    await card.locator("input.code").fill(code)
    keys: list[str] = []

    async def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        await route.fetch()
        await route.abort()

    await daughter.page.route("**/confirmations", lose)
    await card.locator(".primary").click()
    await expect(card.locator(".told.doubt")).to_be_visible(timeout=20_000)
    await expect(card.locator("input.code")).to_have_value(code)
    await daughter.page.unroute("**/confirmations")
    async with daughter.page.expect_request("**/confirmations") as asked:
        await card.locator(".primary").click()
    assert {(await asked.value).headers["idempotency-key"]} == set(keys)
    await expect(card.locator(".told.connected")).to_be_visible()
    mother.is_left()
    await daughter.context.close()


async def test_a_fourth_helper_and_a_wrong_invitation_are_refused_in_words_beside_the_form(
    browser: Browser, bank: DemoBank
) -> None:
    person = Called(bank).person
    for _ in range(3):
        send(bank, person, "helpers", {"name": "女儿"})
    customer: Customer = await Customer.come(browser, bank)
    await customer.sign_in("cust-0001")
    await again(customer)
    for field, value in (("#invitation", "BCDFG-HJKLM"), ("#my-name", "小美"), ("#person", "妈妈")):
        await customer.page.locator("details summary").evaluate("each => { each.parentElement.open = true }")
        await customer.page.locator(field).fill(value)
    await customer.page.locator("details .primary").click()
    await expect(customer.page.locator("details .error")).to_contain_text("请核对这十个字母")
    await expect(customer.page.locator("#invitation")).to_be_focused()
    await customer.page.route("**/v1/me/helpers", lambda route: as_customer(bank, person, route))
    await customer.page.locator("#helper-name").fill("小美")
    await customer.page.locator("#invite").click()
    await expect(customer.page.locator(".error:visible").first).to_contain_text("最多三位协助人")
    await expect(customer.page.locator("#helper-name")).to_have_value("小美")
    await customer.context.close()


async def as_customer(bank: DemoBank, person: str, route: Route) -> None:
    """Send a request as another customer, whom the demo's sign-in does not offer."""
    login = {"authorization": f"Bearer {bank.customer(person)}"}
    await route.continue_(headers={**route.request.headers, **login})


@pytest.mark.parametrize(
    ("seconds", "wait"), [(1, "1 秒"), (119, "119 秒"), (120, "2 分钟"), (7_140, "119 分钟"), (40_000, "12 小时")]
)
async def test_a_daily_cap_is_told_in_hours(customer: Customer, seconds: int, wait: str) -> None:
    async def capped(route: Route) -> None:
        problem = {"slug": "rate_limited", "status": 429, "title": "…", "detail": "…"}
        headers = {"Retry-After": str(seconds), "Content-Type": "application/problem+json"}
        await route.fulfill(status=429, headers=headers, body=json.dumps(problem))

    await again(customer)
    await customer.page.route("**/v1/me/helpers", capped)
    await customer.page.locator("#helper-name").fill("小美")
    await customer.page.locator("#invite").click()
    await expect(customer.page.locator(".trouble")).to_contain_text(f"请等待 {wait}后再试", timeout=30_000)
