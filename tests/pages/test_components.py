"""The web components and the framed pages, in the page of a bank on another origin."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.api.conftest import RunningBank
from tests.node import CLIENTS
from tests.pages.host import FRAME, HostSite
from tests.pages.people import WATCHING, Customer, Exchange, Officer
from tests.pages.test_accessible import violations
from verifier.demo.bank import DemoBank

CHECK = "<call-check id={id} service='{service}' language='{language}' data-who='customer={customer}'></call-check>"
DESK = "<call-desk id=desk service='{service}' language=zh-CN data-who='officer=4412'></call-desk>"


@pytest.fixture(scope="module")
def host() -> Iterator[HostSite]:
    with HostSite() as site:
        yield site


@pytest.fixture(scope="module")
def bank(host: HostSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    folder = tmp_path_factory.mktemp("bank")
    with RunningBank(folder, component_origins=host.origin, frame_ancestors=host.origin) as running:
        host.bank = running
        yield running


class Visitor:
    """A person at the bank's own page. `errors` are those of the console."""

    def __init__(self, page: Page, host: HostSite, bank: DemoBank) -> None:
        self.page, self._host, self._bank = page, host, bank
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def check(self, id: str = "one", customer: str = "cust-0001", language: str = "zh-CN") -> str:
        return CHECK.format(id=id, service=self._bank.url, customer=customer, language=language)

    def address(self, body: str) -> str:
        return f"{self._host.origin}/?body={quote(body)}"

    async def open(self, body: str) -> None:
        await self.page.goto(self.address(body))

    async def told(self) -> list[Any]:
        found: list[Any] = await self.page.evaluate("told")
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser, host: HostSite, bank: DemoBank) -> AsyncIterator[Visitor]:
    context = await browser.new_context(locale="zh-CN", viewport={"width": 900, "height": 900})
    await context.add_init_script(WATCHING)
    page = await context.new_page()
    page.set_default_timeout(10_000)
    visitor = Visitor(page, host, bank)
    yield visitor
    await context.close()
    assert [each for each in visitor.errors if "Failed to load resource" not in each] == []


async def a_code(officer: Officer, exchange: Exchange) -> tuple[str, str]:
    await officer.go("/")
    await officer.prepare("王芳")
    await officer.page.locator("input[value=terms]").check()
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    return call_id, (await officer.read_code()).replace(" ", "")


@pytest.mark.shows("CVP-12.3-5", "CVP-12.3-6")
async def test_a_call_is_checked_in_a_page_of_another_origin_with_its_own_theme(
    visitor: Visitor, officer: Officer, exchange: Exchange
) -> None:
    call_id, code = await a_code(officer, exchange)
    await visitor.open(visitor.check())
    page = visitor.page
    before = await page.evaluate(
        "[location.href, document.title, document.documentElement.outerHTML.split('<body')[0]]"
    )
    await expect(page.locator("#one .told.connected")).to_be_visible()
    assert await page.evaluate("document.activeElement.id") == "own", "the component takes no focus"
    submit = page.locator("#one form .primary")
    await expect(submit).to_have_text("开始核实")
    style = (
        "(each) => { const s = getComputedStyle(each); return [s.backgroundColor, s.letterSpacing, s.borderRadius] }"
    )
    assert await submit.evaluate(style) == ["rgb(138, 21, 56)", "4px", "0px"]
    await page.locator("#one #code").fill(code)
    await submit.click()
    await expect(page.locator("#one .verdict.genuine")).to_be_visible()
    told = await visitor.told()
    assert [(each[0], each[1], each[2]["verdict"], each[2]["call_id"]) for each in told] == [
        ("one", "verdict", "genuine", call_id)
    ]
    assert code not in str(told)
    exchange.hears(call_id, "ended")
    await expect(page.locator("#one .verdict.over")).to_be_visible()
    assert (
        await page.evaluate("[location.href, document.title, document.documentElement.outerHTML.split('<body')[0]]")
        == before
    )
    assert await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") == "[{},{}]"


