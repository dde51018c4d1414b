"""Fields of CSV that run over several lines, which RFC 4180 allows and an import does not (CVP-3.1-6).

A line inside one looks like a record of its own. It could be a customer's name that somebody has written to change
another customer's record, so it must not be taken for one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from verifier.import_files.lines import Line

MAX_RECORD = 1024


def fields_over_lines(lines: Iterable[Line]) -> Iterator[tuple[int, int]]:
    """The first and last line of each record that is well-formed only if a field runs over its lines.

    A stray quotation mark makes none: joined with the next one, it is no record with the columns of the header, or one
    that is too long for a name.
    """
    width = length = 0
    held: list[str] = []
    for line in lines:
        text = line.text or ""
        width = width or _width([text])
        odd = text.count('"') % 2 == 1
        if held:
            held.append(text)
            # With its line end: of empty lines there may be as many as the file has.
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
    """The columns of the one record that these lines are; 0 where they are none."""
    try:
        records = list(csv.reader([f"{line}\n" for line in lines], strict=True))
    except csv.Error:
        return 0
    return len(records[0]) if len(records) == 1 else 0
