"""The possible outcomes of a line of an import file, and the options for reading the file."""

from __future__ import annotations

from typing import get_args

from msgspec import Struct

from verifier.core.application import Registration, Stage, Status
from verifier.core.contacts import RIGHTS, Borrower, Contact, Role
from verifier.core.errors import VerifierError
from verifier.core.purposes import Language, Purpose
from verifier.import_files.lines import Line

# A file of refused lines has each reason in a column (CSV) or member (JSON) with this name. An import ignores it.
REASON = "reason"


class Reading(Struct, frozen=True):
    """The options for reading a file. `names` maps our columns to their headers in the file.

    `ignored` has the headers of the columns to ignore. `region` (ISO 3166) is the country of numbers without a country
    code.
    """

    region: str = "CN"
    encoding: str = "utf-8"
    names: dict[str, str] = {}
    ignored: frozenset[str] = frozenset()


class Good(Struct, frozen=True):
    """A line that can be registered."""

    line: Line
    application_id: str
    registration: Registration


class ContactLine(Struct, frozen=True):
    """A line with a contact of an application. `borrower` is None if the line does not name the borrower."""

    line: Line
    application_id: str
    contact: Contact
    borrower: Borrower | None


class Bad(Struct, frozen=True):
    """A line that cannot be registered, and the reason. `column` is a CSV header or a JSON Pointer.

    `column` is empty if the reason is about the whole line.
    """

    line: Line
    column: str
    reason: str


class Superseded(Struct, frozen=True):
    """A line that is not registered, because line `by`, further down in the file, has the same application."""

    line: Line
    column: str
    by: int


class Blank(Struct, frozen=True):
    """A line that has no application: an empty line, or the header of a CSV file."""

    line: Line
    header: bool = False


_VALUES: dict[str, tuple[str, ...]] = {
    "language": get_args(Language),
    "purpose": get_args(Purpose),
    "stage": get_args(Stage),
    "status": get_args(Status),
    "role": get_args(Role),
    "rights": RIGHTS,
    "kind": ("person", "company"),
}
Row = Good | ContactLine | Bad | Superseded | Blank


class BadLine(ValueError):
    """A line cannot be read. `column` names the bad column, and `reason` says what is wrong."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


def reason_of(error: VerifierError) -> tuple[str, str]:
    """The JSON Pointer and the reason of an error. The reason is a text that does not repeat the wrong value."""
    pointer, detail = (error.errors[0].pointer, error.errors[0].detail) if error.errors else ("", error.detail)
    name = next((each for each in reversed(pointer.split("/")) if not each.isdigit()), "")
    if detail.startswith("Invalid enum value"):
        detail = f"must be {' or '.join(_VALUES.get(name, ('another value',)))}"
    elif detail.startswith("there is no time zone"):
        detail = "is not the name of a time zone, like Asia/Shanghai"
    elif detail == "Expected `str` of length >= 1":
        detail = "must not be empty"
    elif detail.startswith("Expected `str` of length <= "):
        detail = f"must have at most {detail.rpartition(' ')[2]} characters"
    elif detail.startswith("Expected `str` matching regex"):
        detail = "must be one line of text, and not empty"
    elif detail == "an application stays with its customer":
        detail = "is not the customer for whom the application is registered"
    elif error.slug == "erased":
        detail = "the application has been erased, and its id cannot be used again"
    elif "timezone component" in detail:
        detail = "has no zone; write it like 2024-01-31T09:30:00+08:00"
    return pointer, detail


def shown(text: str, most: int = 80) -> str:
    """Make text from the file safe for a terminal: one line, without control characters, and at most `most` long."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:most])
