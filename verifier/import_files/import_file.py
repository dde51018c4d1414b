"""Reads a whole import file twice. The first reading finds lines that supersede or contradict other lines.

The second reading yields the outcome of each line.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from verifier.core import strict_json
from verifier.core.application import ApplicationId, Registration
from verifier.core.errors import InvalidField, VerifierError
from verifier.core.names import check_names
from verifier.import_files import json_lines
from verifier.import_files.csv_fields import fields_over_lines
from verifier.import_files.csv_lines import Header
from verifier.import_files.lines import MAX_LINE, Line, UnreadableFile, read_lines
from verifier.import_files.rows import Bad, BadLine, Blank, Good, Reading, Row, Superseded, reason_of, shown
from verifier.service.applications import check

Facts = TypeVar("Facts")
Progress = Callable[[int], None]
JSON_SUFFIXES = (".jsonl", ".ndjson")


def _silent(octets: int) -> None:
    pass


class ImportFile:
    """An import file after its first reading.

    `header_type` reads the header of a CSV file. For each application, it remembers the number and the customer of the
    last line. Raises UnreadableFile if nothing in the file can be imported. `progress` is called with the number of
    octets that were read since the previous call of `progress`.
    """

    header_type = Header

    def __init__(self, path: Path, now_ms: int, reading: Reading | None = None, progress: Progress = _silent) -> None:
        self.path = path
        self.reading = reading or Reading()
        self.json = path.suffix.lower() in JSON_SUFFIXES
        self.header: Header | None = None
        self._now_ms = now_ms
        self._last: dict[str, tuple[int, str]] = {}
        self._conflicts: dict[str, tuple[int, str, int]] = {}
        self._check_kind()
        self._state = _state(path)
        self._fields = [] if self.json else list(fields_over_lines(read_lines(path, self.reading.encoding)))
        lines = 0
        for row in self._read(progress):
            lines = row.line.number
            self._remember(row)
        if not lines:
            raise UnreadableFile("the file is empty")

    def rows(self, progress: Progress = _silent) -> Iterator[Row]:
        """Yield the outcome of every line, in order.

        Raises UnreadableFile if the file has changed since the first reading.
        """
        if _state(self.path) != self._state:
            raise UnreadableFile("the file was changed while it was read")
        for row in self._read(progress):
            yield self._among_others(row)

    def _check_kind(self) -> None:
        if not self.json and self.path.suffix.lower() != ".csv":
            raise UnreadableFile("the name of the file must end in .csv or .jsonl")
        if not self.path.is_file():
            raise UnreadableFile("it is not an ordinary file")
        if self.json and (self.reading.names or self.reading.ignored):
            raise UnreadableFile("--map and --ignore are for CSV; JSON Lines has the members of the HTTP interface")

    def _read(self, progress: Progress) -> Iterator[Row]:
        done = 0
        for line in read_lines(self.path, self.reading.encoding):
            progress(line.octets - done)
            done = line.octets
            if not self.json and line.number == 1:
                self.header = self.header_type(line, self.reading)
                yield Blank(line, header=True)
            elif field := self._field(line.number):
                first, last = field
                yield Bad(line, "", f"is inside a field that begins on line {first} and ends on line {last}")
            else:
                yield self._row(line)

    def _field(self, number: int) -> tuple[int, int] | None:
        """The first and last line of the field that this line is inside of.

        None if the line is not inside a field that runs over several lines.
        """
        at = bisect_right(self._fields, (number, 0)) - 1
        return self._fields[at] if at >= 0 and number < self._fields[at][1] else None

    def _row(self, line: Line) -> Row:
        """The outcome of a line, without the other lines."""
        if line.text is None:
            return Bad(line, "", f"the line is longer than {MAX_LINE} octets")
        if not line.text.strip(" \t\r") or (self.header is not None and self.header.blank(line.text)):
            return Blank(line)
        try:
            if self.header is not None:
                given, facts = self.header.parse(line.text)
            else:
                given, facts = json_lines.parse(line.text, self.reading.region)
            return self._made(line, given, facts)
        except BadLine as error:
            return Bad(line, error.column, error.reason)
        except VerifierError as error:
            return self.bad(line, error)

    def _made(self, line: Line, given: object, facts: dict[str, object]) -> Row:
        """The row of a line with these facts. Raises VerifierError for wrong facts."""
        registration = converted(facts, Registration)
        check_names(registration)
        check(registration, self._now_ms)
        return Good(line, application_id(given), registration)

    def bad(self, line: Line, error: VerifierError) -> Bad:
        """Make the outcome of a line that was refused with this error.

        `error` comes from a type or from the service.
        """
        pointer, reason = reason_of(error)
        return Bad(line, shown(pointer) if self.header is None else self.header.column(pointer), shown(reason, 300))

    def _remember(self, row: Row) -> None:
        """Remember what the outcomes of other lines depend on."""
        if not isinstance(row, Good):
            return
        application_id, customer_id = row.application_id, row.registration.owner.id
        earlier = self._last.get(application_id)
        if earlier is not None and earlier[1] != customer_id:
            self._conflicts.setdefault(application_id, (*earlier, row.line.number))
        self._last[application_id] = row.line.number, customer_id

    def _among_others(self, row: Row) -> Row:
        """The outcome of a line after comparing it with the other lines of the file."""
        if not isinstance(row, Good):
            return row
        column = "/application_id" if self.header is None else self.header.column("/application_id")
        conflict = self._conflicts.get(row.application_id)
        if conflict is not None:
            line, customer_id, another = conflict
            other = another if row.registration.owner.id == customer_id else line
            return Bad(row.line, column, f"is on line {other} too, with another customer; which one is right?")
        last, _ = self._last.get(row.application_id, (row.line.number, ""))
        return row if last == row.line.number else Superseded(row.line, column, last)


def converted(facts: object, to: type[Facts]) -> Facts:
    """Convert facts to their type. Raises InvalidField."""
    try:
        return msgspec.convert(facts, to)
    except msgspec.ValidationError as error:
        raise strict_json.invalid(error) from error


def application_id(given: object) -> str:
    """The id of an application. Raises InvalidField."""
    try:
        return msgspec.convert(given, ApplicationId)
    except msgspec.ValidationError as error:
        raise InvalidField.at(
            "/application_id",
            "must be 1 to 64 letters, digits, dots, underscores and hyphens, the first a letter or digit",
        ) from error


def _state(path: Path) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns
