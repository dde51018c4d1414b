"""The customer's receipts in the app: each as a letter with its QR code, and a list of all (protocol 7.5, 8.6)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import requests
from playwright.async_api import Browser, Route, expect

from tests.pages.people import Customer, Exchange, Officer
from tests.pages.test_accessible import violations
from tests.pages.test_desk import checked
from tests.pages.test_receipts import colours
from tests.pages.test_story import connected
from tests.scanner import scan
from tests.world import another_code
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

SHOTS = os.environ.get("SCREENSHOTS")
READ = re.compile("查看凭证|Read the receipt")
LETTERS = {
    "zh-CN": ("来电核实凭证", "无法核实", "我的凭证", "更多"),
    "en": ("Receipt of a call check", "Not confirmed", "My receipts", "More"),
}


def report(bank: DemoBank, customer: str, key: str) -> str:
    """A report of a customer, from another device. Returns its id."""
    headers = {"Authorization": f"Bearer {bank.customer(customer)}", "Idempotency-Key": key}
    answer = requests.post(f"{bank.url}/v1/reports", json={"at": now_iso()}, headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["report_id"])


@pytest.mark.shows("CVP-8.6-6", "CVP-8.5-1", "CVP-7.5-15")
@pytest.mark.needs("zbar-tools")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LETTERS)
async def test_a_verdict_reads_as_a_letter_whose_qr_code_verifies_and_is_found_again(
    browser: Browser, bank: DemoBank, axe: str, tmp_path: Path, language: str, scheme: str
) -> None:
    kind, result, title, _ = LETTERS[language]
    customer: Customer = await Customer.come(browser, bank, language, scheme, device_scale_factor=300 / 96)
    await customer.sign_in("cust-0001")
    await customer.enter(another_code("000000000"))
    await expect(customer.page.locator(".verdict.not-genuine")).to_be_visible()
    await customer.page.get_by_role("link", name=READ).click()
    letter = customer.page.locator(".letter")
    await expect(letter.locator("h2")).to_have_text(kind)
    await expect(letter.locator(".result b")).to_have_text(result)
    # A4 less its margins, from a printer of 300 dots an inch.
    await customer.page.emulate_media(media="print")
    await customer.page.set_viewport_size({"width": 658, "height": 1_000})
    await customer.page.screenshot(path=tmp_path / "paper.png", full_page=True)
    await customer.page.emulate_media(media="screen", color_scheme=scheme)
    claims = checked(bank, scan(tmp_path / "paper.png"))
    assert claims.verdict == "not_genuine"
    await expect(letter).to_contain_text(claims.jti)
    await customer.page.set_viewport_size({"width": 320, "height": 640})
    assert await customer.page.evaluate("document.documentElement.scrollWidth") <= 320
    wrong = {"letter": await violations(customer.page, axe)}
    if SHOTS:
        await customer.page.screenshot(path=f"{SHOTS}/my-letter-{language}-{scheme}.png", full_page=True)
    await customer.page.get_by_role("link", name=re.compile("全部凭证|All receipts")).click()
    await expect(customer.page.locator("h1")).to_have_text(title)
    newest = customer.page.locator("ol li").first
    await expect(newest).to_contain_text(result)
    assert await customer.page.evaluate("document.documentElement.scrollWidth") <= 320
    wrong["list"] = await violations(customer.page, axe)
    if SHOTS:
        await customer.page.screenshot(path=f"{SHOTS}/my-receipts-{language}-{scheme}.png", full_page=True)
    await newest.get_by_role("link", name=READ).click()
    await expect(letter).to_contain_text(claims.jti)
    assert {name: found for name, found in wrong.items() if found} == {}
    assert customer.defects() == []
    await customer.context.close()


@pytest.mark.shows("CVP-8.6-4", "CVP-8.6-6")
async def test_the_letter_of_a_genuine_call_prints_on_a4_and_is_not_green(
    officer: Officer, customer: Customer, exchange: Exchange, tmp_path: Path
) -> None:
    call_id, code = await connected(officer, exchange)
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    exchange.hears(call_id, "ended")
    await expect(customer.page.locator(".verdict.over")).to_be_visible()
    await customer.page.get_by_role("link", name=READ).click()
    letter = customer.page.locator(".letter")
    await expect(letter).to_contain_text("李伟，工号 4412")
    await expect(customer.page.locator(".symbol svg")).to_be_visible()
    assert await customer.page.locator(".good, .genuine, .shape-check").count() == 0
    async with customer.page.expect_download() as waiting:
        await customer.page.get_by_role("button", name="保存凭证").click()
    kept = tmp_path / (await waiting.value).suggested_filename
    await (await waiting.value).save_as(kept)
    assert {"statement", "proof"} == set(json.loads(kept.read_text()))
    for other, kind in (("English", "Receipt of a call check"), ("中文", "来电核实凭证")):
        printed = await customer.page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
        await customer.page.get_by_role("button", name=other).click()
        await expect(letter.locator("h2")).to_have_text(kind)
    await customer.page.emulate_media(media="print", color_scheme="dark")
    assert await colours(customer.page) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    for hidden in ("#page > header", "nav", ".actions >> nth=0", "h1"):
        await expect(customer.page.locator(hidden)).to_be_hidden()
    await expect(letter).to_contain_text("纸上的文字本身不是证据")
    await customer.page.emulate_media(media="screen")


@pytest.mark.shows("CVP-7.5-15")
async def test_receipts_that_were_never_saved_are_found_page_by_page(customer: Customer, bank: DemoBank) -> None:
    for at in range(25):
        report(bank, "cust-0001", f"my-receipts-{at:04}")
    await customer.page.get_by_role("link", name="通话").click()
    await customer.page.get_by_role("link", name="我的凭证").click()
    entries = customer.page.locator("ol > li")
    await expect(entries).to_have_count(20)
    await customer.page.get_by_role("button", name="更多").click()
    await expect(entries.nth(20)).to_be_focused()
    assert await entries.count() >= 25
    await entries.first.get_by_role("link", name=READ).click()
    await expect(customer.page.locator(".letter h2")).to_have_text("举报回执")


@pytest.mark.shows("CVP-8.6-6", "CVP-13-4")
async def test_no_letter_is_shown_of_a_receipt_that_does_not_verify_or_is_anothers(
    customer: Customer, bank: DemoBank
) -> None:
    anothers = report(bank, "cust-0002", "anothers-receipt")
    await customer.go(f"/receipt/{anothers}")
    await expect(customer.page.locator(".trouble h1")).to_have_text("没有找到")
    await customer.go("/")
    await customer.enter(another_code("000000000"))

    async def spoil(route: Route) -> None:
        answer = await route.fetch()
        given = await answer.json()
        given["receipt"]["statement"] = given["receipt"]["statement"][:-8] + "AAAAAAAA"
        await route.fulfill(response=answer, json=given)

    await customer.page.route("**/v1/receipts/rcpt_*", spoil)
    await customer.page.get_by_role("link", name=READ).click()
    await expect(customer.page.locator(".trouble")).to_be_visible()
    assert await customer.page.locator(".letter").count() == 0
    # The page logs its own defect, which this is.
    customer.errors.clear()
