"""Writes the refused lines of an import file to another file in the same format, with reasons.

People correct the lines in that file, and import it.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import tempfile
from pathlib import Path
from typing import IO

from verifier.import_files.csv_lines import Header, raw_cells
from verifier.import_files.import_file import ImportFile
from verifier.import_files.lines import UnreadableFile, marked
from verifier.import_files.rows import REASON, Bad, BadLine

_TOLD = re.compile(rf'\A\{{"{REASON}": "(?:[^"\\]|\\.)*+"(?:, )?')


class Rejects:
    """Collects the refused lines in a private temporary file next to `path`.

    `keep` renames the temporary file to `path`. `drop` removes it. Raises UnreadableFile if `path` is the import file
    itself, or has another suffix than the import file.
    """

    def __init__(self, path: Path, source: ImportFile) -> None:
        if path.suffix.lower() != source.path.suffix.lower():
            raise UnreadableFile(f"the file of rejected lines must end in {source.path.suffix}")
        if path.exists() and path.samefile(source.path):
            raise UnreadableFile("the file of rejected lines must not be the import file itself")
        self._path = path
        self._header = source.header
        encoding = source.reading.encoding
        descriptor, self._temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")
        self._encode = codecs.getincrementalencoder(encoding)("replace").encode
        if marked(source.path):
            self._file.write(codecs.BOM_UTF8)
        if self._header is not None:
            text = self._header.line.text or ""
            self._write(text if self._header.reason_at is not None else f"{text},{REASON}", self._header.line.end)

    def add(self, bad: Bad) -> None:
        """Write a refused line with its reason. If the line is too long, write only the reason."""
        reason = ": ".join(filter(None, (f"line {bad.line.number}", bad.column, bad.reason)))
        text = _json(bad.line.text, reason) if self._header is None else _csv(self._header, bad.line.text, reason)
        self._write(text, bad.line.end or "\n")

    def keep(self) -> None:
        """Rename the temporary file to `path`, in one step."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self._path)

    def drop(self) -> None:
        """Remove the temporary file, unless `keep` has renamed it."""
        self._file.close()
        Path(self._temporary).unlink(missing_ok=True)

    def _write(self, text: str, end: str) -> None:
        self._file.write(self._encode(text + end))


def _csv(header: Header, text: str | None, reason: str) -> str:
    """Add the reason to a CSV line. The other cells stay as they are.

    The reason goes into the column `reason`. If the file has no such column, the reason goes into a new last column.
    """
    said = '"' + reason.replace('"', "'") + '"'
    at = header.reason_at
    if text is None:
        cells = [""] * len(header.cells)
    else:
        try:
            cells = raw_cells(text)
        except BadLine:
            cells = []
    if at is None:
        return f"{text},{said}" if text is not None else ",".join([*cells, said])
    if len(cells) == len(header.cells):
        return ",".join([*cells[:at], said, *cells[at + 1 :]])
    return f"{_without_reason(text or '')},{said}"


def _without_reason(text: str) -> str:
    """Remove the reason that an earlier import added to a line. The line has cells that cannot be read."""
    start = text.rfind(',"', 0, -1)
    told = start >= 0 and text.endswith('"') and '"' not in text[start + 2 : -1]
    return text[:start] if told else text


def _json(text: str | None, reason: str) -> str:
    """The JSON object of a line, with the reason as its first member.

    A line that is not an object becomes the member `line` of a new object.
    """
    said = json.dumps(reason, ensure_ascii=False)
    if text is None:
        return f'{{"{REASON}": {said}}}'
    text = _TOLD.sub("{", text.strip(), count=1)
    if not text.startswith("{"):
        return f'{{"{REASON}": {said}, "line": {json.dumps(text, ensure_ascii=False)}}}'
    rest = text[1:].lstrip()
    return f'{{"{REASON}": {said}{"" if rest.startswith("}") else ", "}{rest}'
