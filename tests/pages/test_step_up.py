"""The officer's console follows the challenge for a stronger sign-in, and comes back (RFC 9470, CVP-2.2-4)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Request, expect

from tests.api.conftest import RunningBank
from tests.pages.people import Exchange, Officer
from verifier.demo.bank import STAFF, DemoBank
from verifier.demo.issuer import STRONG

LI_WEI, ZHOU_MIN = "4412", "9001"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    """A bank that asks for phishing-resistant sign-ins."""
    with RunningBank(tmp_path_factory.mktemp("bank"), staff_acr=STRONG, staff_amr="hwk") as running:
        yield running


@pytest.fixture
def exchange(bank: DemoBank) -> Iterator[Exchange]:
    made = Exchange(bank)
    yield made
    made.hang_up()


class Asked(list[dict[str, str]]):
    """The parameters of each authorization request that a page has sent."""

    def __init__(self, person: Officer) -> None:
        super().__init__()
        person.page.on("request", self._add)

    def _add(self, request: Request) -> None:
        if urlsplit(request.url).path.endswith("/authorize") and request.method == "GET":
            self.append({name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()})


@pytest_asyncio.fixture(loop_scope="session")
async def officer(browser: Browser, bank: DemoBank) -> AsyncIterator[Officer]:
    person: Officer = await Officer.come(browser, bank)
    await person.sign_in(LI_WEI)
    yield person
    await person.context.close()
    assert person.defects() == []


@pytest.mark.shows("CVP-2.2-4")
async def test_the_officer_signs_in_again_comes_back_and_gets_the_code(
    officer: Officer, exchange: Exchange, tmp_path: Path
) -> None:
    asked = Asked(officer)
    await officer.prepare("王芳")
    here = officer.page.url
    await officer.page.locator("input[value=terms]").check()
    await officer.page.locator("section.card button.primary").click()
    # The provider asks again, although the officer is signed in there.
    await officer.page.locator("[role=note]").wait_for()
    assert [each.get("acr_values") for each in asked] == [STRONG]
    await officer.page.locator(f"button[value='{LI_WEI}']").click()
    await expect(officer.page.locator("legend").first).to_be_visible()
    assert officer.page.url == here
    # What was chosen is chosen again, and no number was stored.
    assert await officer.page.locator("input[value=terms]").is_checked()
    assert await officer.page.evaluate("sessionStorage.getItem('chosen')") is None
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    assert len(asked) == 1


@pytest.mark.shows("CVP-2.2-4")
async def test_a_supervisor_signs_in_again_and_comes_back_to_the_suspensions(browser: Browser, bank: DemoBank) -> None:
    supervisor: Officer = await Officer.come(browser, bank, "en")
    await supervisor.sign_in(ZHOU_MIN)
    await supervisor.go("/staff")

    async def suspend() -> None:
        await supervisor.page.locator("#staff-number").fill("4850")
        await supervisor.page.locator("#suspension-reason").fill("an inquiry")
        await supervisor.page.get_by_role("button", name="Suspend", exact=True).click()

    await suspend()
    await expect(supervisor.page.locator("[role=note]")).to_contain_text("A security key is needed.")
    await supervisor.page.locator(f"button[value='{ZHOU_MIN}']").click()
    await suspend()
    await expect(supervisor.page.locator(".plain .badge").first).to_have_text("In force")
    await supervisor.context.close()
    assert supervisor.defects() == []


@pytest.mark.shows("CVP-2.2-4")
async def test_a_provider_that_signs_in_no_more_strongly_makes_no_loop(officer: Officer) -> None:
    """The provider may ignore `acr_values` (OpenID Connect Core 1.0 section 5.5.1.1)."""
    asked = Asked(officer)

    async def plain(route: object) -> None:
        address = re.sub(r"&acr_values=[^&]*", "", route.request.url)  # type: ignore[attr-defined]
        await route.continue_(url=address)  # type: ignore[attr-defined]

    await officer.page.route("**/authorize?*", plain)
    await officer.prepare("王芳")
    await officer.page.locator("section.card button.primary").click()
    await officer.page.wait_for_url("**/officer/**")
    await expect(officer.page.locator("legend").first).to_be_visible()
    await officer.page.locator("section.card button.primary").click()
    alert = officer.page.locator(".sign-in[role=alert]")
    await expect(alert).to_contain_text("需要更安全的登录方式")
    await officer.page.wait_for_timeout(500)
    assert len(asked) == 1
    # They can try again by themselves.
    await alert.get_by_role("button").click()
    await expect(officer.page.locator("legend").first).to_be_visible()
    assert len(asked) == 2


@pytest.mark.shows("CVP-2.2-4", "CVP-12.3-3")
async def test_an_app_around_the_console_is_asked_for_the_stronger_sign_in(
    browser: Browser, bank: DemoBank, exchange: Exchange
) -> None:
    weak = bank.officer(LI_WEI)
    strong = bank.issuer.mint(STAFF, LI_WEI, ["officer"], acr=STRONG, amr=["hwk"])
    script = f"""
    globalThis.asked = [];
    globalThis.held = "{weak}";
    globalThis.callbackVerificationHost = {{
      token: async (text) => {{
        const {{ acrValues }} = JSON.parse(text);
        if (acrValues) asked.push(acrValues), (held = "{strong}");
        return held;
      }},
    }};
    """
    officer: Officer = await Officer.come(browser, bank, script=script)
    await officer.prepare("孙强")
    here = officer.page.url
    await officer.page.locator("input[value=terms]").check()
    await officer.page.locator("section.card button.primary").click()
    await officer.page.wait_for_function("asked.length")
    await expect(officer.page.locator("legend").first).to_be_visible()
    assert officer.page.url == here
    assert await officer.page.locator("input[value=terms]").is_checked()
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected", "+8613900139000")
    await expect(officer.page.locator(".code")).to_be_visible()
    assert await officer.page.evaluate("asked") == [[STRONG]]
    await officer.context.close()
    assert officer.defects() == []
