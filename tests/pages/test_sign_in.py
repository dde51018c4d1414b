"""Signing in, how the pages are served, and what they store."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.async_api import Browser, Route, expect

from tests.node import CLIENTS, SDK, run
from tests.pages.people import Customer
from verifier.core.octets import base64url
from verifier.demo.bank import DemoBank

CODE_FLOW = {
    "response_type": "code",
    "client_id": "bank-app",
    "state": "s",
    "nonce": "n",
    "code_challenge_method": "S256",
    # RFC 7636 appendix B
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def authorize(bank: DemoBank, **changes: str) -> requests.Response:
    asked = {**CODE_FLOW, "redirect_uri": f"{bank.url}/app/", **changes}
    return requests.post(
        f"{bank.issuer.issuer}/authorize",
        params=asked,
        data={"subject": "cust-0001"},
        allow_redirects=False,
        timeout=10,
    )


def exchange_code(bank: DemoBank, code: str, **changes: str) -> requests.Response:
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": f"{bank.url}/app/",
        "client_id": "bank-app",
        "code_verifier": VERIFIER,
    }
    return requests.post(f"{bank.issuer.issuer}/token", data={**asked, **changes}, timeout=10)


def code_of(response: requests.Response) -> str:
    return parse_qs(urlsplit(response.headers["Location"]).query)["code"][0]


@pytest.mark.shows("CVP-12.1-2")
def test_an_authorization_code_is_exchanged_once_and_only_with_its_verifier(bank: DemoBank) -> None:
    code = code_of(authorize(bank))
    granted = exchange_code(bank, code)
    assert granted.status_code == 200
    token = granted.json()["access_token"]
    me = requests.get(f"{bank.url}/v1/me/call-status", headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert me.status_code == 200
    assert exchange_code(bank, code).json() == {"error": "invalid_grant"}
    for changes in (
        {"code_verifier": base64url(b"x" * 32)},
        {"client_id": "bank-staff"},
        {"redirect_uri": "https://evil.example/"},
        {"grant_type": "password"},
    ):
        assert exchange_code(bank, code_of(authorize(bank)), **changes).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example/"},
        {"client_id": "unknown"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
    ],
)
def test_the_demo_provider_refuses_requests_that_are_not_from_the_pages(
    bank: DemoBank, changes: dict[str, str]
) -> None:
    assert authorize(bank, **changes).status_code == 400


def test_a_customers_token_is_refused_for_staff_operations(bank: DemoBank) -> None:
    token = exchange_code(bank, code_of(authorize(bank))).json()["access_token"]
    path = f"{bank.url}/v1/calls"
    assert requests.get(path, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 403


async def test_an_unsolicited_sign_in_response_signs_nobody_in(browser: Browser, bank: DemoBank) -> None:
    for answer in ("?code=x&state=y", "?error=access_denied&state=y"):
        customer: Customer = await Customer.come(browser, bank)
        await customer.page.goto(f"{bank.url}/app/{answer}")
        await expect(customer.page.locator(".sign-in")).to_contain_text("登录没有成功")
        assert "?" not in customer.page.url
        assert await customer.page.locator("nav").count() == 0
        await customer.context.close()


async def test_a_provider_with_another_issuer_name_is_refused(browser: Browser, bank: DemoBank) -> None:
    customer: Customer = await Customer.come(browser, bank)

    async def another(route: Route) -> None:
        found = await (await route.fetch()).json()
        headers = {"Access-Control-Allow-Origin": "*"}
        await route.fulfill(json={**found, "issuer": "https://evil.example"}, headers=headers)

    await customer.page.route("**/openid-configuration", another)
    await customer.page.locator(".sign-in button.primary").click()
    await expect(customer.page.locator("[role=alert]")).to_contain_text("another provider")
    await customer.context.close()


@pytest.mark.shows("CVP-12.1-2")
async def test_the_token_is_kept_only_in_memory_and_never_in_an_address(customer: Customer) -> None:
    kept = await customer.page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state])"
    )
    assert "eyJ" not in kept
    assert not re.search(r"code=|token", kept)
    assert json.loads(kept)[0].keys() <= {"language", "large-type"}


async def test_signing_out_ends_the_session_on_the_page_and_at_the_provider(customer: Customer) -> None:
    await customer.page.get_by_role("button", name="退出").click()
    await expect(customer.page.locator(".sign-in")).to_be_visible()
    await customer.page.reload()
    await expect(customer.page.locator(".sign-in")).to_be_visible()
    await customer.page.locator(".sign-in button.primary").click()
    await expect(customer.page.locator("button[value='cust-0001']")).to_be_visible()


@pytest.mark.shows("CVP-12.1-1")
@pytest.mark.parametrize(
    "path", ["/app/", "/officer/", "/receipts/", "/built/app.js", "/built/app.css", "/app/facts.json"]
)
def test_every_file_has_the_strict_policy_and_is_revalidated_by_etag(bank: DemoBank, path: str) -> None:
    first = requests.get(bank.url + path, timeout=10)
    assert first.status_code == 200
    policy = first.headers["Content-Security-Policy"]
    for part in (
        "default-src 'none'",
        "script-src 'self';",
        "require-trusted-types-for 'script'",
        "frame-ancestors 'none'",
    ):
        assert part in policy
    assert "unsafe" not in policy
    again = requests.get(bank.url + path, headers={"If-None-Match": first.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/app/../officer/index.html/x",
        "/app/%2e%2e/verifier/app.py",
        "/web/",
        "/typescript/package.json",
        "/app/app.js",
        "/built/app.js.map",
    ],
)
def test_only_the_files_of_the_pages_are_served(bank: DemoBank, path: str) -> None:
    assert requests.get(bank.url + path, timeout=10).status_code == 404


@pytest.mark.shows("CVP-12.1-1")
def test_the_pages_contain_no_inline_script_or_style(bank: DemoBank) -> None:
    for page in ("/app/", "/officer/", "/desk/", "/receipts/"):
        text = requests.get(bank.url + page, timeout=10).text
        assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=", text)


def test_the_types_of_the_pages_check(npm: str) -> None:
    done = run(str(SDK / "node_modules/.bin/tsc"), "-p", "tsconfig.json", cwd=CLIENTS)
    assert done.returncode == 0, done.stdout


@pytest.mark.shows("CVP-2-12")
def test_the_identity_token_of_a_sign_in_is_refused(bank: DemoBank) -> None:
    given = exchange_code(bank, code_of(authorize(bank))).json()
    path = f"{bank.url}/v1/me/call-status"
    refused = requests.get(path, headers={"Authorization": f"Bearer {given['id_token']}"}, timeout=10)
    assert (refused.status_code, refused.json()["detail"]) == (401, "the token is not an access token")
    assert (
        requests.get(path, headers={"Authorization": f"Bearer {given['access_token']}"}, timeout=10).status_code == 200
    )


@pytest.mark.shows("CVP-2-13", "CVP-12.1-9")
async def test_when_a_login_expires_the_page_asks_to_sign_in_without_an_error(
    browser: Browser, bank: DemoBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verifier.demo.issuer.LIFETIME_S", 18)
    customer: Customer = await Customer.come(browser, bank)
    await customer.sign_in("cust-0001")
    await expect(customer.page.locator(".status .told.calm")).to_be_visible()
    await expect(customer.page.locator(".sign-in")).to_contain_text("登录已过期，请重新登录。", timeout=60_000)
    assert await customer.page.locator(".trouble").count() == 0
    await customer.page.locator(".sign-in button.primary").click()
    await expect(customer.page.locator(".status .told.calm")).to_be_visible()
    await customer.context.close()
    assert customer.defects() == []
