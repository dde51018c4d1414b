"""The counter's page: a customer is found, and leaves with a slip that verifies (protocol 7.19, 8.5, 12.1)."""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
from playwright.async_api import Browser, Route, expect

from tests.api.conftest import SystemSession
from tests.customers import Customer
from tests.pages.people import Clerk
from tests.pages.test_accessible import violations
from tests.scanner import scan
from tests.world import another_code
from verifier.core.evidence import verify_evidence
from verifier.demo.bank import DemoBank
from verifier.demo.company import APPLICATION as COMPANY_LOAN
from verifier.demo.company import FINANCE, LEGAL, NUMBERS, facts
from verifier.receipt_files import evidence_in, trust_in

WRONG = another_code("482177300", 0)


@pytest_asyncio.fixture(loop_scope="session")
async def clerk(browser: Browser, bank: DemoBank) -> Any:
    """The clerk He Jia, signed in. Fails at the end if a policy was violated or a script failed."""
    person: Clerk = await Clerk.come(browser, bank)
    await person.sign_in("5101")
    yield person
    await person.context.close()
    assert person.defects() == []


@pytest.fixture
def visitor(bank: DemoBank) -> Customer:
    return Customer(bank)


def checked(bank: DemoBank, texts: list[str]) -> Any:
    """The claims of what was scanned, verified offline."""
    trust = trust_in(requests.get(f"{bank.url}/.well-known/callback-verification", timeout=10).content)
    return verify_evidence(evidence_in("\n".join(texts).encode()), trust).claims


async def scanned(clerk: Clerk, folder: Path) -> list[str]:
    """What a scanner reads from the screen."""
    texts = []
    for place, symbol in enumerate(await clerk.page.locator(".symbol svg").all()):
        image = folder / f"{place}.png"
        await symbol.screenshot(path=image)
        texts += scan(image)
    return texts


@pytest.mark.shows("CVP-8.5-1", "CVP-8.5-4", "CVP-12.1-20")
@pytest.mark.needs("zbar-tools")
async def test_a_customer_with_a_code_on_paper_leaves_with_a_slip_that_verifies_offline(
    browser: Browser, bank: DemoBank, visitor: Customer, tmp_path: Path
) -> None:
    clerk: Clerk = await Clerk.come(browser, bank, device_scale_factor=4)
    await clerk.sign_in("5101")
    code = visitor.is_rung()
    await clerk.find(reference=visitor.application)
    await expect(clerk.page.locator("h1")).to_have_text("赵敏")
    await clerk.check(code)
    await expect(clerk.page.locator(".slip h1")).to_have_text("核实时是我行的来电")
    await expect(clerk.page.locator(".lead")).to_contain_text("正在进行的一通电话的核实码")
    await expect(clerk.page.locator(".lead")).to_contain_text("请重新核实")
    assert await clerk.page.locator(".good, .genuine, .shape-check").count() == 0
    await expect(clerk.page.locator(".slip")).to_contain_text("李伟（工号 4412")
    await expect(clerk.page.locator(".slip")).to_contain_text("+86 10 95588")
    claims = checked(bank, await scanned(clerk, tmp_path))
    assert claims.verdict == "genuine"
    assert claims.jti in await clerk.page.locator(".slip").inner_text()
    assert clerk.defects() == []
    await clerk.context.close()


@pytest.mark.shows("CVP-8.5-1")
@pytest.mark.needs("zbar-tools")
@pytest.mark.parametrize(("paper", "width"), [("a4", 210), ("roll", 80)])
async def test_the_printed_symbol_is_read_from_a4_and_from_a_roll(
    browser: Browser, bank: DemoBank, visitor: Customer, tmp_path: Path, paper: str, width: int
) -> None:
    """A thermal printer has 203 dots an inch, and a CSS inch 96 pixels."""
    clerk: Clerk = await Clerk.come(browser, bank, device_scale_factor=203 / 96)
    await clerk.sign_in("5101")
    visitor.is_rung()
    await clerk.find(number=visitor.number)
    await clerk.page.locator("details", has_text="是否给客户打过电话").locator("summary").click()
    await clerk.page.get_by_role("button", name="查询", exact=True).click()
    await expect(clerk.page.locator(".slip h1")).to_have_text("我行给您打过的电话")
    await clerk.page.emulate_media(media="print", color_scheme="dark")
    # A margin of 4 mm on both sides.
    await clerk.page.set_viewport_size({"width": round((width - 8) * 96 / 25.4), "height": 1_000})
    await clerk.page.screenshot(path=tmp_path / "paper.png", full_page=True)
    claims = checked(bank, scan(tmp_path / "paper.png"))
    assert [each.call_id for each in claims.calls] == [visitor.call_id]
    assert not await clerk.page.locator("header").is_visible()
    assert not await clerk.page.locator("button").first.is_visible()
    await clerk.context.close()


