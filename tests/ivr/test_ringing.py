"""Ringing over SIP: what the customer is told before they answer, and when the dialler is gone (laws L5, L6, L13)."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.api.conftest import RunningBank
from tests.ivr.test_story import Telephones, code_within
from tests.pages.people import CHROMIUM, PHONE
from verifier.core import words

pytestmark = pytest.mark.needs("espeak-ng", "sip-tester", "baresip-core")

SILENCE_S = 5


class StandingDialler:
    """A dialler that runs between the calls too, with the telephones of an officer and a customer."""

    def __init__(self, telephones: Telephones) -> None:
        self.telephones = telephones
        self.customer = telephones.customer
        self.process = telephones.dialler("-", IDENTITY="off")

    def dials(self) -> None:
        """Call the officer and then the customer."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self.customer.call_id}\n".encode())
        self.process.stdin.flush()

    def tells(self, state: str, within_s: float = 20.0) -> None:
        """Wait until this is what the bank tells the customer."""
        waits_for(lambda: self.customer.call_status() == state, within_s, lambda: self.customer.call_status())

    def ends(self) -> int:
        """Close the input of the dialler. Returns its exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(20)


def waits_for(true: Callable[[], bool], within_s: float, says: Callable[[], object] = lambda: "") -> None:
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, says()
        time.sleep(0.05)


@contextmanager
def standing(answers: str, person: str = "") -> Iterator[StandingDialler]:
    with tempfile.TemporaryDirectory(prefix="ringing-") as name:
        folder = Path(name)
        with RunningBank(folder / "bank", leg_silence_seconds=SILENCE_S) as bank:
            telephones = Telephones(folder, bank, answers=answers, person=person)
            dialler = StandingDialler(telephones)
            try:
                yield dialler
            finally:
                dialler.process.kill()
                dialler.process.wait()
                telephones.close()


@pytest.mark.shows("CVP-7.10-3", "CVP-7.10-6", "CVP-P1-8", "CVP-P6-1")
def test_the_customer_is_told_that_the_bank_rings_before_they_answer() -> None:
    with standing("manual") as dialler:
        customer, phone = dialler.customer, dialler.telephones.customer_phone
        dialler.tells("none")
        customer.is_about_to_be_rung()
        dialler.tells("expected")
        dialler.dials()
        dialler.tells("ringing")
        assert customer.officers_screen().json()["slug"] == "leg_not_connected"
        # The customer declines the call. The officer may ring again, while the code has not expired.
        phone.hang_up()
        dialler.tells("expected")
        dialler.dials()
        dialler.tells("ringing")
        phone.answer()
        dialler.tells("connected")
        code_within(customer, 5)
        phone.hang_up()
        dialler.tells("expected")
        # The first call of the two failed.
        assert dialler.ends() == 1


@pytest.mark.shows("CVP-7.10-3", "CVP-P1-9")
def test_early_media_is_ringing_and_not_an_answer() -> None:
    with standing("early") as dialler:
        dialler.tells("none")
        dialler.customer.is_about_to_be_rung()
        dialler.dials()
        dialler.tells("ringing")
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert dialler.customer.call_status() != "connected"
            assert dialler.customer.officers_screen().status_code == 409
            time.sleep(0.1)
        dialler.telephones.customer_phone.answer()
        dialler.tells("connected")
        dialler.telephones.officer_phone.hang_up()
        dialler.tells("expected")
        assert dialler.ends() == 0


@pytest.mark.shows("CVP-7.10-6", "CVP-P6-2")
def test_a_killed_dialler_leaves_the_status_unknown_after_the_time_of_silence() -> None:
    with standing("manual") as dialler:
        dialler.tells("none")
        dialler.customer.is_about_to_be_rung()
        dialler.dials()
        dialler.tells("ringing")
        dialler.process.kill()
        killed = time.monotonic()
        dialler.tells("unknown")
        assert time.monotonic() - killed > SILENCE_S / 2
        again = dialler.telephones.dialler("-")
        try:
            waits_for(lambda: dialler.customer.call_status() != "unknown", 20)
        finally:
            again.terminate()
            assert again.wait(20) == 0


@pytest.mark.shows("CVP-P6-2")
def test_a_dialler_whose_input_ends_says_no_longer_that_it_is_alive() -> None:
    with standing("auto") as dialler:
        dialler.tells("none")
        assert dialler.ends() == 0
        dialler.tells("unknown")


@pytest.mark.needs("chromium")
def test_the_customers_page_shows_that_the_bank_rings_before_they_answer() -> None:
    with standing("manual", person="cust-0001") as dialler, sync_playwright() as playwright:
        phone, rings = dialler.telephones.customer_phone, "我们正在拨打您的电话：李伟"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="zh-CN", viewport=PHONE)  # type: ignore[arg-type]
        page.goto(f"{dialler.telephones.bank.url}/app/")
        page.locator(".sign-in button.primary").click()
        page.locator("button[value='cust-0001']").click()
        status = page.locator("section.status [role=status]")
        status.get_by_text(words.NO_CALL["zh-CN"]).wait_for()
        dialler.customer.is_about_to_be_rung()
        dialler.dials()
        status.get_by_text(rings).wait_for()
        assert not [each for each in phone.events if each.get("type") == "CALL_ESTABLISHED"]
        assert dialler.customer.call_status() == "ringing"
        phone.answer()
        status.get_by_text(rings).wait_for(state="detached")
        assert dialler.customer.call_status() == "connected"
        browser.close()
