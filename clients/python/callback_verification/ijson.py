"""A strict JSON parser for evidence (I-JSON, RFC 7493). It ensures that all verifiers read the same values.

Implements specs/protocol.md section 8.1.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100
# Matches a string (even without a closing quote) or a bracket. There is only one way to match a text, so the time is
# linear in its length.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


class TooDeep(ValueError):
    """The JSON is nested too deeply."""


def read_json(octets: bytes, *, mark: bool = False) -> Any:
    """Parse JSON in UTF-8. With `mark`, ignore one byte-order mark at the beginning.

    Raises TooDeep for JSON that is nested too deeply, and ValueError for all other invalid JSON.
    """
    text = octets.decode("utf-8-sig" if mark else "utf-8")
    _check_depth(text)
    value = json.loads(
        text, object_pairs_hook=_members, parse_int=_number, parse_float=_number, parse_constant=_no_constant
    )
    if "\\u" in text:
        # Refuse lone surrogates: an escape such as \ud800 can make one, and encoding it raises UnicodeEncodeError.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _check_depth(text: str) -> None:
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in ("]", "}"):
            depth -= 1
    if deepest > MAX_DEPTH:
        # If brackets are unbalanced, the text is not JSON at all, so raise ValueError instead of TooDeep.
        kind = ValueError if depth else TooDeep
        raise kind(f"the JSON is nested more than {MAX_DEPTH} levels deep")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has two members with the same name")
    return members


def _number(text: str) -> float:
    """Parse a number as an IEEE 754 double. A whole number becomes an int, even if it is written as `1.0` or `1e2`."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
