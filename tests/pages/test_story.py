"""The story in two browsers, one for the officer and one for the customer, on the real service."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.api.conftest import RunningBank, SystemSession
from tests.pages.people import Customer, Exchange, LoanSystem, Officer
from tests.world import another_code
from verifier.core.evidence import Evidence
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso
from verifier.receipt_files import read_receipt

SAYS = {
    "zh-CN": ("我们现在没有给您打电话", "我们正在与您通话", "核实通过，是我行来电", "核实码已失效", "已于"),
    "en": (
        "We are not calling you",
        "We are on the phone with you now",
        "Confirmed: this is the bank",
        "An old code",
        "Confirmed at",
    ),
}


async def connected(officer: Officer, exchange: Exchange) -> tuple[str, str]:
    """Issue a call whose leg is connected to Wang Fang. Return its id and code."""
    await officer.go("/")
    await officer.prepare("王芳")
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    return call_id, await officer.read_code()


@pytest.mark.shows("CVP-12.1-4")
@pytest.mark.shows("CVP-12.1-4")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_both_screens_follow_a_call_from_issue_to_confirmation(
    browser: Browser, bank: DemoBank, exchange: Exchange, language: str
) -> None:
    nobody, on_call, genuine, past, confirmed = SAYS[language]
    officer: Officer = await Officer.come(browser, bank, language)
    await officer.sign_in("4412")
    customer: Customer = await Customer.come(browser, bank, language)
    await customer.sign_in("cust-0001")
    await expect(customer.page.locator(".status")).to_contain_text(nobody)

    await officer.prepare("王芳")
    call_id = await officer.get_code()
    await expect(officer.page.locator(".told")).to_contain_text("+86 138 0013 8000")
    assert await officer.page.locator(".code").count() == 0
    assert await customer.page.locator(".told.connected").count() == 0
    await expect(customer.page.locator(".told.expected")).to_be_visible()
    exchange.hears(call_id, "connected", "+8613911112222")
    await officer.page.wait_for_timeout(300)
    assert await officer.page.locator(".code").count() == 0, "a leg to another number shows no code"
    exchange.hears(call_id, "ended", "+8613911112222")

    await officer.go("/")
    code = (await connected(officer, exchange))[1]
    call_id = officer.page.url.rsplit("/", 1)[1]
    assert re.fullmatch(r"\d{3} \d{3} \d{3}", code)
    await expect(customer.page.locator(".status")).to_contain_text(on_call)
    await expect(customer.page.locator(".status")).to_contain_text("李伟")

    await customer.enter(code)
    await expect(customer.banner).to_contain_text(genuine)
    await expect(customer.page.locator(".verdict")).to_contain_text("4412")
    await expect(officer.page.locator(".told.good")).to_contain_text(confirmed)
    assert await officer.page.locator(".code").count() == 0, "a used code is no longer shown"

    exchange.hears(call_id, "ended")
    await expect(customer.page.locator(".verdict.over")).to_be_visible()
    await customer.page.locator(".verdict .primary").click()
    await expect(customer.page.locator(".status")).to_contain_text(nobody)
    await customer.enter(code)
    await expect(customer.banner).to_contain_text(past)
    assert officer.defects() == customer.defects() == []
    await officer.context.close()
    await customer.context.close()


async def test_the_officer_gets_a_code_in_two_clicks_and_the_customer_a_verdict_in_three_steps(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    before = await officer.acts()
    await officer.prepare("王芳")
    call_id = await officer.get_code()
    assert await officer.acts() - before == 2
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    await customer.page.reload()
    await expect(customer.code).to_be_visible()
    before = await customer.acts()
    await customer.paste(await officer.read_code())
    await customer.page.locator("form .primary").click()
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    # A scripted paste is not counted, but is a step too.
    assert await customer.acts() - before + 1 <= 3


async def test_a_wrong_code_is_refused_and_the_receipt_verifies_offline(
    officer: Officer, customer: Customer, exchange: Exchange, tmp_path: Path
) -> None:
    _, code = await connected(officer, exchange)
    await customer.enter(another_code(code.replace(" ", "")))
    await expect(customer.page.locator(".verdict.not-genuine")).to_be_visible()
    async with customer.page.expect_download() as waiting:
        await customer.page.get_by_role("button", name="保存凭证").click()
    kept = tmp_path / (await waiting.value).suggested_filename
    await (await waiting.value).save_as(kept)
    assert isinstance(read_receipt(kept), Evidence)
    checked = await customer.page.evaluate(
        """async (evidence) => (await fetch("/v1/receipts/verification", {
            method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(evidence),
        })).json()""",
        json.loads(kept.read_text()),
    )
    assert (checked["result"], checked["claims"]["verdict"]) == ("valid", "not_genuine")


async def test_a_report_takes_three_taps_and_gives_evidence(customer: Customer) -> None:
    before = await customer.acts()
    await customer.page.get_by_role("link", name="举报").click()
    await customer.page.locator("label.choice").first.click()
    await customer.page.get_by_role("button", name="提交举报").click()
    await expect(customer.page.locator("h1")).to_contain_text("已收到")
    # A click on a label also counts as a click on its box.
    assert await customer.acts() - before <= 4
    async with customer.page.expect_download() as waiting:
        await customer.page.get_by_role("button", name="下载证据").click()
    assert (await waiting.value).suggested_filename.startswith("rprt_")


async def test_an_unconfirmed_call_is_listed_for_customer_and_officer(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    call_id, _ = await connected(officer, exchange)
    exchange.hears(call_id, "ended")
    await customer.page.get_by_role("link", name="通话").click()
    await expect(customer.page.locator("li.card").first).to_contain_text("您没有核实")
    await officer.go("/today")
    await expect(officer.page.locator(".row").first).to_contain_text("LN-2026-0001")


async def test_the_code_of_a_call_that_the_officer_revokes_is_not_genuine(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    await officer.page.get_by_role("button", name="作废本次核实码").click()
    await officer.page.get_by_role("button", name="作废", exact=True).click()
    await expect(officer.page.locator(".told")).to_contain_text("已作废")
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.not-genuine")).to_be_visible()


@pytest.mark.shows("CVP-7.13-1")
async def test_the_code_of_a_past_call_names_it_and_is_not_green(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    call_id, code = await connected(officer, exchange)
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    exchange.hears(call_id, "ended")
    await expect(customer.page.locator(".verdict.over")).to_be_visible()
    await customer.page.get_by_role("button", name="核实现在的来电").click()
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.past .lead")).to_contain_text("请挂断电话")
    await expect(customer.page.locator(".verdict.past .who")).to_contain_text("4412")
    await expect(customer.page.locator(".verdict.past dl")).to_contain_text("结束时间")
    assert await customer.page.locator(".genuine").count() == 0
    background = await customer.page.locator(".verdict-banner").evaluate("e => getComputedStyle(e).backgroundColor")
    assert background == "rgb(107, 71, 0)"


@pytest.mark.shows("CVP-12.1-4")
async def test_the_code_is_hidden_when_the_leg_ends(officer: Officer, exchange: Exchange) -> None:
    call_id, _ = await connected(officer, exchange)
    exchange.hears(call_id, "ended")
    await expect(officer.page.locator(".told")).to_contain_text("电话已挂断")
    assert await officer.page.locator(".code").count() == 0


async def test_a_refusal_by_the_contact_policy_says_who_can_change_it(bank: DemoBank, officer: Officer) -> None:
    await officer.prepare("王芳")
    loans = LoanSystem(bank)
    loans.register("LN-2026-0001", consents={"service_calls": False})
    await officer.page.locator("section.card button.primary").click()
    await expect(officer.page.locator(".told.bad")).to_contain_text("只有客户本人可以更改")
    assert await officer.page.locator("#request-reason").count() == 0, "only the customer can lift it"
    loans.register("LN-2026-0001", consents={})


async def test_a_call_is_made_after_a_second_person_grants_an_exception(
    browser: Browser, bank: DemoBank, officer: Officer, exchange: Exchange
) -> None:
    loans = SystemSession(bank, "loan-origination")
    path = "/v1/applications/LN-2026-0003"
    registration = loans.send("GET", path).json()["registration"]
    registration["numbers"] = [{"number": "+8613911110000", "added_at": now_iso(-3600)}]
    assert loans.send("PUT", path, registration).status_code == 200
    supervisor: Officer = await Officer.come(browser, bank)
    await supervisor.sign_in("9001")
    await expect(supervisor.page.locator("h1")).to_contain_text("例外审批")

    await officer.prepare("孙强")
    await expect(officer.page.locator(".badge.doubt")).to_contain_text("新登记")
    await officer.page.locator("section.card button.primary").click()
    await expect(officer.page.locator(".told.bad")).to_contain_text("号码登记未满规定时间")
    await officer.page.get_by_role("button", name="请主管审批").click()
    await expect(officer.page.locator(".error").first).to_contain_text("请填写理由")
    await officer.page.locator("#request-reason").fill("客户在网点更换号码，已核对身份证")
    await officer.page.get_by_role("button", name="请主管审批").click()
    await expect(officer.page.locator("li.card").first).to_contain_text("等待审批")
    assert await officer.page.get_by_role("button", name="批准", exact=True).count() == 0, (
        "officers cannot decide their own requests"
    )

    request = supervisor.page.locator("li.card").first
    await expect(request).to_contain_text("已核对身份证")
    await request.locator("input").fill("已电话核实")
    await request.get_by_role("button", name="批准", exact=True).click()
    await expect(request).to_contain_text("已批准")
    await officer.page.get_by_role("link", name="去拨打").click()
    await expect(officer.page.locator(".told.good")).to_contain_text("主管已批准")
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected", "+8613911110000")
    await expect(officer.page.locator(".code")).to_be_visible()
    assert supervisor.defects() == []
    await supervisor.context.close()


async def test_a_customer_who_declines_offers_gets_no_marketing_call(browser: Browser, bank: DemoBank) -> None:
    carla: Customer = await Customer.come(browser, bank, "en")
    await carla.sign_in("cust-0002")
    await carla.go("/loans")
    box = carla.page.get_by_role("switch")
    await expect(box).not_to_be_checked()
    await box.check()
    await expect(box).to_be_enabled()
    await carla.page.reload()
    await expect(carla.page.get_by_role("switch")).to_be_checked()
    grace: Officer = await Officer.come(browser, bank, "en")
    await grace.sign_in("4850")
    await grace.prepare("Carla Rossi")
    await expect(grace.page.get_by_label("an offer of a loan product")).to_have_count(0)
    await grace.page.get_by_text("Why not another purpose").click()
    await expect(grace.page.locator("details")).to_contain_text(
        "an offer of a loan product　The customer has not agreed"
    )
    assert grace.defects() == carla.defects() == []
    await grace.context.close()
    await carla.context.close()


async def test_an_expired_code_is_over_and_both_screens_say_so(browser: Browser) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="bank-") as folder,
        RunningBank(Path(folder), code_lifetime_seconds=30, sweep_seconds=1) as bank,
    ):
        exchange = Exchange(bank)
        officer: Officer = await Officer.come(browser, bank)
        await officer.sign_in("4412")
        _, code = await connected(officer, exchange)
        await expect(officer.page.locator(".left")).to_contain_text("剩余 0:2")
        await expect(officer.page.locator(".told")).to_contain_text("核实码已过期", timeout=40_000)
        assert await officer.page.locator(".code").count() == 0
        customer: Customer = await Customer.come(browser, bank)
        await customer.sign_in("cust-0001")
        # The leg goes on, although its code has expired.
        await expect(customer.page.locator(".told.connected")).to_be_visible()
        await customer.enter(code)
        await expect(customer.page.locator(".verdict.past .lead")).to_contain_text("已经过期")
        assert officer.defects() == customer.defects() == []
        await officer.context.close()
        await customer.context.close()
