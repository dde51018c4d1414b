"""The table of specs/laws.md names existing tests. Also tests of laws L1, L9 and L11 on the interface itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from verifier.api.routes import operations
from verifier.api.throttle import SLIPS, Throttle
from verifier.core import words
from verifier.core.application import Loan, Officer
from verifier.core.call import Progress
from verifier.core.purposes import ASKS, ITEMS, Language

ROOT = Path(__file__).parents[2]
LOAN = Loan("个人住房贷款", "LN-2026-0001")
LAWS = [*(f"L{n}" for n in range(1, 15)), "L16"]


def _genuine(language: Language, officer: Officer, purpose: str, asks: tuple[str, ...]) -> str:
    return words.genuine(language, words.who(language, officer, words.About(purpose, asks, LOAN)))


def _table() -> dict[str, list[str]]:
    rows = re.findall(r"^\| (L\d+) [^|]*\|[^|]*\|([^|]*)\|$", (ROOT / "specs/laws.md").read_text(), re.MULTILINE)
    return {law: re.findall(r"`(test_\w+)`", tests) for law, tests in rows}


@pytest.mark.parametrize("law", LAWS)
def test_each_law_names_tests_that_exist(law: str) -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = _table()[law]
    assert named
    assert [name for name in named if f"def {name}(" not in sources] == []


@pytest.mark.shows("CVP-13-1")
def test_no_operation_takes_a_code_without_login() -> None:
    """Law L9: an operation whose body may hold a code requires a login."""
    table = operations(None, Throttle("slips", SLIPS, lambda: 0))  # type: ignore[arg-type]
    for operation in table:
        members = {"code", "digits"} & set(getattr(operation.body, "__struct_fields__", ()))
        assert not members or operation.who, operation.id


@pytest.mark.shows("CVP-3.2-7")
def test_no_address_contains_search_terms() -> None:
    """Law L11: proxies log addresses, so an address may have only these parameters."""
    table = operations(None, Throttle("slips", SLIPS, lambda: 0))  # type: ignore[arg-type]
    asked = {name for operation in table for name in getattr(operation.query, "__struct_fields__", ())}
    assert asked == {"limit", "cursor", "since", "until", "kind", "old", "new", "shard"}
    named = {name for operation in table for name in re.findall(r"\{(\w+)\}", operation.path)}
    assert named == {
        "application_id",
        "call_id",
        "request_id",
        "session_id",
        "receipt_id",
        "staff_id",
        "path",
        "shard",
        "helper_id",
    }


@pytest.mark.shows("CVP-3.2-3", "CVP-3.2-6")
def test_every_post_that_changes_something_needs_an_idempotency_key() -> None:
    table = operations(None, Throttle("slips", SLIPS, lambda: 0))  # type: ignore[arg-type]
    without = {each.path for each in table if each.method == "POST" and not each.idempotent_key}
    assert without == {
        "/v1/applications/search",
        "/v1/looks/search",
        "/v1/receipts/verification",
        "/v1/receipts/symbols",
        "/v1/calls/{call_id}/identity",
        "/v1/legs/alive",
        "/v1/me/call-verification",
    }


@pytest.mark.shows("CVP-2-8")
def test_a_genuine_verdict_tells_the_customer_to_read_nothing_back() -> None:
    """Law L1: the verdict gives the customer nothing to tell the caller."""
    for language in words.LANGUAGES:
        said = _genuine(language, Officer("4412", "Li Wei", "Branch"), "documents", ASKS["documents"])
        assert ITEMS["read_back"][language] in said


@pytest.mark.shows("CVP-7.4-1", "CVP-13-2")
def test_no_text_for_customers_contains_a_link() -> None:
    """Law L9: nothing that is shown or spoken is a web address or looks like one."""
    officer = Officer("4412", "Li Wei", "Branch")
    said = [
        text
        for table in (
            words.NOT_GENUINE,
            words.UNAVAILABLE,
            words.UNREGISTERED,
            words.OTHER_NUMBER,
            words.NO_CALL,
            words.UNKNOWN,
        )
        for text in table.values()
    ]
    for language in words.LANGUAGES:
        said += [_genuine(language, officer, purpose, asks) for purpose, asks in ASKS.items()]
        said += [words.progress(language, each, officer, purpose) for each in get_args(Progress) for purpose in ASKS]
    assert not [text for text in said if re.search(r"https?:|www\.|\w\.(com|cn|example)\b", text)]
