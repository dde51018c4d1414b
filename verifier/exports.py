"""A bank's export of applications, CSV or JSON Lines, row by row. Carries out specs/protocol.md section 3.1.

A bad row is reported with its line and reason, and harms no other.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import phonenumbers
from msgspec import Struct

from verifier.core.application import ApplicationId, Registration

MAX_LINE = 65_536
COLUMNS = (
    "application_id",
    "customer_id",
    "customer_name",
    "language",
    "time_zone",
    "numbers",
    "officers",
    "product",
    "status",
    "service_calls",
    "marketing_calls",
)
_YES_NO = {"yes": True, "true": True, "1": True, "是": True, "no": False, "false": False, "0": False, "否": False}


class Good(Struct, frozen=True):
    """A row that can be registered."""

    line: int
    application_id: str
    registration: Registration


class Bad(Struct, frozen=True):
    """A row that cannot, and why."""

    line: int
    reason: str


class UnreadableExport(ValueError):
    """The file as a whole is not an export: unknown kind, wrong header, not UTF-8."""


def read_export(path: Path, region: str = "CN") -> Iterator[Good | Bad]:
    """The rows of a `.csv` or `.jsonl` file. `region` (ISO 3166) is assumed of numbers without a country code.

    Raises UnreadableExport.
    """
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UnreadableExport("the file must end in .csv or .jsonl")
    # utf-8-sig: spreadsheets like to begin a CSV with a byte order mark.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield from reader(file, region)


def _read_csv(lines: Iterable[str], region: str) -> Iterator[Good | Bad]:
    rows = csv.reader(lines, strict=True)
    try:
        header = next(rows, None)
    except csv.Error as error:
        raise UnreadableExport(f"the first line cannot be read: {error}") from error
    if header is None or tuple(name.strip() for name in header) != COLUMNS:
        raise UnreadableExport("the first line must be: " + ",".join(COLUMNS))
    while True:
        # A field may run over several lines; a row is named by the line it begins on.
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(line, str(error))
            continue
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(COLUMNS):
            yield Bad(line, f"{len(row)} columns instead of {len(COLUMNS)}")
            continue
        values = {name: cell.strip() for name, cell in zip(COLUMNS, row, strict=True)}
        yield _row(line, lambda values=values: (values["application_id"], _from_csv(values, region)))


def _read_jsonl(lines: Iterable[str], region: str) -> Iterator[Good | Bad]:
    for line, text in enumerate(lines, start=1):
        if text.strip():
            yield _row(line, lambda text=text: _from_json(text, region))


def _row(line: int, parse: Any) -> Good | Bad:
    try:
        application_id, plain = parse()
        checked = _application_id(application_id)
        registration = msgspec.convert(plain, Registration, strict=False)
        msgspec.json.encode(registration)  # a lone surrogate stands for bytes that are not UTF-8
        return Good(line, checked, registration)
    except UnicodeError:
        return Bad(line, "not UTF-8")
    except (ValueError, KeyError, TypeError) as error:
        return Bad(line, str(error)[:300])


def _application_id(given: Any) -> str:
    try:
        return msgspec.convert(given, ApplicationId)
    except msgspec.ValidationError as error:
        raise ValueError(f"application_id: {error}") from error


def _from_json(text: str, region: str) -> tuple[Any, dict[str, Any]]:
    if len(text) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} characters")
    plain = json.loads(text)
    if not isinstance(plain, dict):
        raise ValueError("not a JSON object")
    for number in plain.get("numbers") or ():
        if isinstance(number, dict) and isinstance(number.get("number"), str):
            number["number"] = e164(number["number"], region)
    return plain.pop("application_id", None), plain


def _from_csv(values: dict[str, str], region: str) -> dict[str, Any]:
    return {
        "customer": {
            "id": values["customer_id"],
            "name": values["customer_name"],
            "language": values["language"] or "zh-CN",
            "time_zone": values["time_zone"] or "Asia/Shanghai",
        },
        "numbers": [_number(each, region) for each in _list(values["numbers"])],
        "officers": [_officer(each) for each in _list(values["officers"])],
        "product": values["product"],
        "status": values["status"] or "open",
        "consents": {
            "service_calls": _yes_no(values["service_calls"] or "yes"),
            "marketing_calls": _yes_no(values["marketing_calls"] or "no"),
        },
    }


def _list(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _number(cell: str, region: str) -> dict[str, Any]:
    number, at, added = cell.partition("@")
    if not at:
        raise ValueError(f"the number {len(number)} characters long lacks '@ date added'")
    added_at = datetime.fromisoformat(added.strip())
    return {"number": e164(number, region), "added_at": added_at if added_at.tzinfo else added_at.replace(tzinfo=UTC)}


def _officer(cell: str) -> dict[str, str]:
    parts = [part.strip() for part in cell.split("/")]
    if len(parts) != 3:
        raise ValueError("an officer is: staff number / name / branch")
    return {"id": parts[0], "name": parts[1], "branch": parts[2]}


def _yes_no(cell: str) -> bool:
    if cell.lower() not in _YES_NO:
        raise ValueError("a consent is yes or no")
    return _YES_NO[cell.lower()]


def e164(number: str, region: str) -> str:
    """A number as people write it, in E.164. Raises ValueError; the message does not repeat the number."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException as error:
        raise ValueError("a telephone number cannot be read") from error
    if not phonenumbers.is_possible_number(parsed):
        raise ValueError("a telephone number has too few or too many digits")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
