"""Reads printed receipts: the texts of their QR codes. Implements specs/protocol.md section 8.5."""

from __future__ import annotations

import re
import zlib

from callback_verification.errors import EvidenceError
from callback_verification.octets import from_base45

MARK = b"CVR1"
# A symbol of version 40 at level L holds this many alphanumeric characters (ISO/IEC 18004).
MAX_TEXT = 4_296
MAX_TEXTS = 9
# All texts of one receipt, each with a line end of two characters.
MAX_CONTENT = MAX_TEXTS * (MAX_TEXT + 2)
_TEXT = re.compile(r"CVR1(?:/([1-9])/([2-9]))?:([0-9A-Z $%*+./:-]+)")


def printed(content: bytes) -> bool:
    """Whether the content of a file is that of a printed receipt. It is the content of a receipt file otherwise."""
    return content.removeprefix(b"\xef\xbb\xbf").startswith(MARK)


def content_of(scanned: bytes, most: int) -> bytes:
    """The content of the receipt file in scanned texts, one on each line, in any order. It has at most `most` bytes.

    Raises EvidenceError. The work is linear in the length of what was scanned and of the content.
    """
    try:
        return _inflated(from_base45(_joined(scanned.removeprefix(b"\xef\xbb\xbf"))), most)
    except ValueError as error:
        raise EvidenceError("invalid_evidence", f"the printed receipt cannot be read: {error}") from error


def _joined(scanned: bytes) -> str:
    if len(scanned) > MAX_CONTENT:
        raise ValueError(f"it has more than {MAX_CONTENT} bytes")
    parts: dict[int, str] = {}
    numbers = set()
    # Not `splitlines`, which also splits at other characters. A space may be the last character of a text.
    for line in scanned.decode("ascii").replace("\r\n", "\n").split("\n"):
        if not line:
            continue
        found = _TEXT.fullmatch(line)
        if found is None or len(line) > MAX_TEXT:
            raise ValueError("a line is not the text of a symbol")
        place, number = int(found[1] or 1), int(found[2] or 1)
        numbers.add(number)
        if parts.setdefault(place, found[3]) != found[3]:
            raise ValueError(f"two different symbols have the number {place}")
    if len(numbers) != 1:
        raise ValueError("the symbols are of different receipts")
    missing = [each for each in range(1, max(numbers) + 1) if each not in parts]
    if missing or max(parts) > max(numbers):
        raise ValueError(f"of {max(numbers)} symbols, these are missing: {', '.join(map(str, missing)) or 'none'}")
    return "".join(parts[each] for each in sorted(parts))


def _inflated(data: bytes, most: int) -> bytes:
    inflating = zlib.decompressobj()
    try:
        content = inflating.decompress(data, most + 1)
    except zlib.error as error:
        raise ValueError("its data is damaged, or symbols of different receipts were mixed") from error
    if len(content) > most:
        raise ValueError(f"it holds more than {most} bytes")
    if not inflating.eof or inflating.unused_data:
        raise ValueError("its data is cut off, or something follows it")
    return content
