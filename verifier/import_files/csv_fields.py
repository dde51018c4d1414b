"""Finds CSV fields that run over several lines. RFC 4180 allows such fields, but an import refuses them (CVP-3.1-6).

A line inside such a field may look like a record. An attacker could put such a line into a customer's name, to change
the record of another customer. So a line inside a field must not be read as a record.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from verifier.import_files.lines import Line

MAX_RECORD = 1024


def fields_over_lines(lines: Iterable[Line]) -> Iterator[tuple[int, int]]:
    """Find each record that is well-formed only if one of its fields runs over several lines.

    Yields the first and last line of each such record. Two stray quotation marks in the file do not make such a record:
    the text between them has too many or too few columns, or is too long for a name.
    """
    width = length = 0
    held: list[str] = []
    for line in lines:
        text = line.text or ""
        width = width or _width([text])
        odd = text.count('"') % 2 == 1
        if held:
            held.append(text)
            # Count the line end too. Otherwise, a file of empty lines would never reach the limit.
            length += len(text) + 1
            if odd and len(held) > 2 and _width(held) == width:
                yield line.number - len(held) + 1, line.number
                held = []
            elif odd:
                held, length = [text], len(text)
            elif length > MAX_RECORD:
                held = []
        elif odd:
            held, length = [text], len(text)


def _width(lines: list[str]) -> int:
    """The number of columns if these lines form exactly one record. Otherwise 0."""
    try:
        records = list(csv.reader([f"{line}\n" for line in lines], strict=True))
    except csv.Error:
        return 0
    return len(records[0]) if len(records) == 1 else 0
