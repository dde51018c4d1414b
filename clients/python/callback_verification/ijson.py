"""JSON as evidence holds it (I-JSON, RFC 7493): bounded before it is read, and read in one way by every verifier.

Implements specs/protocol.md section 8.1.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100
# A quoted text, also one without an end, or a bracket. No two ways to match, so the work is linear.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


class TooDeep(ValueError):
    """JSON that nests deeper than a verifier reads."""


def read_json(octets: bytes, *, mark: bool = False) -> Any:
    """The value of a JSON text in UTF-8. `mark` passes over one byte-order mark at the beginning.

    Raises ValueError; for JSON that is nested too deeply, TooDeep.
    """
    text = octets.decode("utf-8-sig" if mark else "utf-8")
    _check_depth(text)
    value = json.loads(
        text, object_pairs_hook=_members, parse_int=_number, parse_float=_number, parse_constant=_no_constant
    )
    if "\\u" in text:
        # Half of a surrogate pair is an escape, since UTF-8 has none. It cannot be encoded: UnicodeEncodeError.
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
        kind = ValueError if depth else TooDeep
        raise kind(f"JSON may be nested {MAX_DEPTH} levels deep")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is given twice")
    return members


def _number(text: str) -> float:
    """A number as IEEE 754 has it, and an integer if that is its value, however it is written."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
