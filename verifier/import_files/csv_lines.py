"""Reads CSV (RFC 4180) in which each line is a record: quoted fields have no line breaks.

Implements specs/protocol.md section 3.1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec

from verifier.core.application import Instant
from verifier.core.text import unsafe
from verifier.import_files.lines import Line, UnreadableFile
from verifier.import_files.numbers import e164
from verifier.import_files.rows import REASON, BadLine, Reading, shown

REQUIRED = ("application_id", "customer_id", "customer_name", "numbers", "officers", "product")
OPTIONAL = ("reference", "language", "time_zone", "status", "closed_at", "service_calls", "marketing_calls")
COLUMNS = REQUIRED + OPTIONAL
Part = TypeVar("Part")

_CELL = re.compile(r'(?:"(?:[^"]|"")*+"|[^",]*+)(?=,|\Z)')
_SPACES = " \t\u00a0\u3000"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_TIME = "2024-01-31T09:30:00+08:00"
_YES_NO = {"yes": True, "true": True, "1": True, "是": True, "no": False, "false": False, "0": False, "否": False}
_POINTERS = {
    "/customer/id": "customer_id",
    "/customer/name": "customer_name",
    "/customer/language": "language",
    "/customer/time_zone": "time_zone",
}


class Header:
    """The header: the first line of the file, with the names of the columns.

    The file has `required` and `optional` columns. `pointers` has the columns whose names are not those of the member.
    Raises UnreadableFile if the header is wrong. The message names all problems of the header.
    """

    required: tuple[str, ...] = REQUIRED
    optional: tuple[str, ...] = OPTIONAL
    pointers: Mapping[str, str] = _POINTERS

    def __init__(self, line: Line, reading: Reading) -> None:
        self.line = line
        if line.text is None or unsafe(line.text):
            raise UnreadableFile(
                "the first line is not a header: it is too long or has control characters. "
                "Is the encoding right? A spreadsheet's “Unicode text” is --encoding utf-16"
            )
        try:
            self.cells = [each.strip(_SPACES) for each in split(line.text)]
        except BadLine as error:
            raise UnreadableFile(f"the first line cannot be read: {error.reason}") from error
        self._region = reading.region
        self._header = {name: reading.names.get(name, name) for name in self.required + self.optional}
        self._check(reading)
        self.at = {name: self.cells.index(each) for name, each in self._header.items() if each in self.cells}
        self.reason_at = self.cells.index(REASON) if REASON in self.cells else None

    def _check(self, reading: Reading) -> None:
        known = {*self._header.values(), *reading.ignored, REASON}
        needed = [header for name, header in self._header.items() if name in self.required or name in reading.names]
        counted = Counter(self.cells)
        wrong = {
            "Missing": [each for each in needed if each not in self.cells],
            "Not known": [each for each in counted if each not in known],
            "Given twice": [each for each, times in counted.items() if times > 1 and each not in reading.ignored],
        }
        if len(self.cells) == 1 and (";" in self.cells[0] or "\t" in self.cells[0]):
            raise UnreadableFile("the columns are not separated by commas; save the file as CSV with commas")
        if any(wrong.values()):
            problems = (f"{problem}: {_names(each)}" for problem, each in wrong.items() if each)
            raise UnreadableFile(
                f"the first line does not name the right columns. {'. '.join(problems)}.\n"
                f"Needed: {', '.join(self.required)}. Optional: {', '.join(self.optional)}.\n"
                "If a column has another name in the file, add --map COLUMN=HEADER; to leave one out, --ignore HEADER"
            )

    def parse(self, text: str) -> tuple[object, dict[str, object]]:
        """Parse a line. Returns its application id, and its facts in the form of the JSON body. Raises BadLine."""
        cells = split(text, self.cells)
        if len(cells) != len(self.cells):
            raise BadLine("", f"{_many(len(cells))} instead of {len(self.cells)}")
        for header, cell in zip(self.cells, cells, strict=True):
            if unsafe(cell) and header != REASON:
                raise BadLine(shown(header), "contains a control character or an invalid character")
        values = {name: cells[at].strip(_SPACES) for name, at in self.at.items()}
        return values["application_id"], self.facts(values)

    def blank(self, text: str) -> bool:
        """Whether all cells of a line are empty. The cell in the column `reason` may have text."""
        if not text.strip(f"{_SPACES},"):
            return True
        if self.reason_at is None or not text.startswith(","):
            return False
        try:
            cells = split(text)
        except BadLine:
            return False
        return not any(cell.strip(_SPACES) for at, cell in enumerate(cells) if at != self.reason_at)

    def column(self, pointer: str) -> str:
        """The header of the column with the value for a member. `pointer` is the JSON Pointer to the member."""
        name = self.pointers.get(pointer, pointer[1:].partition("/")[0])
        return shown(self._header.get(name, name))

    def read(self, values: dict[str, str], name: str, parse: Callable[[str], Part]) -> Part:
        """Parse a cell. Raises BadLine with the header of its column if `parse` raises ValueError."""
        try:
            return parse(values[name])
        except ValueError as error:
            raise BadLine(shown(self._header[name]), str(error)) from error

    def facts(self, values: dict[str, str]) -> dict[str, object]:
        """The facts of a line in the form of the JSON body. `values` has the cells by column. Raises BadLine."""
        read = partial(self.read, values)
        given = {name for name, value in values.items() if value}
        customer = {"id": values["customer_id"], "name": values["customer_name"]}
        customer |= {name: values[name] for name in ("language", "time_zone") if name in given}
        facts: dict[str, object] = {
            "customer": customer,
            "numbers": read("numbers", self.numbers),
            "officers": read("officers", lambda cell: each_of(cell, "officer", 20, _officer)),
            "product": values["product"],
            "consents": {name: read(name, yes_no) for name in ("service_calls", "marketing_calls") if name in given},
        }
        if "closed_at" in given:
            facts["closed_at"] = read("closed_at", _added)
        return facts | {name: values[name] for name in ("reference", "status") if name in given}

    def numbers(self, cell: str) -> list[dict[str, object]]:
        """The numbers in a cell, each with the time when it was added. Raises ValueError."""
        return each_of(cell, "number", 10, lambda part: _number(part, self._region))


def split(text: str, headers: list[str] | None = None) -> list[str]:
    """The cells of a line, without their quotation marks. Raises BadLine for a stray quotation mark.

    If `headers` are given, the BadLine names the header of the bad cell.
    """
    cells = raw_cells(text, headers)
    return [each[1:-1].replace('""', '"') if each.startswith('"') else each for each in cells]


def raw_cells(text: str, headers: list[str] | None = None) -> list[str]:
    """The cells of a line, with their quotation marks. Raises BadLine as `split` does."""
    cells: list[str] = []
    at = 0
    while at <= len(text):
        found = _CELL.match(text, at)
        if found is None:
            column = shown(headers[len(cells)]) if headers is not None and len(cells) < len(headers) else ""
            raise BadLine(column, _stray(text, at))
        cells.append(found[0])
        at = found.end() + 1
    return cells


def _stray(text: str, at: int) -> str:
    if not text.startswith('"', at):
        return 'a quotation mark is inside the field; put the field in quotation marks, and write "" for the mark'
    if '"' in text[at + 1 :].replace('""', ""):
        return 'text follows the closing quotation mark; a mark inside a field is written ""'
    return "a quotation mark opens the field, but none closes it on this line"


def _names(headers: list[str]) -> str:
    return ", ".join(shown(each) or '""' for each in headers[:20])


def _many(cells: int) -> str:
    return "1 column" if cells == 1 else f"{cells} columns"


def each_of(cell: str, noun: str, most: int, parse: Callable[[str], Part]) -> list[Part]:
    """Parse the parts of a cell, which have semicolons between them. Raises ValueError unless there are 1 to `most`."""
    parts = [part.strip(_SPACES) for part in cell.split(";")]
    parts = [part for part in parts if part]
    if not 1 <= len(parts) <= most:
        raise ValueError(f"has {len(parts)} {noun}s; it must have 1 to {most}, with semicolons between them")
    parsed = []
    for place, part in enumerate(parts, start=1):
        try:
            parsed.append(parse(part))
        except ValueError as error:
            raise ValueError(f"{noun} {place} {error}" if len(parts) > 1 else f"the {noun} {error}") from error
    return parsed


def _number(part: str, region: str) -> dict[str, object]:
    number, at, added = part.partition("@")
    if not at:
        raise ValueError("lacks the date when the number was added: NUMBER @ 2024-01-31")
    return {"number": e164(number.strip(_SPACES), region), "added_at": _added(added.strip(_SPACES))}


def _added(text: str) -> datetime:
    """Parse a date or a time. A date without a time means 00:00 UTC on that day. A time must have a zone."""
    try:
        return msgspec.convert(f"{text}T00:00:00Z" if _DATE.match(text) else text, Instant)
    except msgspec.ValidationError as error:
        if "timezone" in str(error):
            raise ValueError(f"has a time without a zone; write it like {_TIME}, or only the date") from error
        raise ValueError(f"has a date that is not written like 2024-01-31 or {_TIME}") from error


def _officer(part: str) -> dict[str, str]:
    parts = [each.strip(_SPACES) for each in part.split("/")]
    if len(parts) != 3:
        raise ValueError("is not: staff number / name / branch")
    return {"id": parts[0], "name": parts[1], "branch": parts[2]}


def yes_no(cell: str) -> bool:
    """Whether a cell says yes. Raises ValueError if it says neither yes nor no."""
    if cell.lower() not in _YES_NO:
        raise ValueError("must be yes or no")
    return _YES_NO[cell.lower()]
