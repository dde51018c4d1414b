"""Bad input gets a 4xx problem that names the field. It uses up no attempt and writes no row."""

from __future__ import annotations

import json
import re
import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.api.conftest import SystemSession
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

NUMBER, APPLICATION = "+8613800138000", "LN-2026-0001"
ISSUE = {"purpose": "documents", "number": NUMBER, "caller_number": "+861082345678"}
CALLS = f"/v1/applications/{APPLICATION}/calls"
TABLES = ("leaves", "calls", "limits", "legs", "reports", "applications")


@pytest.fixture
def unwritten(running_bank: DemoBank) -> Iterator[None]:
    """Check that the test added no row to any table."""

    def count() -> list[int]:
        with sqlite3.connect(running_bank.folder / "verifier.sqlite3") as database:
            return [database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in TABLES]

    before = count()
    yield
    assert dict(zip(TABLES, count(), strict=True)) == dict(zip(TABLES, before, strict=True))


def _post(
    bank: DemoBank, path: str, body: bytes | dict[str, Any], token: str = "", **headers: str
) -> requests.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Idempotency-Key": "k", "Authorization": f"Bearer {token}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(bank.url + path, data=content, headers={k: v for k, v in sent.items() if v}, timeout=10)


def _problem(response: requests.Response, status: int, slug: str, pointer: str = "") -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/problem+json")
    problem: dict[str, Any] = response.json()
    assert problem["slug"] == slug
    assert problem["request_id"] == response.headers["X-Request-ID"]
    if pointer:
        assert [each["pointer"] for each in problem["errors"]] == [pointer]
    return problem


BODIES: dict[str, tuple[bytes, int, str, str]] = {
    "empty": (b"", 400, "malformed_request", ""),
    "not JSON": (b"{", 400, "malformed_request", ""),
    "not an object": (b"[]", 422, "invalid_field", ""),
    "not UTF-8": (b'{"code":"\xff\xfe"}', 400, "malformed_request", ""),
    "a member twice": (b'{"code":"1","code":"2"}', 400, "malformed_request", "/code"),
    "NaN": (b'{"code":NaN}', 400, "malformed_request", ""),
    "too deep": (b'{"code":' + b"[" * 30_000 + b"]" * 30_000 + b"}", 400, "malformed_request", ""),
    "33 levels deep": (b'{"code":' + b"[" * 32 + b"]" * 32 + b"}", 400, "malformed_request", ""),
    "too long": (b'{"code":"' + b"1" * 70_000 + b'"}', 413, "body_too_large", ""),
    "a wrong type": (b'{"code":482177306}', 422, "invalid_field", "/code"),
    "an unknown member": (b'{"code":"482177306","verdict":"genuine"}', 422, "invalid_field", "/verdict"),
    "a missing member": (b"{}", 422, "invalid_field", "/code"),
    "a nul byte": (b'{"code":"48217\\u00007306"}', 422, "invalid_field", "/code"),
    "a lone surrogate": (b'{"code":"\\ud800"}', 422, "invalid_field", "/code"),
    "an over-long string": (b'{"code":"' + b"1" * 201 + b'"}', 422, "invalid_field", "/code"),
    "letters": (b'{"code":"48217730x"}', 422, "malformed_code", "/code"),
    "too few digits": (b'{"code":"48217730"}', 422, "malformed_code", "/code"),
    "a caller number that is none": (
        b'{"code":"482177306","caller_number":"12"}',
        422,
        "invalid_field",
        "/caller_number",
    ),
    "an impossible reference": (b'{"code":"1","application_id":"../x"}', 422, "invalid_field", "/application_id"),
}


@pytest.mark.shows("CVP-3.2-1", "CVP-3.2-2")
@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.usefixtures("unwritten")
def test_a_bad_confirmation_body_is_refused_with_the_member_named(running_bank: DemoBank, kind: str) -> None:
    body, status, slug, pointer = BODIES[kind]
    response = _post(running_bank, "/v1/confirmations", body, running_bank.customer("cust-0001"))
    _problem(response, status, slug, pointer)


