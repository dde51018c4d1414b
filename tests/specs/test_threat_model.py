"""The threat model names existing tests and rules. Each threat has a tested defence or is said to be open."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "specs/threat-model.md").read_text(encoding="utf-8")
ATTACKERS = re.findall(r"^\| (A\d+) \| [^|]+ \| [^|]+ \|$", TEXT, re.MULTILINE)
THREATS = re.findall(r"^\| (A\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)


def test_the_threat_model_names_existing_tests() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 20
    assert [name for name in sorted(named) if f"def {name}(" not in sources] == []


def test_the_threat_model_names_existing_rules_of_the_model() -> None:
    rules = set(re.findall(r'^    "([^"]+)"[,}]', (ROOT / "specs/model/Calls.tla").read_text(), re.MULTILINE))
    named = [
        rule
        for _, _, _, shown, _ in THREATS
        for rules_named in re.findall(r"rules? ((?:`[^`]+`(?:, )?)+)", shown)
        for rule in re.findall(r"`([^`]+)`", rules_named)
    ]
    assert len(named) > 10
    assert [rule for rule in named if rule not in rules] == []


def test_each_attacker_has_a_threat() -> None:
    assert [f"A{n}" for n in range(1, len(ATTACKERS) + 1)] == ATTACKERS
    assert {attacker for attacker, *_ in THREATS} == set(ATTACKERS)


def test_each_threat_has_a_tested_defence_or_is_said_to_be_open() -> None:
    for attacker, done, defence, shown, left in THREATS:
        if defence.strip() == "–" or shown.strip() == "–":
            assert left.startswith("open"), (attacker, done)
        else:
            assert "`" in shown, (attacker, done)
