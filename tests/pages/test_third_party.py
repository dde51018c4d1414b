"""Both pages with the OpenID provider of a third party: oidc-provider from npm, configured as a bank would."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
from playwright.async_api import Browser, Route, expect

from tests import node
from tests.api.conftest import RunningBank
from tests.conftest import require
from tests.pages.people import Customer, Exchange, Officer, Person
from verifier.demo.bank import DemoBank, free_ports

HERE = Path(__file__).parent / "provider"
AUDIENCE = "https://verify.bank.example"
# The page renews a token fifteen seconds before it expires.
LIFETIME_S = 22


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    """A bank whose staff and customers sign in at the third party's provider."""
    require("npm", node.installed(HERE))
    port = free_ports()[0]
    issuer = f"http://127.0.0.1:{port}"
    settings: dict[str, Any] = {
        "staff_issuer": issuer,
        "staff_audience": f"console,{AUDIENCE}",
        "staff_algorithms": "ES384",
        "staff_roles_claim": "realm_access.roles",
        "staff_roles": "Verifier.Officer=officer,Verifier.Lead=supervisor",
        "staff_require_at_jwt": True,
        "staff_acr": "urn:bank:two-factors",
        "staff_required_claim": "client_id=console",
        "staff_scope": "openid profile calls",
        "staff_resource": AUDIENCE,
        "customer_issuer": issuer,
        "customer_audience": "app,https://verify.bank.example/customers",
        "customer_algorithms": "ES384",
        "customer_scope": "openid profile calls",
        "customer_resource": "https://verify.bank.example/customers",
    }
    running = RunningBank(tmp_path_factory.mktemp("bank"), **settings)
    url = running.bank.url
    asked = {
        "port": port,
        "lifetime": LIFETIME_S,
        "pages": {"console": f"{url}/officer/", "app": f"{url}/app/"},
        "audiences": [AUDIENCE, "https://verify.bank.example/customers"],
    }
    command = [node.program("node"), str(HERE / "provider.mjs"), json.dumps(asked)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        with running as made:
            yield made
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def exchange(bank: DemoBank) -> Iterator[Exchange]:
    made = Exchange(bank)
    yield made
    made.hang_up()


async def sign_in(person: Person, login: str) -> dict[str, Any]:
    """Sign in on the provider's own screens. Return the tokens that it gave the page."""

    async def outside(route: Route) -> None:
        await route.abort()

    await person.context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), outside)
    await person.page.locator(".sign-in button.primary").click()
    await person.page.locator("input[name=login]").fill(login)
    await person.page.locator("input[name=password]").fill("x")
    await person.page.locator("button[type=submit]").click()
    async with person.page.expect_response("**/token") as answer:
        await person.page.get_by_role("button", name="Continue").click()
    given: dict[str, Any] = await (await answer.value).json()
    # Somebody without a role has no tabs.
    await expect(person.page.locator(".sign-in")).to_have_count(0)
    await expect(person.page.locator("main h1")).to_be_attached()
    return given


@pytest_asyncio.fixture(loop_scope="session")
async def officer(browser: Browser, bank: DemoBank) -> AsyncIterator[Officer]:
    person: Officer = await Officer.come(browser, bank)
    await sign_in(person, "4412")
    yield person
    await person.context.close()
    assert person.defects() == []


@pytest_asyncio.fixture(loop_scope="session")
async def customer(browser: Browser, bank: DemoBank) -> AsyncIterator[Customer]:
    person: Customer = await Customer.come(browser, bank)
    await sign_in(person, "cust-0001")
    yield person
    await person.context.close()
    assert person.defects() == []


def asked_with(bank: DemoBank, path: str, token: str) -> requests.Response:
    return requests.get(bank.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=10)


@pytest.mark.shows("CVP-2-11", "CVP-12.1-2", "CVP-2.2-4")
async def test_people_of_a_third_partys_provider_sign_in_more_strongly_and_issue_and_confirm_a_code(
    officer: Officer, customer: Customer, exchange: Exchange
) -> None:
    await officer.prepare("王芳")
    here = officer.page.url
    await officer.page.locator("input[value=terms]").check()
    await officer.page.locator("section.card button.primary").click()
    # The provider asks them to sign in again, since the console asks for two factors.
    await officer.page.locator("input[name=login]").fill("4412")
    await officer.page.locator("input[name=password]").fill("x")
    await officer.page.locator("button[type=submit]").click()
    await expect(officer.page.locator("input[value=terms]")).to_be_checked()
    assert officer.page.url == here
    call_id = await officer.get_code()
    exchange.hears(call_id, "connected")
    await expect(officer.page.locator(".code")).to_be_visible()
    await customer.enter(await officer.read_code())
    await expect(customer.banner).to_have_text("核实通过，是我行来电")
    await expect(officer.page.locator(".told.good")).to_be_visible()


@pytest.mark.shows("CVP-2-12")
async def test_only_access_tokens_for_the_service_are_accepted(browser: Browser, bank: DemoBank) -> None:
    person: Customer = await Customer.come(browser, bank)
    given = await sign_in(person, "cust-0001")
    await person.context.close()
    assert asked_with(bank, "/v1/me/call-status", given["access_token"]).status_code == 200
    refused = asked_with(bank, "/v1/me/call-status", given["id_token"])
    assert (refused.status_code, refused.json()["detail"]) == (401, "the token has a type that is not accepted here")


async def test_staff_without_a_mapped_role_are_told_the_required_role(browser: Browser, bank: DemoBank) -> None:
    person: Officer = await Officer.come(browser, bank)
    given = await sign_in(person, "7000")
    await person.context.close()
    refused = asked_with(bank, "/v1/calls", given["access_token"])
    assert (refused.status_code, refused.json()["detail"]) == (403, "this is for staff:officer")


@pytest.mark.shows("CVP-2-13", "CVP-12.1-9")
async def test_a_login_is_renewed_and_the_stream_continues_without_a_message(customer: Customer) -> None:
    await expect(customer.page.locator(".status .told.calm")).to_be_visible()
    await customer.page.evaluate(
        """() => {
          globalThis.seen = [];
          const wrong = ".doubt, .trouble, .sign-in, [role=alert]";
          const look = () => document.querySelector(wrong) && seen.push(document.body.innerText);
          new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });
        }"""
    )
    async with customer.page.expect_response("**/v1/me/events", timeout=60_000) as answer:
        pass
    reopened = await answer.value
    assert reopened.status == 200
    await expect(customer.page.locator(".status .told.calm")).to_be_visible()
    assert await customer.page.evaluate("seen") == []