@pytest.mark.shows("CVP-12.3-5")
async def test_two_components_of_one_page_have_each_their_own_person_and_verdict(
    visitor: Visitor, officer: Officer, exchange: Exchange
) -> None:
    _, code = await a_code(officer, exchange)
    await visitor.open(visitor.check("one") + visitor.check("two", "cust-0002"))
    page = visitor.page
    for each in ("two", "one"):
        await page.locator(f"#{each} #code").fill(code)
    # Both ask at the same time.
    await page.evaluate(
        "for (const id of ['two', 'one']) document.getElementById(id).shadowRoot.querySelector('form .primary').click()"
    )
    await expect(page.locator("#one .verdict.genuine")).to_be_visible()
    await expect(page.locator("#two .verdict.not-genuine")).to_be_visible()
    assert await page.locator("#one .verdict").count() == await page.locator("#two .verdict").count() == 1
    assert {(each[0], each[2]["verdict"]) for each in await visitor.told()} == {
        ("one", "genuine"),
        ("two", "not_genuine"),
    }
    await page.locator("#two .danger").click()
    await expect(page.locator("#two fieldset")).to_be_visible()
    await expect(page.locator("#one .verdict.genuine")).to_be_visible()


@pytest.mark.shows("CVP-12.3-5")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_a_component_in_a_frame_is_accessible(
    visitor: Visitor, officer: Officer, exchange: Exchange, axe: str, language: str
) -> None:
    call_id, code = await a_code(officer, exchange)
    inside = visitor.address(visitor.check(language=language))
    await visitor.open(FRAME.format(address=inside))
    (frame,) = visitor.page.frames[1:]
    assert await violations(visitor.page, axe) == []
    await frame.locator("#code").fill(code)
    await frame.evaluate(axe)
    run = "axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations.map((each) => each.id))"
    await expect(frame.locator(".told.connected")).to_be_visible()
    assert await frame.evaluate(run) == []
    await frame.locator("form .primary").click()
    await expect(frame.locator(".verdict.genuine")).to_be_visible()
    assert await frame.evaluate(run) == []
    exchange.hears(call_id, "ended")
    await expect(frame.locator(".verdict.over")).to_be_visible()
    assert await frame.evaluate(run) == []