@pytest.mark.shows("CVP-7.19-4")
async def test_the_form_asks_for_one_name_and_for_the_reason(clerk: Clerk, visitor: Customer) -> None:
    wrong = clerk.page.locator(".error")
    await clerk.find(reason="")
    await expect(wrong).to_have_text("请填写申请编号或电话号码，只填其中一项。")
    await clerk.find(reference=visitor.application, reason="")
    await expect(wrong).to_have_text("请填写查询理由。")
    await clerk.find(reference=visitor.application, number=visitor.number)
    await expect(wrong).to_have_text("请填写申请编号或电话号码，只填其中一项。")
    await clerk.find(reference="", number="138")
    await expect(wrong).to_have_text("号码不完整，请再核对。")
    await clerk.find(number="+8613700137999")
    await expect(wrong).to_contain_text("用这个号码查不到唯一对应的客户")
    await expect(wrong).to_contain_text("用编号查找")
    await expect(clerk.page.locator("#number")).to_be_focused()


@pytest.mark.shows("CVP-7.19-4")
async def test_a_clerk_with_a_companys_contact_is_led_from_the_id_to_their_number(clerk: Clerk, bank: DemoBank) -> None:
    loan = SystemSession(bank, "loan-origination").send(
        "PUT", f"/v1/applications/{COMPANY_LOAN}", facts(FINANCE, LEGAL)
    )
    assert loan.status_code == 200, loan.text
    await clerk.find(reference=COMPANY_LOAN)
    await expect(clerk.page.locator(".error")).to_contain_text("改用到场客户本人的预留号码")
    await expect(clerk.page.locator("#reference")).to_be_focused()
    await clerk.find(reference="", number=NUMBERS[LEGAL])
    await expect(clerk.page.locator("h1")).to_have_text("沈海东")


@pytest.mark.shows("CVP-7.19-5")
async def test_a_code_of_a_call_to_another_number_is_told_apart_from_a_wrong_field(
    clerk: Clerk, bank: DemoBank
) -> None:
    other = f"+86139{secrets.randbelow(10**8):08d}"
    visitor = Customer(bank, also_on_file=other)
    code = visitor.is_rung()
    await clerk.find(number=other)
    wrong = clerk.page.locator(".error").first
    await clerk.page.locator("#code-number").fill("138")
    await clerk.check(code)
    await expect(wrong).to_have_text("号码不完整，请再核对，或留空。")
    await expect(clerk.page.locator("#code-number")).to_be_focused()
    await clerk.page.locator("#code-number").fill("")
    await clerk.check(code)
    await expect(wrong).to_contain_text("属于打给该客户另一个号码的电话")

    async def refuse(route: Route) -> None:
        problem = {"slug": "invalid_field", "status": 422, "title": "…", "detail": "…", "errors": []}
        await route.fulfill(status=422, content_type="application/problem+json", body=json.dumps(problem))

    await clerk.page.route("**/v1/counter/confirmations", refuse)
    await clerk.check(code)
    await expect(clerk.page.locator(".trouble h1")).to_have_text("有一项填写不正确")
    visitor.is_left()


