"""A strict JSON parser for evidence (I-JSON, RFC 7493). It ensures that all verifiers read the same values.

Implements specs/protocol.md section 8.1.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100
# A string, terminated or not, or a bracket. Each text matches in only one way, so the time is linear.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


class TooDeep(ValueError):
    """The JSON is nested too deeply."""


def read_json(octets: bytes, *, mark: bool = False) -> Any:
    """Parse JSON in UTF-8. With `mark`, ignore one byte-order mark at the beginning.

    Raises ValueError, and TooDeep for JSON that is nested too deeply.
    """
    text = octets.decode("utf-8-sig" if mark else "utf-8")
    _check_depth(text)
    value = json.loads(
        text, object_pairs_hook=_members, parse_int=_number, parse_float=_number, parse_constant=_no_constant
    )
    if "\\u" in text:
        # UTF-8 has no lone surrogates, but an escape may be one. Encoding it raises UnicodeEncodeError.
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
        # With unbalanced brackets, it is not JSON at all.
        kind = ValueError if depth else TooDeep
        raise kind(f"the JSON is nested more than {MAX_DEPTH} levels deep")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has two members with the same name")
    return members


def _number(text: str) -> float:
    """Parse a number as IEEE 754 does. An integral value becomes an int, in every notation."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