async def test_without_a_token_the_component_says_so_and_tries_again(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.open("<p>nothing</p>" + visitor.check())
    await expect(page.locator("#one #code")).to_be_visible()
    await page.evaluate("signedIn = false; one.tokenProvider = one.tokenProvider")
    await expect(page.locator("#one .sign-in")).to_contain_text("请先登录")
    assert ["one", "signed-out", None] in await visitor.told()
    await page.evaluate("signedIn = true")
    await page.locator("#one .sign-in .primary").click()
    await expect(page.locator("#one #code")).to_be_visible()


async def test_the_language_changes_and_a_removed_component_asks_nothing_more(visitor: Visitor, bank: DemoBank) -> None:
    page = visitor.page
    await visitor.open(visitor.check())
    await expect(page.locator("#one .status")).to_contain_text("更新于")
    await page.evaluate("one.setAttribute('language', 'en')")
    await expect(page.locator("#one form .primary")).to_have_text("Check")
    assert await page.evaluate("one.shadowRoot.querySelector('#page').lang") == "en"
    assert await page.evaluate("document.documentElement.lang") == "zh-CN"
    asked: list[str] = []
    await page.wait_for_timeout(300)
    page.on("request", lambda request: asked.append(request.url))
    await page.evaluate("globalThis.kept = one; one.remove()")
    await page.wait_for_timeout(2_500)
    assert asked == []
    await page.evaluate("document.body.append(kept)")
    await expect(page.locator("#one #code")).to_be_visible()


async def test_errors_are_told_and_nothing_unanswered_is_genuine(
    visitor: Visitor, officer: Officer, exchange: Exchange
) -> None:
    _, code = await a_code(officer, exchange)
    page = visitor.page
    await visitor.open(visitor.check())
    await page.locator("#one #code").fill(code)
    await page.route("**/v1/confirmations", lambda route: route.abort())
    await page.locator("#one form .primary").click()
    await expect(page.locator("#one .verdict.unavailable")).to_be_visible(timeout=20_000)
    assert ["one", "verdict", "unavailable"] in [
        [*each[:2], each[2] and each[2].get("verdict")] for each in await visitor.told()
    ]
    await page.route("**/facts.json", lambda route: route.abort())
    await page.evaluate("one.tokenProvider = one.tokenProvider")
    await expect(page.locator("#one .trouble")).to_be_visible()
    assert ["one", "error", {"slug": "unreachable", "request_id": None}] in await visitor.told()
    assert code not in str(await visitor.told())


@pytest.mark.parametrize("device", ["light", "dark"])
async def test_the_scheme_is_that_of_the_device_or_of_the_attribute(visitor: Visitor, device: str) -> None:
    grounds = {"light": "rgb(243, 245, 247)", "dark": "rgb(16, 21, 26)"}
    page = visitor.page
    await page.emulate_media(color_scheme="dark" if device == "dark" else "light")
    await visitor.open(visitor.check())
    for scheme, ground in ((None, grounds[device]), *grounds.items()):
        if scheme:
            await page.evaluate("(scheme) => one.setAttribute('scheme', scheme)", scheme)
        assert await page.evaluate("getComputedStyle(one).backgroundColor") == ground


@pytest.mark.parametrize("size", ["100%", "200%"])
async def test_a_component_follows_the_type_of_the_page_and_never_overflows(visitor: Visitor, size: str) -> None:
    await visitor.page.set_viewport_size({"width": 320, "height": 664})
    await visitor.open(f"<style nonce=n>html {{ font-size: {size} }}</style>" + visitor.check())
    await expect(visitor.page.locator("#one #code")).to_be_visible()
    widths = "[one.shadowRoot.querySelector('#page').scrollWidth, one.clientWidth]"
    wide, room = await visitor.page.evaluate(widths)
    assert wide <= room
    sizes = "['#main', 'form .primary'].map((each) => getComputedStyle(one.shadowRoot.querySelector(each)).fontSize)"
    text, button = await visitor.page.evaluate(sizes)
    assert text == button == ("16px" if size == "100%" else "32px")


@pytest.mark.shows("CVP-12.3-5")
async def test_an_officer_gets_a_code_in_a_page_of_another_origin(
    visitor: Visitor, exchange: Exchange, bank: DemoBank, axe: str
) -> None:
    page = visitor.page
    await visitor.open(DESK.format(service=bank.url))
    at = page.url
    await page.locator("#desk .row", has_text="王芳").first.click()
    await page.locator("#desk input[value=terms]").check()
    assert await violations(page, axe) == []
    async with page.expect_response("**/calls") as answer:
        await page.locator("#desk section.card button.primary").click()
    call_id = (await (await answer.value).json())["call"]["call_id"]
    exchange.hears(call_id, "connected")
    await expect(page.locator("#desk .code")).to_be_visible()
    code = await page.locator("#desk .code").inner_text()
    assert page.url == at
    assert code.replace(" ", "") not in str(await visitor.told()).replace(" ", "")


@pytest.mark.shows("CVP-12.3-3")
async def test_a_framed_page_gets_its_token_from_the_page_around_it(visitor: Visitor, bank: DemoBank) -> None:
    await visitor.open(FRAME.format(address=f"{bank.url}/app/"))
    frame = visitor.page.frame_locator("iframe")
    await expect(frame.locator("#code")).to_be_visible()
    await expect(frame.locator(".status")).to_contain_text("更新于")
    assert await frame.get_by_role("button", name="退出").count() == 0
    assert {"acrValues", "id", "type"} == set((await visitor.page.evaluate("asked"))[0])


@pytest.mark.shows("CVP-12.3-3")
async def test_a_page_of_another_origin_can_neither_frame_a_page_nor_give_it_a_token(
    browser: Browser, host: HostSite, bank: DemoBank
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    # The same site under another name is another origin.
    other = host.origin.replace("127.0.0.1", "localhost")
    await page.goto(f"{other}/?body={quote(FRAME.format(address=f'{bank.url}/app/'))}")
    await page.wait_for_timeout(500)
    assert any("frame-ancestors" in each for each in said)
    assert await page.frame_locator("iframe").locator("#page").count() == 0
    assert await page.evaluate("asked") == []
    await context.close()


@pytest.mark.shows("CVP-12.3-3")
async def test_an_answer_of_a_page_that_is_not_named_is_not_taken(
    visitor: Visitor, bank: DemoBank, host: HostSite
) -> None:
    """The page itself checks who answers, besides the policy that a browser enforces."""
    other = host.origin.replace("127.0.0.1", "localhost")

    async def named(route: Any) -> None:
        facts = await (await route.fetch()).json()
        await route.fulfill(json={**facts, "frame_ancestors": [other]})

    await visitor.page.route("**/app/facts.json", named)
    known = "00000000-0000-4000-8000-000000000000"
    await visitor.page.add_init_script(f"crypto.randomUUID = () => '{known}'")
    await visitor.page.clock.install()
    await visitor.open(FRAME.format(address=f"{bank.url}/app/"))
    await expect(visitor.page.frame_locator("iframe").locator("body")).to_be_visible()
    await visitor.page.wait_for_timeout(1_000)
    # An answer with everything right but its origin.
    answer = {"type": "callback-verification:token", "id": known, "token": bank.customer("cust-0001")}
    await visitor.page.evaluate("(answer) => frames[0].postMessage(answer, '*')", answer)
    await visitor.page.clock.fast_forward(11_000)
    await expect(visitor.page.frame_locator("iframe").locator(".sign-in")).to_contain_text("请先登录")
    assert await visitor.page.evaluate("asked") == []
    visitor.errors[:] = [each for each in visitor.errors if "postMessage" not in each]


async def test_an_app_gives_the_page_in_its_web_view_a_token(browser: Browser, bank: DemoBank) -> None:
    for bridge in ("(asked) => (JSON.parse(asked).acrValues, '{token}')", "async () => '{token}'"):
        script = (
            f"globalThis.callbackVerificationHost = {{ token: {bridge.format(token=bank.customer('cust-0001'))} }};"
        )
        customer: Customer = await Customer.come(browser, bank, script=script)
        await expect(customer.code).to_be_visible()
        await expect(customer.page.locator(".status")).to_contain_text("更新于")
        assert await customer.page.get_by_role("button", name="退出").count() == 0
        await customer.context.close()
        assert customer.defects() == []


# The native side of each bridge, as the sample's app has it. It answers with the token, after a moment.
NATIVE = {
    "android": (
        "const bankTokens = { postMessage: (text) => setTimeout(() => bankTokens.onmessage("
        "{ data: JSON.stringify({ id: JSON.parse(text).id, token: TOKEN }) }), 50) };"
    ),
    "ios": (
        "globalThis.webkit = { messageHandlers: { bankTokens: { postMessage: async (asked) => "
        "(JSON.parse(asked).acrValues, TOKEN) } } };"
    ),
    "react-native": (
        "globalThis.ReactNativeWebView = { postMessage: (text) => setTimeout(() => "
        "callbackVerificationAnswer(JSON.parse(text).id, TOKEN), 50) };"
    ),
}


@pytest.mark.parametrize("sample", [*NATIVE])
async def test_the_bridge_of_each_sample_gives_the_page_the_token_of_the_app(
    browser: Browser, bank: DemoBank, sample: str
) -> None:
    bridge = (CLIENTS / f"samples/{sample}/token-bridge.js").read_text(encoding="utf-8")
    if sample == "react-native":
        (bridge,) = re.findall(r"TOKEN_BRIDGE = `(.*?)`;", bridge, re.DOTALL)
    native = NATIVE[sample].replace("TOKEN", f"'{bank.customer('cust-0001')}'")
    customer: Customer = await Customer.come(browser, bank, script=native + bridge)
    await expect(customer.code).to_be_visible()
    await expect(customer.page.locator(".status")).to_contain_text("更新于")
    await customer.context.close()
    assert customer.defects() == []