@pytest.mark.shows("CVP-12.1-20")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_slips_say_what_their_answer_says_and_no_more(
    clerk: Clerk, bank: DemoBank, tmp_path: Path, language: str
) -> None:
    """No slip tells of a call that was not, calls a report a question, or sends the customer to an app without it."""
    chinese = language == "zh-CN"
    visitor = Customer(bank)
    loan = SystemSession(bank, "loan-origination")
    path = f"/v1/applications/{visitor.application}"
    registration = loan.send("GET", path).json()["registration"]
    registration["customer"]["language"] = language
    assert loan.send("PUT", path, registration).status_code == 200
    slip = clerk.page.locator(".slip")

    async def shows(heading: str, *texts: str) -> None:
        await expect(slip.locator("h1")).to_have_text(heading)
        await expect(slip.locator("h1")).to_be_focused()
        for text in texts:
            await expect(slip).to_contain_text(text)
        assert not re.search("手机银行|the bank's app|可不填|if you like", await slip.inner_text())
        await clerk.page.set_viewport_size({"width": 390, "height": 664})
        await clerk.page.screenshot(path=tmp_path / f"{heading}.png", full_page=True)
        await clerk.page.set_viewport_size({"width": 1280, "height": 800})
        await clerk.page.get_by_role("button", name="返回").click()

    await clerk.find(reference=visitor.application)
    calls = clerk.page.locator("details", has_text="是否给客户打过电话")
    await calls.locator("summary").click()
    await clerk.page.locator("#called-number").fill("01082345678")
    await calls.get_by_role("button", name="查询", exact=True).click()
    await shows(
        "没有查到我行打给您的电话" if chinese else "No call from us to you",
        "来电号码 +86 10 8234 5678" if chinese else "From +86 10 8234 5678",
    )
    report = clerk.page.locator("details", has_text="代客户举报")
    await report.locator("summary").click()
    await report.get_by_role("button", name="提交举报").click()
    await expect(report.locator("input[type=checkbox]").first).to_be_focused()
    await report.locator("input[type=checkbox]").first.check()
    await clerk.page.locator("#report-number").fill("13900000000")
    await report.get_by_role("button", name="提交举报").click()
    await shows(
        "已收到您的举报" if chinese else "We have your report",
        "举报内容" if chinese else "You reported",
        "索要短信验证码或密码" if chinese else "Asked for a code or password",
        "13900000000",
    )
    code = visitor.is_rung()
    await clerk.check(code)
    await shows(
        "核实时是我行的来电" if chinese else "At that moment, this was our call",
        "只对那一通电话有效" if chinese else "It is good for that call only",
        "我们绝不会索要" if chinese else "We never ask for",
    )
    visitor.is_left()
    await clerk.check(code)
    await shows(
        "旧核实码" if chinese else "An old code", *(("开始时间", "结束时间") if chinese else ("Began", "Ended"))
    )


async def test_a_report_names_no_secret_and_is_thanked_for_in_the_customers_language(
    clerk: Clerk, visitor: Customer
) -> None:
    await clerk.find(reference=visitor.application)
    card = clerk.page.locator("details", has_text="代客户举报")
    await card.locator("summary").click()
    await card.get_by_role("button", name="提交举报").click()
    await expect(card.locator(".error")).to_contain_text("至少选择一项")
    await card.locator("input[type=checkbox]").first.check()
    await card.get_by_role("button", name="提交举报").click()
    await expect(clerk.page.locator(".slip h1")).to_have_text("已收到您的举报")
    await expect(clerk.page.locator(".slip")).to_contain_text("索要短信验证码或密码")


@pytest.mark.shows("CVP-12.1-3", "CVP-12.1-20")
async def test_no_slip_is_shown_twice_and_no_customer_outlasts_their_visit(clerk: Clerk, visitor: Customer) -> None:
    await clerk.find(reference=visitor.application)
    await clerk.check(WRONG)
    await expect(clerk.page.locator(".slip h1")).to_have_text("未能核实")
    await clerk.page.get_by_role("button", name="办理完毕").click()
    await expect(clerk.page.locator("#reference")).to_have_value("")
    for route in ("/slip", "/visit"):
        await clerk.go(route)
        # The page goes back to its first screen by itself.
        await clerk.page.wait_for_url("**/desk/#/")
        await expect(clerk.page.locator("#reference")).to_be_visible()
        assert visitor.application not in await clerk.page.locator("body").inner_text()


