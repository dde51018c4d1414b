"""The officer's desk for a day of many calls: queue, limits, keys, the moment the code appears, tabs by role."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.api.conftest import RunningBank
from tests.node import CLIENTS, program, run
from tests.pages.people import Exchange, LoanSystem, Officer
from tests.pages.test_accessible import violations
from verifier.demo import company
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

FOCUSED = "document.activeElement.closest('a, button, h1, input')?.innerText ?? ''"


def announced(begins_h: float, ends_h: float, purpose: str = "documents") -> list[dict[str, str]]:
    now = datetime.now(UTC)
    times = {"not_before": begins_h, "not_after": ends_h}
    return [{"purpose": purpose, **{name: (now + timedelta(hours=h)).isoformat() for name, h in times.items()}}]


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as running:
        loans = LoanSystem(running)
        loans.register("LN-2026-0001", announced_calls=announced(-1, 1))
        loans.register("LN-2026-0003", announced_calls=announced(2, 3, "terms"))
        loans.register("LN-2026-0005", announced_calls=announced(-3, -2))
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def keys(officer: Officer) -> AsyncIterator[Any]:
    """Presses keys, and counts them."""
    pressed: list[str] = []

    async def press(*given: str) -> int:
        for each in given:
            pressed.append(each)
            await officer.page.keyboard.press(each)
        return len(pressed)

    yield press


async def at_code(officer: Officer, exchange: Exchange, number: str = "+8613800138000") -> str:
    """Wait for the issued call, connect it, and wait for its code. Return its id."""
    await officer.page.wait_for_url("**/call/call_*")
    call_id = officer.page.url.rsplit("/", 1)[1]
    exchange.hears(call_id, "connected", number)
    await expect(officer.page.locator(".code")).to_be_visible()
    return call_id


@pytest.mark.shows("CVP-7.5-31")
async def test_the_queue_is_above_the_list_and_begins_with_what_is_due(officer: Officer) -> None:
    rows = officer.page.locator(".queue .row")
    await expect(rows).to_have_count(3)
    for row, (name, state) in enumerate((("王芳", "现在可拨"), ("孙强", "稍后"), ("吴敏", "已错过"))):
        await expect(rows.nth(row)).to_contain_text(name)
        await expect(rows.nth(row)).to_contain_text(state)
    await expect(officer.page.locator("p[role=status]").last).to_contain_text("已显示 50 笔")


@pytest.mark.shows("CVP-12.1-32")
async def test_keys_lead_from_the_list_to_the_code_and_on_to_the_next(
    officer: Officer, exchange: Exchange, keys: Any
) -> None:
    await expect(officer.page.locator(".queue .row")).to_have_count(3)
    await keys("n")
    await expect(officer.page.locator("h1")).to_have_text("王芳")
    assert await keys("g") <= 6
    call_id = await at_code(officer, exchange)
    exchange.hears(call_id, "ended")
    await keys("n")
    await expect(officer.page.locator("h1")).to_have_text("孙强")
    await keys("l")
    await expect(officer.page.locator("#search")).to_be_visible()
    await expect(officer.page.locator(".queue .row").last).to_contain_text("已通话")
    await keys("j", "j")
    assert "吴敏" in await officer.page.evaluate(FOCUSED)
    await keys("k")
    assert "孙强" in await officer.page.evaluate(FOCUSED)
    await keys("/")
    await officer.page.keyboard.type("sq")
    await expect(officer.page.locator(".rows:not(.queue) .row").first).to_contain_text("孙强")
    assert await officer.page.evaluate("document.activeElement.id") == "search", "letters are typed, not pressed"
    await officer.page.locator("#search").fill("")


@pytest.mark.shows("CVP-12.1-32")
async def test_the_sheet_lists_the_keys_keeps_the_focus_and_turns_them_off(officer: Officer, keys: Any) -> None:
    await officer.page.locator(".queue .row", has_text="王芳").focus()
    await keys("?")
    sheet = officer.page.get_by_role("dialog", name="快捷键")
    await expect(sheet).to_contain_text("下一位客户")
    for _ in range(5):
        await keys("Tab")
        assert await officer.page.evaluate("document.activeElement.closest('.sheet') !== null")
    await keys("Escape")
    await expect(sheet).to_have_count(0)
    assert "王芳" in await officer.page.evaluate(FOCUSED), "the focus is back"
    await keys("?")
    await sheet.get_by_label("启用单键快捷键").uncheck()
    await sheet.get_by_role("button", name="关闭").click()
    await keys("t")
    await officer.page.wait_for_timeout(200)
    assert officer.page.url.endswith("/officer/") or officer.page.url.endswith("#/")
    await officer.page.get_by_role("button", name="快捷键").click()
    await sheet.get_by_label("启用单键快捷键").check()
    await keys("Escape", "t")
    await expect(officer.page.locator("h1")).to_have_text("今日通话")


@pytest.mark.shows("CVP-12.1-33", "CVP-12.1-35")
async def test_the_code_comes_with_a_title_a_link_to_dial_and_a_copy(officer: Officer, exchange: Exchange) -> None:
    page = officer.page
    await officer.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await officer.prepare("王芳")
    await officer.get_code()
    dial = page.get_by_role("link", name="拨打 +86 138 0013 8000")
    assert await dial.get_attribute("href") == "tel:+8613800138000"
    await at_code(officer, exchange)
    code = (await officer.read_code()).replace(" ", "")
    title = await page.title()
    assert title.startswith("● ")
    assert "王芳" in title
    assert code not in title.replace(" ", "")
    await page.keyboard.press("c")
    await expect(page.locator("#announcements")).to_have_text("核实码已复制。")
    assert await page.evaluate("navigator.clipboard.readText()") == code
    said = await page.locator("blockquote").inner_text()
    assert "不用挂断" in said
    assert "卡背面" in said
    spoken = "".join(each for each in said if each.isdigit())
    assert spoken == "4412", "no number to ring, only the staff number"
    assert await page.locator(".left").evaluate("e => e.closest('[aria-live], [role=status]') === null")


async def test_the_title_is_plain_again_when_the_code_is_gone(officer: Officer, exchange: Exchange) -> None:
    await officer.prepare("王芳")
    await officer.get_code()
    call_id = await at_code(officer, exchange)
    exchange.hears(call_id, "ended")
    await expect(officer.page.locator(".told")).to_contain_text("电话已挂断")
    assert (await officer.page.title()).startswith("王芳")


@pytest.mark.shows("CVP-12.1-36")
async def test_a_code_is_cancelled_only_after_a_question_and_while_it_can_be_used(
    officer: Officer, exchange: Exchange
) -> None:
    page = officer.page
    await officer.prepare("王芳")
    await officer.get_code()
    await at_code(officer, exchange)
    await page.keyboard.press("x")
    assert await page.evaluate(FOCUSED) == "保留", "a second press of Enter cancels nothing"
    await page.keyboard.press("Enter")
    await expect(page.locator(".code")).to_be_visible()
    await page.get_by_role("button", name="作废本次核实码").click()
    await page.get_by_role("button", name="作废", exact=True).click()
    await expect(page.locator(".told")).to_contain_text("已作废")
    await expect(page.get_by_role("button", name="作废")).to_have_count(0)
    assert await page.evaluate("document.activeElement.tagName") != "BODY"


@pytest.mark.shows("CVP-12.1-31")
async def test_the_limits_are_shown_before_the_code_is_asked_for(browser: Browser) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="bank-") as folder,
        RunningBank(Path(folder), daily_cap=1, person_daily_cap=1) as bank,
    ):
        added = now_iso(-3600)
        two = [{"number": "+8613911110000", "added_at": added}, {"number": "+8613900139000", "added_at": "2026-01-05"}]
        two[1]["added_at"] = now_iso(-90 * 86_400)
        LoanSystem(bank).register("LN-2026-0003", numbers=two)
        officer: Officer = await Officer.come(browser, bank)
        await officer.sign_in("4412")
        await officer.prepare("孙强")
        page = officer.page
        assert await page.get_by_label("+86 139 0013 9000").is_checked(), "a number that may be called is chosen"
        await expect(page.locator(".told.doubt")).to_have_count(0)
        await page.get_by_label("+86 139 1111 0000").check()
        await expect(page.locator(".told.doubt")).to_contain_text("号码登记未满规定时间")
        await expect(page.locator(".badge.doubt")).to_contain_text("后可拨")
        await page.get_by_label("+86 139 0013 9000").check()
        await officer.get_code()
        await officer.go("/application/LN-2026-0003")
        await expect(page.locator(".told.doubt")).to_contain_text("上限")
        await expect(page.get_by_label("+86 139 0013 9000")).to_be_visible()
        await expect(page.locator("section.card")).to_contain_text("每笔申请每天最多 1 次")
        await expect(page.locator(".badge", has_text="今天已拨 1 次").first).to_be_visible()
        assert officer.defects() == []
        await officer.context.close()


@pytest.mark.shows("CVP-12.1-34")
@pytest.mark.parametrize(
    ("person", "tabs", "heading"),
    [
        ("4412", ["客户", "今日通话", "审批"], "我的申请"),
        ("9001", ["审批", "停用人员"], "例外审批"),
        ("5101", [], "您的账号没有本页的权限"),
    ],
)
async def test_each_role_has_its_own_tabs(
    browser: Browser, bank: DemoBank, person: str, tabs: list[str], heading: str
) -> None:
    staff: Officer = await Officer.come(browser, bank)
    await staff.page.locator(".sign-in button.primary").click()
    await staff.page.locator(f"button[value='{person}']").click()
    await expect(staff.page.locator("h1")).to_have_text(heading)
    assert await staff.page.locator("nav a").all_inner_texts() == tabs
    await staff.go("/application/LN-2026-0001")
    await expect(staff.page.locator("h1")).to_have_text("王芳" if person == "4412" else heading)
    assert staff.defects() == []
    await staff.context.close()


async def test_the_focus_is_on_the_first_new_entry_after_more(officer: Officer) -> None:
    await officer.page.get_by_role("button", name="更多").click()
    rows = officer.page.locator(".rows:not(.queue) .row")
    await expect(rows).not_to_have_count(50)
    assert await officer.page.evaluate(FOCUSED) == await rows.nth(50).inner_text()


NUMBERS = {
    "+8613800138000": "+86 138 0013 8000",
    "+861082345678": "+86 10 8234 5678",
    "+864008008000": "+86 400 800 8000",
    "+14155552671": "+1 415 555 2671",
    "+85223456789": "+852 2345 6789",
    "+886912345678": "+886 912 345 678",
    "+351912345678": "+351 912 345 678",
    "+971501234567": "+971 501 234 567",
    "+442079460123": "+44 207 946 0123",
    "+861095588": "+86 10 95588",
}


def test_numbers_of_all_countries_are_grouped_by_their_country_code(npm: str) -> None:
    language = (CLIENTS / "web/language.js").as_uri()
    script = f"const {{ phone }} = await import('{language}'); console.log(JSON.stringify({list(NUMBERS)}.map(phone)))"
    done = run(program("node"), "--input-type=module", "-e", script)
    assert dict(zip(NUMBERS, json.loads(done.stdout), strict=True)) == NUMBERS


OVERLAPS = """() => [...document.querySelectorAll("label.choice")].flatMap((label) => {
  const input = label.querySelector("input").getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(label.lastChild);
  const text = range.getBoundingClientRect();
  const whole = label.getBoundingClientRect();
  return text.left < input.right || text.right > whole.right + 1 ? [label.innerText] : [];
})"""


@pytest.mark.parametrize(("width", "type_size"), [(320, 100), (390, 200), (320, 200), (1280, 100), (1280, 200)])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_nothing_overflows_or_overlaps_on_any_screen(
    browser: Browser, bank: DemoBank, exchange: Exchange, axe: str, language: str, width: int, type_size: int
) -> None:
    larger = f"addEventListener('DOMContentLoaded', () => (document.documentElement.style.fontSize = '{type_size}%'))"
    LoanSystem(bank).register(company.APPLICATION, **company.facts(company.FINANCE, company.LEGAL))
    officer: Officer = await Officer.come(browser, bank, language, script=larger)
    await officer.page.set_viewport_size({"width": width, "height": 664})
    await officer.sign_in("4412")

    async def look(name: str) -> None:
        await officer.page.wait_for_timeout(300)  # until nothing fades in
        assert await officer.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        assert await officer.page.evaluate(OVERLAPS) == [], name
        assert await violations(officer.page, axe) == [], name

    await look("list")
    await officer.page.keyboard.press("?")
    await look("sheet")
    await officer.page.keyboard.press("Escape")
    await officer.go(f"/application/{company.APPLICATION}")
    await expect(officer.page.locator(".contact").first).to_be_visible()
    await look("contacts")
    await officer.go("/application/LN-2026-0001")
    await expect(officer.page.locator("h1")).to_have_text("王芳")
    await look("prepared")
    await officer.get_code()
    await look("to dial")
    await at_code(officer, exchange)
    await officer.page.keyboard.press("x")
    await look("code")
    await officer.go("/today")
    await expect(officer.page.locator(".row").first).to_be_visible()
    await look("today")
    assert officer.defects() == []
    await officer.context.close()


async def measured(page: Page) -> dict[str, float]:
    """What the page holds in memory after a garbage collection."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    await session.send("Performance.enable")
    found = await session.send("Performance.getMetrics")
    await session.detach()
    return {each["name"]: each["value"] for each in found["metrics"]}


