"""The numbered requirements of specs/ and the tests that show them. Makes the table specs/requirements.md.

python -m tests.requirements > specs/requirements.md
python -m tests.requirements FOLDER    names the MUSTs that a run did not show, from the notes of tests.sharing
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
TEXTS = ("specs/protocol.md", "specs/pbx.md")
WORDS = re.compile(r"\b(MUST NOT|MUST|SHOULD NOT|SHOULD|MAY)\b")
OUTSIDE = "*(outside)*"

_NUMBER = r"CVP-(P?\d+(?:\.\d+)?)-(\d+)"
_BEGINS = re.compile(rf"^ *(?:-|\d+\.) \*\*({_NUMBER})\*\* ")
_REFERENCE = re.compile(r"CVP-(P?\d+(?:\.\d+)?)(?:-(\d+)(?: to CVP-P?\d+(?:\.\d+)?-(\d+))?)?")
_HEADING = re.compile(r"^#{2,3} (\d+(?:\.\d+)?)\.? ")

HEAD = """# The requirements, and the tests that show them

Made by `python -m tests.requirements > specs/requirements.md` from [protocol.md](protocol.md), [pbx.md](pbx.md) and the
marks `@pytest.mark.shows` in `tests/`. `tests/specs/test_requirements.py` fails if this table is out of date, or if a
MUST has no test. *Outside* means that the requirement binds people, or programs outside this repository.

| requirement | | binds | shown by |
|---|---|---|---|
"""


class Requirement(NamedTuple):
    """One numbered item. `heading` is the section that contains it, which must match `section` in its number."""

    number: str
    section: str
    heading: str
    text: str

    @property
    def level(self) -> str:
        """The strongest word in it."""
        found = {word.split()[0] for word in WORDS.findall(self.text)}
        return next((word for word in ("MUST", "SHOULD", "MAY") if word in found), "")

    @property
    def outside(self) -> bool:
        return self.text.endswith(OUTSIDE)


class Text(NamedTuple):
    """A parsed text of specs/: its requirements, and the lines outside them."""

    requirements: list[Requirement]
    rest: list[str]


def read(name: str, content: str) -> Text:
    """Parse a text. An item continues over the indented lines after it. Fenced blocks contain no items."""
    prefix = "P" if name.endswith("pbx.md") else ""
    found: list[Requirement] = []
    rest: list[str] = []
    heading, fenced, open_item = "", False, False
    for line in content.splitlines():
        if line.startswith("```"):
            fenced, open_item = not fenced, False
            continue
        if fenced:
            continue
        if matched := _HEADING.match(line):
            heading = prefix + matched[1]
        if begun := _BEGINS.match(line):
            found.append(Requirement(begun[1], begun[2], heading, line[begun.end() :].strip()))
            open_item = True
        elif open_item and line.startswith(" ") and not re.match(r" *(?:-|\d+\.) ", line):
            found[-1] = found[-1]._replace(text=f"{found[-1].text} {line.strip()}")
        else:
            open_item = False
            rest.append(line)
    return Text(found, rest)


def texts() -> dict[str, str]:
    """The texts with requirements, keyed by path."""
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in TEXTS}


def requirements(contents: dict[str, str]) -> list[Requirement]:
    """All requirements, in the order of the texts."""
    return [each for name, content in contents.items() for each in read(name, content).requirements]


def marks(sources: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each number in a mark `shows`, with the test as pytest names it. Parses the sources without importing them."""
    for name, source in sources.items():
        yield from _marks_of(name, source)


@cache
def _marks_of(name: str, source: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (number, f"{name}::{node.name}")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        for number in _numbers(node.decorator_list)
    )


def _numbers(decorators: list[ast.expr]) -> Iterator[str]:
    for each in decorators:
        if isinstance(each, ast.Call) and ast.unparse(each.func) == "pytest.mark.shows":
            yield from (str(ast.literal_eval(argument)) for argument in each.args)


def tests() -> dict[str, str]:
    """The source of every test file, keyed by path."""
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def classes(protocol: str) -> dict[str, str]:
    """The conformance classes of section 14, each with its list of requirements as text."""
    section = protocol.partition("\n## 14. ")[2]
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]*CVP-[^|]*) \|$", section, re.MULTILINE)
    return {name.partition(" (")[0]: binding for name, binding in rows}


def bound(binding: str) -> Iterator[tuple[str, int, int]]:
    """Each section that a class names, with its first and last number. The last is 0 for a whole section."""
    for section, first, last in _REFERENCE.findall(binding):
        yield section, int(first or 1), int(last or first or 0)


def binds(binding: str, requirement: Requirement) -> bool:
    """Whether a requirement binds a class."""
    n = int(requirement.number.rpartition("-")[2])
    return any(
        section == requirement.section and first <= n and (last == 0 or n <= last)
        for section, first, last in bound(binding)
    )


def table(contents: dict[str, str], sources: dict[str, str]) -> str:
    """The text of specs/requirements.md."""
    shown: dict[str, list[str]] = {}
    for number, test in marks(sources):
        shown.setdefault(number, []).append(test)
    named = classes(contents[TEXTS[0]])
    rows = []
    for each in requirements(contents):
        whom = ", ".join(name for name, binding in named.items() if binds(binding, each))
        found = " ".join(f"`{test.removeprefix('tests/')}`" for test in sorted(shown.get(each.number, [])))
        rows.append(f"| {each.number} | {each.level} | {whom} | {found or ('*outside*' if each.outside else '')} |\n")
    return HEAD + "".join(rows)


def shown(outcomes: Iterable[str]) -> set[str]:
    """The requirements that a run showed. A test with a skipped or failed case shows nothing."""
    passed: set[tuple[str, str]] = set()
    missed: set[tuple[str, str]] = set()
    for line in outcomes:
        number, outcome, case = line.split(" ", 2)
        (passed if outcome == "passed" else missed).add((number, case.partition("[")[0].strip()))
    return {number for number, _ in passed - missed}


def unshown(found: list[Requirement], by: set[str]) -> list[str]:
    """The MUSTs that are not in `by`, the numbers of the requirements that were shown."""
    return [each.number for each in found if each.level == "MUST" and not each.outside and each.number not in by]


def main(folder: str = "") -> None:
    if not folder:
        print(table(texts(), tests()), end="")
        return
    lines = [line for path in Path(folder).glob("*.outcomes") for line in path.read_text().splitlines()]
    if missing := unshown(requirements(texts()), shown(lines)):
        sys.exit(f"Not shown by a test that passed: {', '.join(missing)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