@pytest.mark.shows("CVP-12.1-5", "CVP-13-4")
async def test_a_lost_answer_reads_as_cannot_check_and_is_asked_for_again_under_the_same_key(
    clerk: Clerk, visitor: Customer
) -> None:
    code = visitor.is_rung()
    await clerk.find(reference=visitor.application)
    keys: list[str] = []

    async def lose(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        await route.fetch()
        await route.abort()

    await clerk.page.route("**/v1/counter/confirmations", lose)
    await clerk.check(code)
    await expect(clerk.page.locator(".error").first).to_contain_text("现在无法核实", timeout=20_000)
    assert await clerk.page.locator(".slip").count() == 0
    await clerk.page.unroute("**/v1/counter/confirmations")
    async with clerk.page.expect_request("**/v1/counter/confirmations") as asked:
        await clerk.check(code)
    assert {(await asked.value).headers["idempotency-key"]} == set(keys)
    await expect(clerk.page.locator(".slip h1")).to_have_text("核实时是我行的来电")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_axe_finds_nothing_wrong_at_the_counter(
    browser: Browser, bank: DemoBank, visitor: Customer, axe: str, language: str, scheme: str
) -> None:
    clerk: Clerk = await Clerk.come(browser, bank, language, scheme)
    found = {"signed out": await violations(clerk.page, axe)}
    await clerk.sign_in("5101")
    found["find"] = await violations(clerk.page, axe)
    await clerk.find(reference=visitor.application)
    await expect(clerk.page.locator("#code")).to_be_visible()
    for summary in await clerk.page.locator("summary").all():
        await summary.click()
    await clerk.page.wait_for_timeout(200)
    found["visit"] = await violations(clerk.page, axe)
    await clerk.check(WRONG)
    await expect(clerk.page.locator(".symbol svg")).to_be_visible()
    await clerk.page.wait_for_timeout(200)
    found["slip"] = await violations(clerk.page, axe)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert clerk.defects() == []
    await clerk.context.close()


@pytest.mark.parametrize("route", ["/", "/visit", "/slip"])
async def test_nothing_overflows_on_a_small_screen(clerk: Clerk, visitor: Customer, route: str) -> None:
    await clerk.page.set_viewport_size({"width": 360, "height": 740})
    if route != "/":
        await clerk.find(reference=visitor.application)
    if route == "/slip":
        await clerk.check(WRONG)
        await expect(clerk.page.locator(".symbol svg")).to_be_visible()
    await clerk.page.wait_for_timeout(100)
    assert await clerk.page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.shows("CVP-7.4-1")
async def test_the_slip_is_in_the_customers_language_whatever_the_clerks_is(clerk: Clerk) -> None:
    await clerk.find(reference="LN-2026-0013")
    await clerk.check(WRONG)
    await expect(clerk.page.locator(".slip")).to_have_attribute("lang", "en")
    await expect(clerk.page.locator(".slip h1")).to_have_text("Not confirmed")
    await expect(clerk.page.locator(".lead")).to_contain_text("hang up")
    await expect(clerk.page.get_by_role("button", name="打印回执")).to_be_visible()


async def test_signing_out_leads_back_to_the_counter(browser: Browser, bank: DemoBank, visitor: Customer) -> None:
    clerk: Clerk = await Clerk.come(browser, bank)
    await clerk.sign_in("5101")
    await clerk.find(reference=visitor.application)
    await expect(clerk.page.locator("h1")).to_have_text("赵敏")
    await clerk.page.get_by_role("button", name="退出").click()
    await expect(clerk.page.locator(".sign-in button.primary")).to_be_visible()
    assert clerk.page.url.startswith(f"{bank.url}/desk/")
    assert "赵敏" not in await clerk.page.content()
    await clerk.context.close()


async def test_an_officer_who_is_no_clerk_is_told_so(browser: Browser, bank: DemoBank, visitor: Customer) -> None:
    officer: Clerk = await Clerk.come(browser, bank)
    await officer.sign_in("4412")
    await officer.find(reference=visitor.application)
    await expect(officer.page.locator(".trouble h1")).to_have_text("您没有这项权限")
    await officer.context.close()


@pytest.mark.shows("CVP-7.19-8")
async def test_an_officer_of_the_customer_is_told_that_another_clerk_must_ask(browser: Browser, bank: DemoBank) -> None:
    visitor = Customer(bank, officer="5101")
    clerk: Clerk = await Clerk.come(browser, bank)
    await clerk.sign_in("5101")
    await clerk.find(reference=visitor.application)
    await expect(clerk.page.locator(".trouble h1")).to_have_text("您是这位客户的经办人")
    await expect(clerk.page.locator(".trouble")).to_contain_text("请由另一位柜员")
    assert "赵敏" not in await clerk.page.content()
    await clerk.context.close()
