"""Every MUST of specs/ has a test, every mark names a requirement, and the lists of the text match the code."""

from __future__ import annotations

import inspect
import re
from collections import Counter

import msgspec
import pytest

from tests import requirements
from tests.requirements import ROOT, TEXTS, Requirement, unshown
from verifier.api.problems import STATUS, status_of
from verifier.core import damm, errors
from verifier.core.errors import EvidenceError, VerifierError
from verifier.core.evidence import CLAIMS
from verifier.core.policy import DEFAULT_PURPOSES, LIFTABLE
from verifier.core.purposes import ASKS, NEVER_ASKS, PURPOSES
from verifier.core.reconciliation import KINDS
from verifier.core.statements import ConfirmedCall, ListedCall

CONTENTS = requirements.texts()
PROTOCOL = CONTENTS[TEXTS[0]]
REQUIREMENTS = requirements.requirements(CONTENTS)
KINDS_OF_STATEMENT = {
    "call-ticket+jwt": "ticket",
    "call-receipt+jwt": "receipt",
    "report-receipt+jwt": "report",
    "policy-exception+jwt": "exception",
    "call-history+jwt": "history",
}

# The objects within statements that have rows of their own.
PARTS = {"call": ConfirmedCall, "listed": ListedCall}


def unknown(found: list[Requirement], sources: dict[str, str]) -> list[tuple[str, str]]:
    """The marks whose number is no requirement."""
    numbers = {each.number for each in found}
    return [(number, test) for number, test in requirements.marks(sources) if number not in numbers]


def marked(sources: dict[str, str]) -> set[str]:
    return {number for number, _ in requirements.marks(sources)}


@pytest.mark.slow
def test_every_must_is_shown_by_a_test() -> None:
    assert len(REQUIREMENTS) > 150
    assert unshown(REQUIREMENTS, marked(requirements.tests())) == []


def test_a_test_with_a_skipped_case_shows_no_requirement() -> None:
    outcomes = [
        *("CVP-1-1 passed tests/test_x.py::test_a[sqlite]", "CVP-1-1 skipped tests/test_x.py::test_a[postgres a]"),
        *("CVP-1-2 skipped tests/test_x.py::test_b", "CVP-1-2 passed tests/test_x.py::test_c"),
        *("CVP-1-3 failed tests/test_x.py::test_d", "CVP-1-4 passed tests/test_x.py::test_e[a b]"),
    ]
    assert requirements.shown(outcomes) == {"CVP-1-2", "CVP-1-4"}
    assert "CVP-7.1-1" in unshown(REQUIREMENTS, requirements.shown(outcomes))


def test_every_mark_names_a_requirement() -> None:
    assert unknown(REQUIREMENTS, requirements.tests()) == []


def test_a_requirement_without_a_test_and_a_misspelt_mark_are_found() -> None:
    added = PROTOCOL.replace("\n### 7.2 ", "\n- **CVP-7.1-99** It MUST\n  do more.\n\n### 7.2 ")
    found = requirements.requirements({**CONTENTS, TEXTS[0]: added})
    assert "CVP-7.1-99" in unshown(found, marked(requirements.tests()))
    sources = {"tests/test_x.py": '@pytest.mark.shows("CVP-7.1-99", "CVP-7.l-1")\ndef test_more(): ...'}
    assert "CVP-7.1-99" not in unshown(found, marked(sources))
    assert unknown(found, sources) == [("CVP-7.l-1", "tests/test_x.py::test_more")]


def test_each_requirement_number_is_unique_and_names_its_section() -> None:
    assert [number for number, times in Counter(each.number for each in REQUIREMENTS).items() if times > 1] == []
    assert [each.number for each in REQUIREMENTS if each.section != each.heading] == []


def test_only_requirements_say_must_should_or_may_and_each_does() -> None:
    assert [each.number for each in REQUIREMENTS if not each.level] == []
    rest = [line for name, content in CONTENTS.items() for line in requirements.read(name, content).rest]
    (conventions,) = [line for line in rest if requirements.WORDS.search(line)]
    assert conventions.startswith("The words MUST, MUST NOT, SHOULD, SHOULD NOT and MAY are those of BCP 14")


def test_every_requirement_number_in_a_text_exists() -> None:
    numbers = {each.number for each in REQUIREMENTS}
    for path in (ROOT / "specs").rglob("*.md"):
        named = re.findall(r"CVP-P?[\d.]+-\d+", path.read_text(encoding="utf-8"))
        assert [each for each in named if each not in numbers] == [], path


