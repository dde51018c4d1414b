"""How long a customer waits for the first screen on a slow line and a slow phone.

Chromium slows itself down through its debugging protocol: 400 kbit/s each way, 300 ms of latency for each request, and
a processor that is 4 times slower. Each case is run some times with a new profile. Run it from the root of the
repository:

    python -m tests.benchmarks.first_screen
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from tests.api.conftest import RunningBank
from tests.pages.people import CHROMIUM, Customer
from verifier.demo.bank import DemoBank

KBIT_PER_S = 400
LATENCY_MS = 300
SLOWER = 4
ROUNDS = 5
SIGN_IN = ".sign-in button.primary"
CHECK = "#code"

Case = Callable[[Browser, DemoBank], Awaitable[tuple[float, int, int]]]


async def slow(page: Page) -> CDPSession:
    """Slow this page down. Its cache is empty from now on."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Network.enable")
    octets = KBIT_PER_S * 1000 / 8
    line = {"offline": False, "latency": LATENCY_MS, "downloadThroughput": octets, "uploadThroughput": octets}
    await devtools.send("Network.emulateNetworkConditions", line)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    return devtools


async def usable(page: Page, selector: str, act: Awaitable[object]) -> tuple[float, int, int]:
    """Seconds from `act` until an element can be used, the number of requests until then, and the octets received."""
    requests: list[str] = []
    received = 0

    def arrived(event: dict[str, float]) -> None:
        nonlocal received
        received += int(event["encodedDataLength"])

    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", arrived)
    page.on("request", lambda request: requests.append(request.url))
    began = time.monotonic()
    await act
    await page.locator(selector).wait_for(timeout=60_000)
    # The page can be used when its thread answers.
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))")
    took, asked = time.monotonic() - began, len(requests)
    return took, asked, received


async def sign_in_screen(browser: Browser, bank: DemoBank) -> tuple[float, int, int]:
    """A first visit, until the button to sign in can be used."""
    context = await browser.new_context(locale="zh-CN", viewport={"width": 390, "height": 664})
    page = await context.new_page()
    await slow(page)
    measured = await usable(page, SIGN_IN, page.goto(f"{bank.url}/app/", wait_until="commit"))
    await context.close()
    return measured


async def _check_screen(browser: Browser, bank: DemoBank, *, empty: bool) -> tuple[float, int, int]:
    customer: Customer = await Customer.come(browser, bank)
    page = customer.page
    await page.locator(SIGN_IN).click()
    person = page.locator("button[value='cust-0001']")
    await person.wait_for()
    devtools = await slow(page)
    if empty:
        await devtools.send("Network.clearBrowserCache")
    measured = await usable(page, CHECK, person.click())
    await customer.context.close()
    return measured


async def check_screen_with_an_empty_cache(browser: Browser, bank: DemoBank) -> tuple[float, int, int]:
    """From the provider's button until the code can be entered, with nothing of the page in the browser's cache."""
    return await _check_screen(browser, bank, empty=True)


async def check_screen(browser: Browser, bank: DemoBank) -> tuple[float, int, int]:
    """The same after the sign-in screen, as people get there."""
    return await _check_screen(browser, bank, empty=False)


CASES: tuple[Case, ...] = (sign_in_screen, check_screen_with_an_empty_cache, check_screen)


async def measure(bank: DemoBank, rounds: int) -> None:
    print(f"{KBIT_PER_S} kbit/s, {LATENCY_MS} ms, processor {SLOWER} times slower; median of {rounds}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for case in CASES:
            found = [await case(browser, bank) for _ in range(rounds)]
            seconds = statistics.median(each[0] for each in found)
            print(f"{case.__name__:36} {seconds:6.2f} s  {found[-1][1]:3} requests  {found[-1][2] / 1000:6.1f} kB")
        await browser.close()


def main() -> None:
    rounds = int(sys.argv[1]) if sys.argv[1:] else ROUNDS
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as bank:
        asyncio.run(measure(bank, rounds))


if __name__ == "__main__":
    main()
