"""What both pages say without a code: a call is expected, rings, goes on, or cannot be checked (laws L6, L13)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.api.conftest import RunningBank
from tests.pages.people import Customer, Exchange, Officer
from tests.pages.test_accessible import violations
from verifier.demo.bank import DemoBank

SILENCE_S = 5
SAYS = {
    "zh-CN": {
        "calm": "我们现在没有给您打电话",
        "expected": "我们准备给您打电话",
        "ringing": "我们正在拨打您的电话",
        "connected": "我们正在与您通话",
        "doubt": "现在无法确认我们是否在给您打电话",
    },
    "en": {
        "calm": "We are not calling you",
        "expected": "We are about to call you",
        "ringing": "We are calling you now",
        "connected": "We are on the phone with you now",
        "doubt": "We cannot check now whether we are calling you",
    },
}
# The colours of the card and of everything in it, as [red, green, blue].
COLOURS = """
[...document.querySelectorAll(".status, .status *")].flatMap((each) => {
  const { color, backgroundColor, borderTopColor, borderTopWidth, fill } = getComputedStyle(each);
  return [color, backgroundColor, fill, ...(borderTopWidth === "0px" ? [] : [borderTopColor])];
}).map((each) => each.match(/[\\d.]+/g)?.map(Number) ?? []).filter((each) => each.length === 3)
"""
# Records the tones that the page plays.
HEARD = """
globalThis.tones = [];
const Oscillator = OscillatorNode;
globalThis.OscillatorNode = class extends Oscillator {
  constructor(audio, options) { super(audio, options); tones.push(options.frequency); }
};
"""


@pytest.fixture(scope="module")
def quick_bank() -> Iterator[DemoBank]:
    """A bank whose telephone exchange counts as silent after 5 seconds."""
    with (
        tempfile.TemporaryDirectory(prefix="bank-") as folder,
        RunningBank(Path(folder), leg_silence_seconds=SILENCE_S) as running,
    ):
        yield running


@pytest.fixture
def quick_exchange(quick_bank: DemoBank) -> Iterator[Exchange]:
    made = Exchange(quick_bank)
    yield made
    quick_bank.exchange_silent = False
    made.hang_up()


async def issue(officer: Officer) -> str:
    await officer.go("/")
    await officer.prepare("王芳")
    return await officer.get_code()


async def withdraw(officer: Officer) -> None:
    """Close the open call, so that the next test begins with the status `none`."""
    danger = officer.page.locator("button.danger")
    await danger.first.click()
    await danger.last.click()
    await expect(danger.first).to_be_hidden()


@pytest.mark.shows("CVP-12.1-12")
@pytest.mark.parametrize(("language", "scheme"), [("zh-CN", "light"), ("en", "dark")])
async def test_each_state_has_words_a_shape_a_colour_and_a_sound_of_its_own_and_none_is_green(
    browser: Browser, quick_bank: DemoBank, quick_exchange: Exchange, axe: str, language: str, scheme: str
) -> None:
    customer: Customer = await Customer.come(browser, quick_bank, language, scheme, script=HEARD)
    await customer.sign_in("cust-0001")
    # Browsers allow sound after the first touch.
    await customer.page.locator("h2").last.click()
    officer: Officer = await Officer.come(browser, quick_bank, language)
    await officer.sign_in("4412")
    card = customer.page.locator(".status")
    looks: dict[str, tuple[str, ...]] = {}

    async def told(kind: str) -> None:
        await expect(card.locator(f".told.{kind}")).to_contain_text(SAYS[language][kind], timeout=20_000)
        icon = await card.locator("svg").get_attribute("class") or ""
        box = await card.locator(".told").evaluate("(each) => getComputedStyle(each).backgroundColor")
        tones = str(await customer.page.evaluate("tones.splice(0)"))
        looks[kind] = (icon, box, tones)
        assert kind == "calm" or tones != "[]"
        for red, green, blue in await customer.page.evaluate(COLOURS):
            assert green <= max(red, blue) + 8, f"{kind} is green: {red} {green} {blue}"
        await customer.page.wait_for_timeout(200)
        assert await violations(customer.page, axe) == [], kind

    await told("calm")
    call_id = await issue(officer)
    await told("expected")
    quick_exchange.hears(call_id, "ringing")
    await told("ringing")
    await expect(officer.page.locator(".told")).to_contain_text("+86 138 0013 8000")
    assert await violations(officer.page, axe) == []
    assert await officer.page.locator(".code").count() == 0, "no code while it rings"
    quick_exchange.hears(call_id, "connected")
    await told("connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    quick_bank.exchange_silent = True
    await told("doubt")
    for each in zip(*looks.values(), strict=True):
        assert len(set(each)) == len(looks), "no two states look or sound alike"
    assert await card.locator("[role=status]").count() == 1
    quick_bank.exchange_silent = False
    await told("connected")
    await withdraw(officer)
    assert officer.defects() == customer.defects() == []
    await officer.context.close()
    await customer.context.close()


@pytest.mark.shows("CVP-12.1-10", "CVP-12.1-12")
async def test_a_verdict_is_not_green_while_the_exchange_is_silent(
    browser: Browser, quick_bank: DemoBank, quick_exchange: Exchange
) -> None:
    officer: Officer = await Officer.come(browser, quick_bank)
    await officer.sign_in("4412")
    customer: Customer = await Customer.come(browser, quick_bank)
    await customer.sign_in("cust-0001")
    call_id = await issue(officer)
    quick_exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    await customer.enter(await officer.read_code())
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
    quick_bank.exchange_silent = True
    await expect(customer.page.locator(".verdict.lost")).to_be_visible(timeout=20_000)
    await expect(customer.banner).to_contain_text("现在无法确认通话是否仍在进行")
    await expect(customer.page.get_by_role("heading", name="这通电话可能会问")).to_be_hidden()
    quick_bank.exchange_silent = False
    await expect(customer.page.locator(".verdict.genuine")).to_be_visible(timeout=10_000)
    await officer.context.close()
    await customer.context.close()


@pytest.mark.shows("CVP-12.1-13")
async def test_the_officers_console_says_that_the_exchange_is_silent(
    browser: Browser, quick_bank: DemoBank, quick_exchange: Exchange
) -> None:
    officer: Officer = await Officer.come(browser, quick_bank)
    await officer.sign_in("4412")
    await expect(officer.page.locator(".row").first).to_be_visible()
    await expect(officer.page.locator(".silent")).to_have_count(0)
    quick_bank.exchange_silent = True
    await expect(officer.page.locator(".told.silent")).to_contain_text("电话系统没有响应", timeout=30_000)
    await issue(officer)
    await expect(officer.page.locator(".told.silent")).to_be_visible()
    quick_bank.exchange_silent = False
    await expect(officer.page.locator(".silent")).to_have_count(0, timeout=30_000)
    await withdraw(officer)
    assert officer.defects() == []
    await officer.context.close()


@pytest.mark.shows("CVP-12.1-10")
@pytest.mark.parametrize("mode", ["observed", "off"])
async def test_without_required_legs_a_confirmed_call_is_green_although_no_status_says_on_call(
    browser: Browser, mode: str
) -> None:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder), leg_mode=mode) as bank:
        officer: Officer = await Officer.come(browser, bank)
        await officer.sign_in("4412")
        customer: Customer = await Customer.come(browser, bank)
        await customer.sign_in("cust-0001")
        await issue(officer)
        await expect(customer.page.locator(".status .told.expected")).to_be_visible()
        await customer.enter(await officer.read_code())
        await expect(customer.page.locator(".verdict.genuine")).to_be_visible()
        await withdraw(officer)
        await expect(customer.page.locator(".verdict.over")).to_be_visible()
        await officer.context.close()
        await customer.context.close()