FIELDS = {
    "/number": [
        {**ISSUE, "number": each} for each in ("13800138000", "+86 138", "+0123456789", "+1", "", None, NUMBER * 9)
    ],
    "/purpose": [{**ISSUE, "purpose": each} for each in ("chat", "", None, 1)],
    "/caller_number": [{**ISSUE, "caller_number": "tel:+861082345678"}],
    "/officer_id": [{**ISSUE, "officer_id": "x" * 200}],
    "/exception_id": [{**ISSUE, "exception_id": "exc_1"}],
}


@pytest.mark.shows("CVP-3-4")
@pytest.mark.parametrize("pointer", FIELDS)
@pytest.mark.usefixtures("unwritten")
def test_a_bad_issue_body_is_refused_with_the_member_named(running_bank: DemoBank, pointer: str) -> None:
    for body in FIELDS[pointer]:
        _problem(_post(running_bank, CALLS, body, running_bank.officer("4412")), 422, "invalid_field", pointer)


@pytest.mark.usefixtures("unwritten")
def test_an_officer_has_exactly_three_members_and_any_other_is_refused(running_bank: DemoBank) -> None:
    """Readers of evidence accept more members (CVP-8.1-5), because a later version may add some."""
    los, path = SystemSession(running_bank, "loan-origination"), f"/v1/applications/{APPLICATION}"
    registered = los.send("GET", path).json()["registration"]
    for changed, pointer in (
        ({"rank": "senior"}, "/officers/0/rank"),
        ({"name": ""}, "/officers/0/name"),
        ({"name": "x" * 500}, "/officers/0/name"),
        ({"branch": ""}, "/officers/0/branch"),
        ({"id": ""}, "/officers/0/id"),
    ):
        officers = [{**registered["officers"][0], **changed}]
        _problem(los.send("PUT", path, {**registered, "officers": officers}), 422, "invalid_field", pointer)


@pytest.mark.shows("CVP-3.2-2")
@pytest.mark.usefixtures("unwritten")
def test_a_nested_control_character_is_named_by_its_full_pointer(running_bank: DemoBank) -> None:
    los, path = SystemSession(running_bank, "loan-origination"), f"/v1/applications/{APPLICATION}"
    registered = los.send("GET", path).json()["registration"]
    customer = {**registered["customer"], "name": "\0"}
    _problem(los.send("PUT", path, {**registered, "customer": customer}), 422, "invalid_field", "/customer/name")
    officers = [{**registered["officers"][0], "branch": "\x1b[2J"}]
    _problem(los.send("PUT", path, {**registered, "officers": officers}), 422, "invalid_field", "/officers/0/branch")


@pytest.mark.parametrize("at", ["2026-11-23T10:00:00", "yesterday", "2099-01-01T00:00:00Z", "1999-01-01T00:00:00Z", 17])
@pytest.mark.usefixtures("unwritten")
def test_an_impossible_time_is_refused_with_the_member_named(running_bank: DemoBank, at: object) -> None:
    response = _post(running_bank, "/v1/reports", {"at": at}, running_bank.customer("cust-0001"))
    _problem(response, 422, "invalid_field", "/at")


@pytest.mark.shows("CVP-7.14-5")
@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"from": "2026-11-23T10:00:00Z", "until": "2026-11-23T09:59:59Z"}, "/until"),
        ({"from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:01Z"}, "/from"),
        ({"from": "2099-01-01T00:00:00Z", "until": "2099-01-02T00:00:00Z"}, "/from"),
        ({"from": "0001-01-01T00:00:00Z", "until": "0001-01-02T00:00:00Z"}, "/from"),
        ({"from": "2026-11-23T10:00:00", "until": "2026-11-23T11:00:00Z"}, "/from"),
        ({"from": "2026-11-23T10:00:00Z"}, "/until"),
        ({"from": 1, "until": 2}, "/from"),
        ({"from": "2026-11-23T10:00:00Z", "until": "2026-11-23T11:00:00Z", "caller_number": "95588"}, "/caller_number"),
        ({"from": "2026-11-23T10:00:00Z", "until": "2026-11-23T11:00:00Z", "caller_number": ""}, "/caller_number"),
        ({"from": "2026-11-23T10:00:00Z", "until": "2026-11-23T11:00:00Z", "begins": "x"}, "/begins"),
    ],
)
@pytest.mark.usefixtures("unwritten")
def test_a_window_or_number_that_is_none_is_refused_with_the_member_named(
    running_bank: DemoBank, asked: dict[str, Any], pointer: str
) -> None:
    response = _post(running_bank, "/v1/me/call-checks", asked, running_bank.customer("cust-0001"))
    _problem(response, 422, "invalid_field", pointer)


