"""Fuzzing imports: no bytes raise an uncaught error, and the result covers every line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import strategies as st

from tests.fuzz.budget import fuzz
from tests.import_files.test_import_file import HEADER, ROW, json_line
from tests.world import NOON
from verifier.import_files import ENCODINGS, Bad, Good, ImportFile, Reading, Rejects, Superseded, UnreadableFile

CSV_PIECES = [
    '"',
    '""',
    ",",
    ",,",
    ";",
    "@",
    "/",
    "\r",
    "\0",
    "+86",
    "13800138000",
    "1e9",
    "2024-01-01",
    "LN-1",
    "\u2028",
]
JSON_PIECES = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "1e999",
    "NaN",
    '"numbers":[{"number":',
]


def _damaged(line: str, pieces: list[str]) -> st.SearchStrategy[str]:
    """A good line with parts of it replaced, up to four times."""
    change = st.tuples(st.integers(0, len(line)), st.integers(0, 20), st.sampled_from(pieces) | st.text(max_size=4))

    def damage(changes: list[tuple[int, int, str]]) -> str:
        damaged = line
        for at, octets, instead in changes:
            damaged = damaged[:at] + instead + damaged[at + octets :]
        return damaged + "\n" * (not damaged.endswith("\n"))

    return st.lists(change, max_size=4).map(damage)


def _files(start: str, line: str, pieces: list[str]) -> st.SearchStrategy[tuple[bytes, Reading]]:
    """Whole files: damaged lines in some encoding, or arbitrary bytes."""
    encodings = st.sampled_from(ENCODINGS)
    lines = st.lists(_damaged(line, pieces), max_size=6).map("".join)
    starts = st.just(start) | st.just(f"\ufeff{start}") | _damaged(start or "\n", pieces)
    text = st.tuples(starts, lines).map("".join)
    encoded = st.tuples(text, encodings).map(
        lambda each: (each[0].encode(each[1], "ignore"), Reading(encoding=each[1]))
    )
    octets = st.binary(max_size=400).map(lambda each: start.encode() + each)
    return encoded | st.tuples(octets, encodings.map(lambda each: Reading(encoding=each)))


def _file_check(path: Path) -> tuple[list[ImportFile], Callable[[object], None]]:
    """Return a check for one file, and the list to which it adds readable files."""
    readable: list[ImportFile] = []

    def check(example: object) -> None:
        content, reading = cast("tuple[bytes, Reading]", example)
        path.write_bytes(content)
        try:
            export = ImportFile(path, NOON, reading)
        except UnreadableFile:
            return
        readable.append(export)
        rows = list(export.rows())
        _check_lines(rows, content, reading)
        refused = [row for row in rows if isinstance(row, Bad)]
        rejects = Rejects(path.with_stem("refused"), export)
        for row in refused:
            rejects.add(row)
        rejects.keep()
        if refused:
            again = ImportFile(path.with_stem("refused"), NOON, reading)
            assert len(list(again.rows())) == len(refused) + (again.header is not None)

    return readable, check


def _check_lines(rows: Sequence[object], content: bytes, reading: Reading) -> None:
    lines = content.decode(reading.encoding).split("\n")
    assert len(rows) == len(lines) - (lines[-1] in ("", "\ufeff"))
    good = [row for row in rows if isinstance(row, Good)]
    assert len({row.application_id for row in good}) == len(good)
    for row in rows:
        if isinstance(row, Bad):
            assert row.reason
            assert (row.column + row.reason).isprintable()
        if isinstance(row, Superseded):
            assert isinstance(rows[row.by - 1], Good)


@pytest.mark.shows("CVP-3.1-7")
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_every_line_of_any_file_gets_a_result(tmp_path: Path, name: str) -> None:
    files = _files(HEADER, ROW, CSV_PIECES) if name == "a.csv" else _files("", json_line(), JSON_PIECES)
    readable, check = _file_check(tmp_path / name)
    ran = fuzz(cast("st.SearchStrategy[object]", files), check)
    print(f"{name}: {ran} examples, of which {len(readable)} could be read")
    assert len(readable) > ran // 20
