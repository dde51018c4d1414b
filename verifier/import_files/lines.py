"""Reads and decodes the lines of a file. The length of a line and the use of memory are bounded.

A line ends with LF or CRLF.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

MAX_LINE = 65_536
ENCODINGS = ("utf-8", "gb18030", "gbk", "gb2312", "big5", "utf-16", "utf-16-le", "utf-16-be", "windows-1252")
_CHUNK = 65_536


class UnreadableFile(ValueError):
    """Nothing in the file can be imported. For example, the header or the encoding of the file is wrong."""


class Line(Struct, frozen=True):
    """One line without its line end. `text` is None if the line is longer than MAX_LINE octets of UTF-8.

    `octets` is the number of octets of the file that have been read so far.
    """

    number: int
    text: str | None
    end: str
    octets: int


def read_lines(path: Path, encoding: str) -> Iterator[Line]:
    """Yield every line of the file, without the byte-order mark. Raises UnreadableFile if the encoding is wrong."""
    number = 0
    try:
        for number, line in enumerate(_lines(path, encoding), start=1):
            text, end, octets = line
            yield Line(number, text, end, octets)
    except UnicodeDecodeError as error:
        # In UTF-16, the octet 0a may be half of a character. In the other encodings, it is always a line feed.
        lines = None if encoding.startswith("utf-16") else number + error.object[: error.start].count(b"\n") + 1
        raise UnreadableFile(_other_encoding(path, encoding, lines)) from error
    except UnicodeError as error:
        raise UnreadableFile(
            "the file has no byte-order mark; try --encoding utf-16-le, which Windows writes, or utf-16-be"
        ) from error


def marked(path: Path) -> bool:
    """Whether the file begins with the byte-order mark of UTF-8."""
    with path.open("rb") as file:
        return file.read(3) == codecs.BOM_UTF8


def _lines(path: Path, encoding: str) -> Iterator[tuple[str | None, str, int]]:
    octets = 0
    held: str | None = ""  # the line that has not ended yet; None once it is too long
    for text, octets in _text(path, encoding):
        *ended, rest = text.split("\n")
        for each in ended:
            whole = _bounded(held, each)
            held = ""
            end = "\r\n" if (whole or each).endswith("\r") else "\n"
            whole = whole.removesuffix("\r") if whole is not None else None
            yield (whole if _fits(whole) else None), end, octets
        held = _bounded(held, rest)
    if held != "":
        whole = _bounded(held, "")
        yield (whole if _fits(whole) else None), "", octets


def _text(path: Path, encoding: str) -> Iterator[tuple[str, int]]:
    decoder = codecs.getincrementaldecoder(encoding)()
    octets, first = 0, True
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            octets += len(chunk)
            text = decoder.decode(chunk)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            yield text, octets
        yield decoder.decode(b"", final=True), octets


def _bounded(held: str | None, more: str) -> str | None:
    if held is None or len(held) + len(more) > MAX_LINE + 1:  # the extra character is for a carriage return
        return None
    return held + more


def _fits(text: str | None) -> bool:
    return text is not None and len(text.encode()) <= MAX_LINE


def _other_encoding(path: Path, encoding: str, line: int | None) -> str:
    """One sentence that names the problem with the encoding, and says what to do."""
    wrong = f"the file is not {encoding.upper()}" + (f" (line {line})" if line is not None else "")
    with path.open("rb") as file:
        start = file.read(2)
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) and encoding != "utf-16":
        return f"{wrong}; it begins like UTF-16, so try --encoding utf-16"
    if encoding != "gb18030" and _decodes(path, "gb18030"):
        return f"{wrong}; its bytes can be read as GB18030, so try --encoding gb18030"
    return f"{wrong}; give the encoding that it was saved in with --encoding, or save it as UTF-8"


def _decodes(path: Path, encoding: str) -> bool:
    try:
        for _ in _text(path, encoding):
            pass
    except UnicodeDecodeError:
        return False
    return True