def test_conformance_classes_name_existing_requirements_and_cover_all_of_them() -> None:
    named = requirements.classes(PROTOCOL)
    assert list(named) == ["issuer", "app", "IVR gateway", "PBX adapter", "verifier of receipts"]
    numbers = {each.number for each in REQUIREMENTS}
    sections = {each.section for each in REQUIREMENTS}
    for binding in named.values():
        for section, first, last in requirements.bound(binding):
            assert section in sections
            assert {f"CVP-{section}-{n}" for n in (first, last or first)} <= numbers
    unbound = [r.number for r in REQUIREMENTS if not any(requirements.binds(each, r) for each in named.values())]
    assert unbound == []


def test_the_table_of_requirements_is_up_to_date() -> None:
    made = requirements.table(CONTENTS, requirements.tests())
    assert (ROOT / "specs/requirements.md").read_text(encoding="utf-8") == made


def _section(number: str) -> str:
    return re.split(r"^#{2,3} ", PROTOCOL.partition(f"# {number} ")[2], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.shows("CVP-9-1")
def test_the_catalogue_of_errors_matches_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", _section("9."), re.MULTILINE)
    said = {slug: int(status) for slug, status in rows}
    assert said == {kind.slug: status for kind, status in STATUS.items()}
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, VerifierError)]
    told = {kind.slug for kind in kinds if not issubclass(kind, EvidenceError)}
    assert told == set(said)
    assert {status_of(kind) for kind in kinds} == set(said.values())
    of_evidence = re.findall(r"`(invalid_\w+)`", _section("9.").partition("Of a verifier")[2])
    assert set(of_evidence) == {kind.slug for kind in kinds if issubclass(kind, EvidenceError)}


@pytest.mark.shows("CVP-4-5")
def test_the_claims_of_each_statement_match_the_table() -> None:
    said: dict[str, set[str]] = {}
    rows = re.findall(r"^\| ((?:`\w+` ?)+) \| [^|]+ \| ([^|]+) \|", _section("4."), re.MULTILINE)
    for claims, where in rows:
        for kind in (*KINDS_OF_STATEMENT.values(), *PARTS):
            # A statement may have only one of a row's claims. The cell then names the claim: "`exp` exception".
            alone = re.findall(rf"`(\w+)` {kind}", where)
            if kind in re.findall(r"\w+", where) or (where == "all" and kind not in PARTS):
                said.setdefault(kind, set()).update(alone or re.findall(r"\w+", claims))
    has = {KINDS_OF_STATEMENT[typ]: _members(kind) for typ, kind in CLAIMS.items()}
    assert said == has | {name: _members(part) for name, part in PARTS.items()}


def _members(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


@pytest.mark.shows("CVP-4.3-1", "CVP-4.3-2")
def test_the_purposes_and_what_is_never_asked_match_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", _section("4.3"), re.MULTILINE)
    assert {purpose: tuple(re.findall(r"\w+", asks)) for purpose, asks in rows} == ASKS
    never = next(each.text for each in REQUIREMENTS if each.number == "CVP-4.3-2").partition(";")[0]
    assert tuple(re.findall(r"`(\w+)`", never)) == NEVER_ASKS


def test_the_rules_and_the_kinds_of_discrepancy_match_the_tables() -> None:
    rules = dict(re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|$", _section("4.2"), re.MULTILINE))
    assert len(rules) == 11
    assert sorted(rule for rule, lifted in rules.items() if lifted == "yes") == sorted(LIFTABLE)
    assert tuple(re.findall(r"^\| `(\w+)` \|", _section("6.5"), re.MULTILINE)) == KINDS


def test_the_purposes_of_each_status_match_the_default_of_the_setting() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (all|`.*`) \|$", _section("4.2"), re.MULTILINE))
    listed = {status: re.findall(r"`(\w+)`", purposes) for status, purposes in told.items()}
    assert {status: set(purposes or PURPOSES) for status, purposes in listed.items()} == DEFAULT_PURPOSES


@pytest.mark.shows("CVP-5-4")
def test_the_check_digit_matches_the_table_in_the_text() -> None:
    rows = re.findall(r"\b\d{10}\b", next(each.text for each in REQUIREMENTS if each.number == "CVP-5-4"))
    assert len(rows) == 10
    for digits in ("57200000", "83671543", "00000000", "98765432"):
        interim = 0
        for digit in digits:
            interim = int(rows[interim][int(digit)])
        assert damm.check_digit(digits) == str(interim)
