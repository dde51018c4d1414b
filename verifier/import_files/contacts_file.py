"""Reads a CSV file of contacts. Each line is one contact, and the lines of an application follow one another.

Implements specs/protocol.md section 3.1. The contacts of an application are replaced as a whole, so a line that is
refused refuses the other lines of its application too. Otherwise a contact could be lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType

from verifier.core.contacts import MOST_CONTACTS, Borrower, Contact
from verifier.core.errors import InvalidField, VerifierError
from verifier.import_files.csv_lines import Header, each_of, split, yes_no
from verifier.import_files.import_file import ImportFile, application_id, converted
from verifier.import_files.lines import Line, UnreadableFile
from verifier.import_files.rows import Bad, BadLine, Blank, ContactLine, Row


class ContactHeader(Header):
    """The header of a file of contacts."""

    required = ("application_id", "contact_name", "role", "rights")
    optional = (
        *("contact_id", "numbers", "language", "time_zone", "service_calls", "marketing_calls"),
        *("borrower_id", "borrower_name", "borrower_kind"),
    )
    pointers = MappingProxyType(
        {
            "/id": "contact_id",
            "/name": "contact_name",
            "/borrower": "borrower_id",
            "/borrower/id": "borrower_id",
            "/borrower/name": "borrower_name",
            "/borrower/kind": "borrower_kind",
        }
    )

    def facts(self, values: dict[str, str]) -> dict[str, object]:
        """The contact of a line, and perhaps the borrower, in the form of the JSON body. Raises BadLine."""
        given = {name for name, value in values.items() if value}
        read = partial(self.read, values)
        contact: dict[str, object] = {
            "name": values["contact_name"],
            "role": values["role"],
            "rights": read("rights", lambda cell: each_of(cell, "right", 3, str)) if "rights" in given else [],
            "numbers": read("numbers", self.numbers) if "numbers" in given else [],
            "consents": {name: read(name, yes_no) for name in ("service_calls", "marketing_calls") if name in given},
        }
        contact |= {name: values[name] for name in ("language", "time_zone") if name in given}
        if "contact_id" in given:
            contact["id"] = values["contact_id"]
        of_borrower = {
            name: values[f"borrower_{name}"] for name in ("id", "name", "kind") if f"borrower_{name}" in given
        }
        return {"contact": contact, **({"borrower": of_borrower} if of_borrower else {})}

    def application_of(self, text: str) -> str | None:
        """The application that a line is about, also if another cell is wrong. None if the cells cannot be told."""
        try:
            cells = split(text)
        except BadLine:
            return None
        if len(cells) != len(self.cells):
            return None
        return cells[self.at["application_id"]].strip()


class ContactsFile(ImportFile):
    """A file of contacts after its first reading. Raises UnreadableFile as an ImportFile does."""

    header_type = ContactHeader

    # For each application: its first line, and the line and the reason for which all its lines are refused.
    _first: dict[str, int]
    _refused: dict[str, tuple[int, str]]

    def _check_kind(self) -> None:
        super()._check_kind()
        if self.json:
            raise UnreadableFile("contacts are in a .csv file; JSON Lines has them in the member contacts")
        self._first, self._refused = {}, {}
        self._current: str | None = None
        self._many = 0
        self._unknown: int | None = None

    def _made(self, line: Line, given: object, facts: dict[str, object]) -> Row:
        contact = converted(facts["contact"], Contact)
        borrower = None
        if "borrower" in facts:
            try:
                borrower = converted(facts["borrower"], Borrower)
            except InvalidField as error:
                problem = error.errors[0]
                raise InvalidField.at(f"/borrower{problem.pointer}", problem.detail) from error
        return ContactLine(line, application_id(given), contact, borrower)

    def _application_of(self, row: Row) -> str | None:
        assert isinstance(self.header, ContactHeader)  # noqa: S101 - the first line of a file of contacts
        if isinstance(row, ContactLine):
            return row.application_id
        inside = self._field(row.line.number) is not None
        return None if row.line.text is None or inside else self.header.application_of(row.line.text)

    def _remember(self, row: Row) -> None:
        if isinstance(row, Blank):
            return
        number, application = row.line.number, self._application_of(row)
        if application is None:
            # It may be a contact of the application before it, or of the one after it.
            self._unknown = number
            if self._current is not None:
                self._refuse(self._current, number, "cannot be read, and may have another contact of the application")
            return
        if application != self._current:
            if application in self._first:
                self._refuse(application, number, "has the application too, but is not next to its other lines")
            self._first.setdefault(application, number)
            self._current, self._many = application, 0
        self._many += 1
        if self._unknown is not None:
            self._refuse(application, self._unknown, "cannot be read, and may have another contact of the application")
            self._unknown = None
        if isinstance(row, Bad):
            self._refuse(application, number, "has another contact of the application, and is refused")
        elif self._many > MOST_CONTACTS:
            self._refuse(application, number, f"is the contact after the first {MOST_CONTACTS}, which are the most")

    def refused(self, lines: Sequence[ContactLine], error: VerifierError) -> list[Bad]:
        """The lines of an application that was refused. The line that the error is about has the reason."""
        pointer = error.errors[0].pointer if error.errors else ""
        _, kind, place, *rest = (*pointer.split("/", 3), "", "", "")
        about = lines[int(place)].line.number if kind == "contacts" and place.isdigit() else None
        told = []
        for each in lines:
            if about is not None and each.line.number != about:
                column = self.header.column("/application_id") if self.header is not None else ""
                reason = f"line {about} has another contact of the application, and is refused"
                told.append(Bad(each.line, column, reason))
            elif about is not None:
                own = InvalidField.at(f"/{rest[0]}", error.errors[0].detail)
                told.append(self.bad(each.line, own))
            else:
                told.append(self.bad(each.line, error))
        return told

    def _refuse(self, application: str, line: int, reason: str) -> None:
        self._refused.setdefault(application, (line, reason))

    def _among_others(self, row: Row) -> Row:
        if not isinstance(row, ContactLine) or row.application_id not in self._refused:
            return row
        line, reason = self._refused[row.application_id]
        column = self.header.column("/application_id") if self.header is not None else ""
        told = f"line {line} {reason}" if line != row.line.number else reason
        return Bad(row.line, column, told)