@pytest.mark.usefixtures("unwritten")
def test_only_a_customer_with_a_key_asks_for_calls(running_bank: DemoBank) -> None:
    asked = {"from": "2026-11-23T10:00:00Z", "until": "2026-11-23T11:00:00Z"}
    path, customer = "/v1/me/call-checks", running_bank.customer("cust-0001")
    _problem(_post(running_bank, path, asked), 401, "unauthenticated")
    _problem(_post(running_bank, path, asked, running_bank.officer("4412")), 403, "forbidden")
    _problem(_post(running_bank, path, asked, customer, Idempotency_Key=""), 400, "idempotency_key_missing")


@pytest.mark.shows("CVP-7.6-4")
@pytest.mark.parametrize("call_id", ["call_" + "0" * 32, "call_x", "", None])
@pytest.mark.usefixtures("unwritten")
def test_a_report_of_a_call_that_is_none_is_refused(running_bank: DemoBank, call_id: object) -> None:
    report = {"at": now_iso(), "call_id": call_id}
    response = _post(running_bank, "/v1/reports", report, running_bank.customer("cust-0001"))
    _problem(response, 422, "invalid_field", "/call_id")


LATIN = "é".encode().decode("latin-1")
BAD_KEYS = [
    "",
    "a b",
    LATIN,
    "x" * 256,
    '"',
    '""',
    '"a',
    'a"',
    'a"b',
    '"a"b"',
    '""a""',
    "a\\b",
    '"a b"',
    f'"{"x" * 256}"',
]


@pytest.mark.shows("CVP-3.2-3")
@pytest.mark.parametrize("key", BAD_KEYS)
@pytest.mark.usefixtures("unwritten")
def test_a_post_without_a_well_formed_idempotency_key_is_refused(running_bank: DemoBank, key: str) -> None:
    response = _post(running_bank, CALLS, ISSUE, running_bank.officer("4412"), Idempotency_Key=key)
    _problem(response, 400, "idempotency_key_missing")


@pytest.mark.shows("CVP-3.2-3")
@pytest.mark.usefixtures("unwritten")
def test_two_idempotency_key_headers_count_as_none(running_bank: DemoBank) -> None:
    connection = HTTPConnection(urlsplit(running_bank.url).netloc, timeout=10)
    connection.putrequest("POST", CALLS)
    content = json.dumps(ISSUE).encode()
    sent = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    sent["Authorization"] = f"Bearer {running_bank.officer('4412')}"
    for name, value in (*sent.items(), ("Idempotency-Key", "one"), ("Idempotency-Key", "one")):
        connection.putheader(name, value)
    connection.endheaders(content)
    assert json.load(connection.getresponse())["slug"] == "idempotency_key_missing"
    connection.close()


