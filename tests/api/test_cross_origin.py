"""Which pages of other origins may use the API from a browser, and which may show a page in a frame."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.api.conftest import RunningBank
from verifier.config import BadSettings, load
from verifier.demo.bank import DemoBank

APP = "https://app.bank.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}


@pytest.fixture(scope="module")
def open_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBank]:
    folder = tmp_path_factory.mktemp("bank")
    with RunningBank(folder, component_origins=f"{APP}, https://crm.bank.example:8443", frame_ancestors=APP) as bank:
        yield bank


def asked(bank: DemoBank, method: str, path: str, **headers: str) -> requests.Response:
    return requests.request(method, bank.url + path, headers=headers, timeout=10)


@pytest.mark.shows("CVP-12.3-4")
def test_a_page_of_a_named_origin_may_use_the_api(open_bank: DemoBank) -> None:
    for origin in (APP, "https://crm.bank.example:8443"):
        answer = requests.options(
            f"{open_bank.url}/v1/confirmations", headers={"Origin": origin, **PREFLIGHT}, timeout=10
        )
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert {"authorization", "idempotency-key"} <= {*answer.headers["Access-Control-Allow-Headers"].split(", ")}
        token = open_bank.customer("cust-0001")
        me = asked(open_bank, "GET", "/v1/me/call-status", Origin=origin, Authorization=f"Bearer {token}")
        assert (me.status_code, me.headers["Access-Control-Allow-Origin"]) == (200, origin)
        assert "Retry-After" in me.headers["Access-Control-Expose-Headers"]
        # A refusal is marked too. Without it, the page could not tell a refusal from a lost connection.
        refused = asked(open_bank, "GET", "/v1/me/call-status", Origin=origin)
        assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, origin)
        for path in ("/app/facts.json", "/built/call-check.js"):
            assert asked(open_bank, "GET", path, Origin=origin).headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.shows("CVP-12.3-4")
@pytest.mark.parametrize(
    "origin", ["null", "https://evil.example", f"{APP}.evil.example", "http://app.bank.example", f"{APP}:444", "*"]
)
def test_no_other_page_may(open_bank: DemoBank, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = asked(open_bank, method, "/v1/me/call-status", Origin=origin, **PREFLIGHT)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.shows("CVP-12.3-4")
def test_no_answer_allows_credentials(open_bank: DemoBank) -> None:
    for method in ("GET", "OPTIONS"):
        answer = asked(open_bank, method, "/v1/me/call-status", Origin=APP, **PREFLIGHT)
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.shows("CVP-12.3-3", "CVP-12.3-4")
def test_by_default_no_page_of_another_origin_may_do_anything(running_bank: DemoBank) -> None:
    refused = asked(running_bank, "OPTIONS", "/v1/me/call-status", Origin=APP, **PREFLIGHT)
    assert refused.status_code == 405
    assert not [each for each in refused.headers if each.startswith("Access-Control")]
    for page in ("app", "desk", "officer"):
        assert "frame-ancestors 'none'" in asked(running_bank, "GET", f"/{page}/").headers["Content-Security-Policy"]


@pytest.mark.shows("CVP-12.3-3")
def test_only_the_named_origins_may_show_a_page_in_a_frame(open_bank: DemoBank) -> None:
    for page in ("app", "desk", "officer"):
        policy = asked(open_bank, "GET", f"/{page}/").headers["Content-Security-Policy"]
        assert f"frame-ancestors {APP};" in policy
        assert asked(open_bank, "GET", f"/{page}/facts.json").json()["frame_ancestors"] == [APP]
    assert "frame-ancestors 'none'" in asked(open_bank, "GET", "/docs").headers["Content-Security-Policy"]


@pytest.mark.shows("CVP-12.3-3", "CVP-12.3-4")
@pytest.mark.parametrize("name", ["VERIFIER_FRAME_ANCESTORS", "VERIFIER_COMPONENT_ORIGINS"])
@pytest.mark.parametrize(
    "value",
    [
        *("*", "https://*.bank.example", f"{APP}/", f"{APP}/page", f"{APP};script-src", "http://app.bank.example"),
        *("null", "https://APP.bank.example", f"{APP}:443", "https://user@app.bank.example", "'self'"),
        f"{APP} https://evil.example",
    ],
)
def test_what_is_no_origin_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name):
        load({"VERIFIER_ISSUER": "https://verify.bank.example", name: value})
    load({"VERIFIER_ISSUER": "https://verify.bank.example", name: f"{APP},https://crm.bank.example:8443"})
