"""Bad input to the pages: typing errors, pastes, double clicks, lost answers, unknown answers, wrong clocks."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, Route, expect

from tests.pages.people import DAY_OFF, Customer, Exchange, Officer, cut
from tests.pages.test_story import connected
from verifier.app import open_service
from verifier.core import damm
from verifier.core.application import Registration
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

SCRIPT = "<img src=x onerror=alert(1)><script>alert(1)</script>"
TURNED = "\u202egnaF gnaW\u202c مرحبا"


@pytest.mark.shows("CVP-5-6", "CVP-5-9", "CVP-12.1-6")
@pytest.mark.parametrize(
    ("typed", "shown", "hint"),
    [
        ("４８２ １７７-302", "482 177 302", "已输入9位"),
        (" 482\u00a0177\u200b302\n", "482 177 302", "已输入9位"),
        ("您的核实码是 482 177 302，有效期 10 分钟", "482 177 302", "已输入9位"),
        ("四八二 幺七七 三〇二", "482 177 302", "已输入9位"),
        ("٤٨٢\u2066 ١٧٧ ٣٠٢", "482 177 302", "已输入9位"),
        ("482177303", "482 177 303", "可能有一位听错或输错"),
        ("428177302", "428 177 302", "可能有一位听错或输错"),
        ("48217", "482 17", "还差 4 位"),
        ("4821773031", "482 177 303", "只认数字"),
        ("code: 482x177", "482 177", "只认数字"),
        ("", "", ""),
    ],
)
async def test_a_code_is_normalized_and_a_typing_error_is_shown_at_once(
    customer: Customer, typed: str, shown: str, hint: str
) -> None:
    assert damm.is_valid("482177302")
    asked: list[str] = []
    customer.page.on("request", lambda request: asked.append(request.url))
    await customer.code.fill("1")
    await customer.code.fill(typed)
    await expect(customer.code).to_have_value(shown)
    await expect(customer.page.locator("#code-hint")).to_contain_text(hint)
    if hint not in ("已输入9位", "可能有一位听错或输错"):
        await customer.page.locator("form .primary").click()
        assert not [url for url in asked if "confirmations" in url]


@pytest.mark.shows("CVP-5-10", "CVP-7.16-1")
async def test_invented_digits_are_sent_asked_for_again_and_then_refused(customer: Customer) -> None:
    """The customer enters what they heard. The service decides, also on digits that can be no code."""
    await customer.enter("428177302")
    await expect(customer.page.locator("#code-hint")).to_contain_text("请让对方再报一遍")
    await expect(customer.code).to_have_value("")
    await customer.enter("428177302")
    await expect(customer.page.locator(".verdict.not-genuine")).to_be_visible()


async def test_the_on_screen_keys_type_delete_and_clear(customer: Customer) -> None:
    for key in "482":
        await customer.page.get_by_role("button", name=key, exact=True).click()
    await expect(customer.code).to_have_value("482")
    await customer.page.get_by_role("button", name="删除一位").click()
    await expect(customer.code).to_have_value("48")
    await customer.page.get_by_role("button", name="清空").click()
    await expect(customer.code).to_have_value("")


async def test_a_double_click_sends_one_request(officer: Officer, customer: Customer, exchange: Exchange) -> None:
    _, code = await connected(officer, exchange)
    asked: list[str] = []

    async def slow(route: Route) -> None:
        asked.append(route.request.headers["idempotency-key"])
        await asyncio.sleep(0.3)
        await route.continue_()

    await customer.page.route("**/v1/confirmations", slow)
    await customer.code.fill(code)
    await customer.page.locator("form .primary").dblclick()
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    assert len(asked) == 1
    assert "您刚才已经核实过" not in await customer.page.locator(".verdict").inner_text()


@pytest.mark.shows("CVP-12.1-5")
async def test_a_lost_answer_is_retried_with_the_same_idempotency_key(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    keys: list[str] = []

    async def lose_the_first(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        await (cut(route) if len(keys) == 1 else route.continue_())

    await customer.page.route("**/v1/confirmations", lose_the_first)
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert "您刚才已经核实过" not in await customer.page.locator(".verdict").inner_text()


async def test_if_every_answer_is_lost_the_page_says_unavailable_and_a_retry_gets_the_verdict(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    await customer.page.route("**/v1/confirmations", cut)
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.unavailable")).to_be_visible(timeout=20_000)
    await expect(customer.banner).to_contain_text("暂时查不到结果")
    await customer.page.unroute("**/v1/confirmations")
    await customer.page.get_by_role("button", name="重新查询").click()
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    assert "您刚才已经核实过" not in await customer.page.locator(".verdict").inner_text()


@pytest.mark.shows("CVP-13-4")
@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "content_type": "text/html", "body": "<h1>genuine</h1>"},
        {"status": 200, "content_type": "text/html", "body": "genuine"},
        {"status": 200, "content_type": "application/json", "body": '{"verdict":"genuine"}'},
        {"status": 200, "content_type": "application/json", "body": '{"verdict":"GENUINE","call":{}}'},
        {"status": 200, "content_type": "application/json", "body": '{"verdict":"genu'},
        {
            "status": 503,
            "content_type": "application/problem+json",
            "body": '{"slug":"unavailable","status":503,"title":"","detail":""}',
        },
    ],
    ids=["500", "html", "no call", "another word", "truncated", "503"],
)
async def test_an_answer_that_is_not_understood_is_never_genuine(customer: Customer, answer: dict[str, Any]) -> None:
    async def instead(route: Route) -> None:
        await route.fulfill(**answer)

    await customer.page.route("**/v1/confirmations", instead)
    await customer.enter("482177302")
    await expect(customer.page.locator(".verdict.unavailable")).to_be_visible(timeout=20_000)
    assert await customer.page.locator(".verdict.genuine").count() == 0


async def test_without_a_network_the_page_hides_the_old_status_and_says_why(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    await connected(officer, exchange)
    await expect(customer.page.locator(".told.connected")).to_be_visible()
    await customer.context.set_offline(True)
    await expect(customer.page.locator(".status")).to_contain_text("现在无法查询")
    assert await customer.page.locator(".told.connected").count() == 0
    await customer.context.set_offline(False)
    await expect(customer.page.locator(".told.connected")).to_be_visible(timeout=15_000)


@pytest.mark.shows("CVP-12.1-4")
async def test_without_a_network_a_verdict_is_no_longer_shown_as_genuine(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    await customer.context.set_offline(True)
    await expect(customer.banner).to_contain_text("网络已断开")
    assert await customer.page.locator(".verdict.genuine").count() == 0
    await officer.context.set_offline(True)
    await expect(officer.page.locator(".told.doubt, .told.good")).to_be_visible()
    assert await officer.page.locator(".code").count() == 0
    await customer.context.set_offline(False)
    await officer.context.set_offline(False)


@pytest.mark.shows("CVP-12.1-4")
async def test_the_officers_code_is_hidden_while_the_network_is_lost(officer: Officer, exchange: Exchange) -> None:
    _, code = await connected(officer, exchange)
    await officer.context.set_offline(True)
    await expect(officer.page.locator(".told.doubt")).to_contain_text("核实码已隐藏")
    assert await officer.page.locator(".code").count() == 0
    await officer.context.set_offline(False)
    await expect(officer.page.locator(".code")).to_have_text(code, timeout=15_000)


@pytest.mark.shows("CVP-12.1-3")
async def test_back_and_forward_never_show_a_verdict_again(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    await customer.page.go_back()
    await expect(customer.code).to_be_visible()
    await expect(customer.code).to_have_value("")
    await customer.page.go_forward()
    await expect(customer.code).to_be_visible()
    assert await customer.page.locator(".verdict").count() == 0


async def test_a_second_tab_signs_in_without_a_prompt_and_gets_the_same_receipt(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    _, code = await connected(officer, exchange)
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    tab = await customer.context.new_page()
    await tab.goto(f"{customer.bank.url}/app/")
    await tab.locator(".sign-in button.primary").click()
    await tab.locator("#code").fill(code)
    await tab.locator("form .primary").click()
    await expect(tab.locator(".verdict.genuine")).to_contain_text("您刚才已经核实过")


@pytest.mark.shows("CVP-12.1-7")
async def test_a_browser_whose_clock_is_a_day_ahead_works(
    browser: Browser, bank: DemoBank, officer: Officer, exchange: Exchange
) -> None:
    late: Officer = await Officer.come(browser, bank, script=DAY_OFF)
    await late.sign_in("4412")
    _, code = await connected(late, exchange)
    await expect(late.page.locator(".left")).to_contain_text("剩余 9:5")
    customer: Customer = await Customer.come(browser, bank, script=DAY_OFF)
    await customer.sign_in("cust-0001")
    await customer.enter(code)
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    await customer.page.locator(".verdict .primary").click()
    await customer.page.get_by_role("link", name="举报").click()
    await customer.page.locator("label.choice").first.click()
    await customer.page.get_by_role("button", name="提交举报").click()
    await expect(customer.page.locator("h1")).to_contain_text("已收到")
    assert late.defects() == customer.defects() == []
    await late.context.close()
    await customer.context.close()


async def test_an_expired_session_asks_to_sign_in_again(customer: Customer) -> None:
    async def expired(route: Route) -> None:
        problem = '{"slug":"unauthenticated","status":401,"title":"","detail":"the token has expired","request_id":"r"}'
        await route.fulfill(status=401, content_type="application/problem+json", body=problem)

    await customer.page.route("**/v1/confirmations", expired)
    await customer.enter("482177302")
    await expect(customer.page.locator(".sign-in")).to_contain_text("登录已过期")
    await customer.page.unroute("**/v1/confirmations")
    await customer.page.locator(".sign-in button.primary").click()
    await expect(customer.code).to_be_visible()


@pytest.mark.shows("CVP-12.1-8")
async def test_markup_and_bidi_controls_in_names_and_reports_are_shown_as_text(
    browser: Browser, bank: DemoBank, officer: Officer, exchange: Exchange
) -> None:
    registration = {
        "customer": {"id": "cust-0003", "name": SCRIPT + TURNED, "language": "en"},
        "numbers": [{"number": "+8613711112222", "added_at": now_iso(-86_400 * 30)}],
        "officers": [{"id": "4412", "name": SCRIPT, "branch": TURNED}],
        "product": SCRIPT[:80],
    }
    await _register_unchecked(bank, "XSS-1", registration)
    dialogs: list[str] = []
    officer.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await officer.page.locator("#search").fill("xss-1")
    await officer.page.locator(".row", has_text="XSS-1").click()
    await expect(officer.page.locator("h1")).to_contain_text(SCRIPT)
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected", "+8613711112222")
    await expect(officer.page.locator(".code")).to_be_visible()
    code = await officer.read_code()
    customer: Customer = await Customer.come(browser, bank, "en")
    customer.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await customer.sign_in("cust-0003")
    await expect(customer.page.locator(".told.connected")).to_contain_text(SCRIPT)
    await customer.enter(code)
    await expect(customer.page.locator(".who")).to_contain_text(SCRIPT)
    for person in (officer, customer):
        text = await person.page.locator("#page").inner_text()
        assert "\u202e" not in text, "a name must not change the direction of the text around it"
        assert await person.page.locator("#page img").count() == 0
    assert dialogs == []
    await customer.page.locator(".verdict .primary").click()
    await customer.go("/report")
    await customer.page.locator("summary").click()
    await customer.page.locator("#report-said").fill(SCRIPT + TURNED)
    await customer.page.get_by_role("button", name="Send the report").click()
    await expect(customer.page.locator("h1")).to_contain_text("We have your report")
    assert customer.defects() == []
    await customer.context.close()


async def test_an_unknown_address_shows_the_first_screen(customer: Customer) -> None:
    for route in ("/nowhere", "/calls/%E0%A4%A", "//evil.example", "/verdict"):
        await customer.go(route)
        await expect(customer.page.locator("main h1")).to_be_visible()
        assert await customer.page.locator(".verdict").count() == 0


async def _register_unchecked(bank: DemoBank, application_id: str, registration: dict[str, Any]) -> None:
    """Register without the API, which would refuse these names. Databases may hold such names from earlier versions."""
    service = await open_service(bank.config)
    await service.start()
    try:
        await service.applications.register(application_id, msgspec.convert(registration, Registration))
    finally:
        await service.stop()
        await service.context.storage.close()
