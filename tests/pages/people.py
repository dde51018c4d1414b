"""An officer and a customer in a real browser, each in a context of their own."""

from __future__ import annotations

import re
import shutil
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from tests.api.conftest import SystemSession
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""

# Report policy violations as console errors, and count the person's clicks and pastes.
WATCHING = """
addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
globalThis.acts = 0;
for (const kind of ["click", "paste"]) addEventListener(kind, (event) => (acts += event.isTrusted ? 1 : 0), true);
"""
DAY_OFF = """
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...given) { given.length ? super(...given) : super(Real.now() + 86_400_000); }
  static now() { return Real.now() + 86_400_000; }
};
"""


class Person:
    """A person at a page. `errors` holds the console errors."""

    home = ""

    def __init__(self, bank: DemoBank, context: BrowserContext, page: Page) -> None:
        self.bank = bank
        self.context = context
        self.page = page
        self.errors: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    @classmethod
    async def come(
        cls,
        browser: Browser,
        bank: DemoBank,
        language: str = "zh-CN",
        scheme: str = "light",
        script: str = "",
        **more: Any,
    ) -> Any:
        """Open the bank's page in a new browser context."""
        context = await browser.new_context(
            locale=language, color_scheme=scheme, viewport=PHONE if cls is Customer else DESK, **more
        )
        await context.add_init_script(WATCHING + script)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        person = cls(bank, context, page)
        await page.goto(f"{bank.url}/{cls.home}/")
        return person

    async def sign_in(self, subject: str) -> None:
        await self.page.locator(".sign-in button.primary").click()
        await self.page.locator(f"button[value='{subject}']").click()
        await expect(self.page.locator("nav")).to_be_visible()

    async def go(self, route: str) -> None:
        await self.page.evaluate("route => { location.hash = '#' + route }", route)

    async def acts(self) -> int:
        """The number of clicks and pastes since the page was loaded."""
        return int(await self.page.evaluate("acts"))

    def defects(self) -> list[str]:
        """Console errors that a lost connection or a refusal does not explain."""
        return [each for each in self.errors if "Failed to load resource" not in each]


class Officer(Person):
    home = "officer"

    async def prepare(self, name: str) -> None:
        await self.page.locator(".row", has_text=name).first.click()
        await expect(self.page.locator("legend").first).to_be_visible()

    async def get_code(self) -> str:
        """Press the button, and return the id of the issued call."""
        await self.page.locator("section.card button.primary").click()
        await self.page.wait_for_url(re.compile(r"#/call/call_"))
        return self.page.url.rsplit("/", 1)[1]

    async def read_code(self) -> str:
        return (await self.page.locator(".code").inner_text()).strip()


class Clerk(Person):
    home = "desk"

    async def find(self, reason: str = "客户到网点核实一通来电", **named: str) -> None:
        """Fill in the first screen, with `reference` or `number`, and press the button."""
        for name, value in {**named, "reason": reason}.items():
            await self.page.locator(f"#{name}").fill(value)
        await self.page.locator("form .primary").click()

    async def check(self, code: str) -> None:
        await self.page.locator("#code").fill(code)
        await self.page.locator("section.card .primary").first.click()


class Customer(Person):
    home = "app"

    @property
    def code(self) -> Any:
        return self.page.locator("#code")

    @property
    def banner(self) -> Any:
        return self.page.locator(".verdict-banner h1")

    async def enter(self, code: str) -> None:
        await self.code.fill(code)
        await self.page.locator("form .primary").click()

    async def paste(self, text: str) -> None:
        await self.code.focus()
        await self.page.evaluate(
            """text => {
              const data = new DataTransfer();
              data.setData("text/plain", text);
              document.execCommand("insertText", false, text);
            }""",
            text,
        )


class Exchange:
    """The bank's telephone exchange."""

    def __init__(self, bank: DemoBank) -> None:
        self._pbx = SystemSession(bank, "pbx")
        self._up: dict[str, str] = {}

    def hears(self, call_id: str, event: str, number: str = "+8613800138000") -> None:
        heard = {"event": event, "leg_id": "leg-1", "number": number, "at": now_iso()}
        answer = self._pbx.send("POST", f"/v1/calls/{call_id}/legs", heard)
        assert answer.status_code == 200, answer.text
        self._up[call_id] = number

    def hang_up(self) -> None:
        """End every leg, so that no open call blocks the next one."""
        for call_id, number in self._up.items():
            self.hears(call_id, "ended", number)


class LoanSystem:
    """The bank's loan system."""

    def __init__(self, bank: DemoBank) -> None:
        self._system = SystemSession(bank, "loan-origination")

    def register(self, application_id: str, **facts: Any) -> None:
        """Register an application with these facts, or change these facts of a registered one."""
        path = f"/v1/applications/{application_id}"
        held = self._system.send("GET", path)
        before = held.json()["registration"] if held.status_code == 200 else {}
        # Without a date, the service dates a closing itself.
        before.pop("closed_at", None)
        answer = self._system.send("PUT", path, {**before, **facts})
        assert answer.status_code == 200, answer.text

    def erase(self, application_id: str) -> None:
        assert self._system.send("DELETE", f"/v1/applications/{application_id}").status_code == 200


async def cut(route: Route) -> None:
    """Let the service execute the request, and lose its answer."""
    await route.fetch()
    await route.abort()