@pytest.mark.slow
@pytest.mark.shows("CVP-12.1-32")
async def test_fifty_calls_in_a_row_need_no_reload_and_no_more_memory(browser: Browser) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="bank-") as folder,
        RunningBank(Path(folder), daily_cap=100, person_daily_cap=100) as bank,
    ):
        exchange = Exchange(bank)
        officer: Officer = await Officer.come(browser, bank)
        await officer.sign_in("4412")
        page = officer.page
        await page.evaluate("globalThis.loaded = 1")

        async def one_call() -> None:
            await officer.prepare("王芳")
            await page.keyboard.press("g")
            call_id = await at_code(officer, exchange)
            exchange.hears(call_id, "ended")
            await expect(page.locator(".told")).to_contain_text("电话已挂断")
            await page.keyboard.press("x")
            await page.get_by_role("button", name="作废", exact=True).click()
            await expect(page.locator(".told")).to_contain_text("已作废")
            await page.keyboard.press("l")
            await expect(page.locator("#search")).to_be_visible()

        for _ in range(10):
            await one_call()
        before = await measured(page)
        for _ in range(40):
            await one_call()
        after = await measured(page)
        assert await page.evaluate("globalThis.loaded") == 1
        for held in ("JSHeapUsedSize", "Nodes", "JSEventListeners"):
            assert after[held] < before[held] * 1.15, (held, before[held], after[held])
        assert officer.defects() == []
        await officer.context.close()
