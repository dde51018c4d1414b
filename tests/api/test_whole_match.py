"""A path, cursor, header or member must match its pattern as a whole. A trailing line feed is refused."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import requests

from tests.api.conftest import SystemSession
from verifier.api import routes
from verifier.api.throttle import SLIPS, Throttle
from verifier.config import Config
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso

OPERATIONS = routes.operations(None, Throttle("slips", SLIPS, lambda: 0))  # type: ignore[arg-type]
APPLICATION = {
    "customer": {"id": "c-1", "name": "王芳"},
    "numbers": [{"number": "+8613800138000", "added_at": "2020-01-01T00:00:00Z"}],
    "officers": [{"id": "4412", "name": "李伟", "branch": "北京"}],
    "product": "loan",
}


def _types() -> dict[str, Any]:
    found: dict[str, Any] = {"settings": Config}
    for operation in OPERATIONS:
        found |= {f"{operation.id} {name}": kind for name, kind in operation.path_types.items()}
        found |= {f"{operation.id} {name}": getattr(operation, name) for name in ("body", "query")}
    return {name: kind for name, kind in found.items() if kind is not None}


def _patterns(kind: Any) -> Iterator[str]:
    """Every pattern of a type, at any depth."""
    schema = msgspec.json.schema(kind)
    waiting: list[Any] = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get("pattern"), str):
                yield each["pattern"]
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)


@pytest.mark.shows("CVP-3.2-11")
@pytest.mark.parametrize("name", sorted(_types()))
def test_no_input_type_has_a_pattern_that_ignores_a_trailing_line_feed(name: str) -> None:
    for pattern in _patterns(_types()[name]):
        assert pattern.startswith("^")
        assert pattern.endswith("\\Z")


def test_the_input_types_have_more_than_forty_patterns() -> None:
    assert sum(1 for kind in _types().values() for _ in _patterns(kind)) > 40


@pytest.mark.parametrize("given", ["Z1%0A", "Z1%0D%0A", "Z1%0A%0A"])
def test_an_application_id_with_a_line_feed_is_refused(running_bank: DemoBank, given: str) -> None:
    system = SystemSession(running_bank, "loan-origination")
    refused = system.send("PUT", f"/v1/applications/{given}", APPLICATION)
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")


@pytest.mark.shows("CVP-3.2-2", "CVP-3.2-11")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("numbers", 0, "number"), "+8613800138000\n"),
        (("customer", "id"), "c-1\n"),
        (("customer", "name"), "王芳\n"),
        (("officers", 0, "id"), "4412\n"),
        (("product",), "loan\n"),
        (("customer", "time_zone"), "Asia/Shanghai\n"),
        (("customer", "name"), "王\u000b芳"),
        (("customer", "name"), "王\ufffe芳"),
        (("product",), "loan\uffff"),
    ],
)
def test_a_member_with_a_line_feed_or_a_character_not_allowed_in_xml_is_refused(
    running_bank: DemoBank, path: tuple[Any, ...], value: str
) -> None:
    body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(APPLICATION))
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    refused = SystemSession(running_bank, "loan-origination").send("PUT", "/v1/applications/WHOLE-1", body)
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")
    assert value not in refused.text


def test_a_cursor_with_a_line_feed_is_refused(running_bank: DemoBank) -> None:
    headers = {"Authorization": f"Bearer {running_bank.customer('cust-0001')}"}
    cursor = f"call_{secrets.token_hex(16)}"
    for given, status in ((cursor, 200), (f"{cursor}%0A", 422)):
        answer = requests.get(f"{running_bank.url}/v1/me/calls?cursor={given}", headers=headers, timeout=10)
        assert answer.status_code == status


def test_a_leg_id_with_a_line_feed_is_refused(running_bank: DemoBank) -> None:
    event = {"event": "ended", "leg_id": "1700000000.1\n", "at": now_iso()}
    refused = SystemSession(running_bank, "pbx").send("POST", "/v1/legs", event)
    assert (refused.status_code, refused.json()["slug"]) == (422, "invalid_field")