@pytest.mark.shows("CVP-3.2-3")
@pytest.mark.parametrize(
    "key", ["k", "!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "x" * 255, "8e03978e-40d5-43dd-bc93-6894a57f9324"]
)
def test_a_quoted_idempotency_key_equals_the_bare_one(running_bank: DemoBank, key: str) -> None:
    body = {"at": now_iso()}

    def reported(key: str) -> Any:
        answer = _post(running_bank, "/v1/reports", body, running_bank.customer("cust-0001"), Idempotency_Key=key)
        return answer.json()["report_id"]

    assert reported(f'"{key}"') == reported(key) == reported(f'"{key}"')


def test_the_openapi_pattern_matches_only_well_formed_idempotency_keys(running_bank: DemoBank) -> None:
    description = requests.get(f"{running_bank.url}/openapi.json", timeout=10).json()
    described = description["paths"]["/v1/confirmations"]["post"]["parameters"][0]
    assert described["name"] == "Idempotency-Key"
    pattern = re.compile(described["schema"]["pattern"])
    assert [key for key in BAD_KEYS if pattern.search(key)] == []
    assert all(pattern.search(key) for key in ("k", '"k"', "x" * 255, f'"{"x" * 255}"'))


@pytest.mark.shows("CVP-3.2-1")
@pytest.mark.usefixtures("unwritten")
def test_a_content_type_other_than_json_is_refused(running_bank: DemoBank) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = _post(running_bank, CALLS, ISSUE, running_bank.officer("4412"), Content_Type=content_type)
        _problem(response, 415, "unsupported_media_type")


@pytest.mark.shows("CVP-3.2-1")
@pytest.mark.parametrize("coding", ["gzip", "identity", "br, gzip", ""])
@pytest.mark.usefixtures("unwritten")
def test_any_content_encoding_is_refused(running_bank: DemoBank, coding: str) -> None:
    sent = {"Authorization": f"Bearer {running_bank.officer('4412')}", "Content-Encoding": coding}
    answer = requests.post(running_bank.url + CALLS, json=ISSUE, headers={**sent, "Idempotency-Key": "k"}, timeout=10)
    _problem(answer, 415, "unsupported_media_type")
    assert answer.headers["Accept-Encoding"] == "identity"
    read = requests.get(f"{running_bank.url}/log/checkpoint", headers={"Content-Encoding": coding}, timeout=10)
    _problem(read, 415, "unsupported_media_type")


@pytest.mark.shows("CVP-2-1")
@pytest.mark.usefixtures("unwritten")
def test_a_bad_token_gets_401_and_a_token_of_another_role_gets_403(running_bank: DemoBank) -> None:
    good = running_bank.customer("cust-0001")
    header, payload, signature = good.split(".")
    none = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    forged = [
        "",
        "x",
        f"{none}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        running_bank.issuer.mint("bank-app", "cust-0001", (), -60),
        running_bank.issuer.mint("somebody-else", "cust-0001"),
    ]
    for token in forged:
        response = _post(running_bank, "/v1/confirmations", {"code": "482177306"}, token)
        _problem(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    for token in (running_bank.officer("4412"), running_bank.officer("4412", "auditor")):
        _problem(_post(running_bank, "/v1/confirmations", {"code": "482177306"}, token), 403, "forbidden")
    _problem(_post(running_bank, CALLS, ISSUE, good), 403, "forbidden")
    _problem(_post(running_bank, CALLS, ISSUE, running_bank.officer("4412", "supervisor")), 403, "forbidden")


@pytest.mark.shows("CVP-2-1")
@pytest.mark.usefixtures("unwritten")
def test_a_system_is_refused_outside_its_scopes(running_bank: DemoBank) -> None:
    ivr = SystemSession(running_bank, "ivr")
    pbx = SystemSession(running_bank, "pbx")
    keyed = {"digits": "482177306", "dialled_number": "+861095588", "caller_number": NUMBER}
    _problem(pbx.send("POST", "/v1/ivr/confirmations", keyed), 403, "forbidden")
    _problem(ivr.send("DELETE", f"/v1/applications/{APPLICATION}"), 403, "forbidden")
    _problem(ivr.send("POST", "/v1/ivr/confirmations", {**keyed, "digits": "12"}), 422, "malformed_code", "/digits")


@pytest.mark.shows("CVP-2-1")
def test_a_colleagues_call_is_not_found(running_bank: DemoBank) -> None:
    issued = _post(running_bank, CALLS, ISSUE, running_bank.officer("4412"), Idempotency_Key="foreign-1").json()
    path = f"/v1/calls/{issued['call']['call_id']}"
    colleague = {"Authorization": f"Bearer {running_bank.officer('4413')}"}
    for each in (path, f"{path}/code"):
        _problem(requests.get(running_bank.url + each, headers=colleague, timeout=10), 404, "not_found")
    _problem(_post(running_bank, f"{path}/revocation", {}, running_bank.officer("4413")), 404, "not_found")
    early = {"event": "connected", "leg_id": "1", "number": NUMBER, "at": now_iso(-86_400)}
    _problem(SystemSession(running_bank, "pbx").send("POST", f"{path}/legs", early), 422, "invalid_field", "/at")
    again = _post(running_bank, CALLS, ISSUE, running_bank.officer("4412"), Idempotency_Key="foreign-1")
    assert again.json() == issued
    other = {**ISSUE, "purpose": "terms"}
    reused = _post(running_bank, CALLS, other, running_bank.officer("4412"), Idempotency_Key="foreign-1")
    _problem(reused, 422, "idempotency_key_reused")
    revoked = _post(running_bank, f"{path}/revocation", {}, running_bank.officer("4412"), Idempotency_Key="foreign-2")
    assert revoked.json()["state"] == "revoked"


@pytest.mark.shows("CVP-3.2-6")
@pytest.mark.usefixtures("unwritten")
def test_a_search_needs_no_idempotency_key_and_names_a_bad_member(running_bank: DemoBank) -> None:
    officer = running_bank.officer("4412")

    def search(body: dict[str, Any], token: str = officer) -> requests.Response:
        return _post(running_bank, "/v1/applications/search", body, token, Idempotency_Key="")

    found = search({"query": "王芳 lN-2026-0001"})
    assert [each["application_id"] for each in found.json()["applications"]] == [APPLICATION]
    assert len(search({"limit": 2}).json()["applications"]) == 2
    for body, pointer in (
        ({"query": "x" * 121}, "/query"),
        ({"query": "a\0b"}, "/query"),
        ({"query": None}, "/query"),
        ({"limit": 0}, "/limit"),
        ({"limit": 101}, "/limit"),
        ({"cursor": ""}, "/cursor"),
        ({"page": 2}, "/page"),
    ):
        _problem(search(body), 422, "invalid_field", pointer)
    _problem(search({}, running_bank.officer("9001", "supervisor")), 403, "forbidden")
    _problem(search({}, running_bank.customer("cust-0001")), 403, "forbidden")
    login = {"Authorization": f"Bearer {officer}"}
    _problem(requests.get(f"{running_bank.url}/v1/applications?query=x", headers=login, timeout=10), 404, "not_found")


@pytest.mark.shows("CVP-3.2-8")
@pytest.mark.usefixtures("unwritten")
def test_unknown_paths_methods_and_query_parameters_are_problems(running_bank: DemoBank) -> None:
    login = {"Authorization": f"Bearer {running_bank.customer('cust-0001')}"}

    def get(path: str) -> requests.Response:
        return requests.get(running_bank.url + path, headers=login, timeout=10)

    _problem(get("/v1/nothing"), 404, "not_found")
    wrong = get("/v1/confirmations")
    _problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"
    _problem(get("/v1/me/calls?limit=0"), 422, "invalid_field", "/limit")
    _problem(get("/v1/me/calls?limit=x"), 422, "invalid_field", "/limit")
    _problem(get("/v1/me/calls?page=2"), 422, "invalid_field", "/page")
    _problem(get("/v1/me/calls?limit=1&limit=2"), 400, "malformed_request")
    _problem(get("/v1/receipts/rcpt_1"), 422, "invalid_field", "/receipt_id")
    _problem(get("/v1/receipts/rcpt_" + "0" * 32), 404, "not_found")
    _problem(get("/log/tile/0/000.p/255"), 404, "not_found")
    _problem(get("/log/tile/../../etc/passwd"), 404, "not_found")
