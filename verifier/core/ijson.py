"""Reads the JSON in evidence (I-JSON, RFC 7493). It is so strict that every verifier reads the same value.

Implements specs/protocol.md section 8.1. The depth of a text is checked before the text is parsed.
"""

from __future__ import annotations

import json
import re

MAX_DEPTH = 100
# Matches a bracket, or a string. A string may be unterminated. Each text can match in only one way, so matching takes
# linear time.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


class TooDeep(ValueError):
    """The JSON is nested too deeply, but all its brackets are closed."""


def read_json(octets: bytes, *, mark: bool = False) -> object:
    """The value of a JSON text in UTF-8. `mark` allows one byte-order mark at the beginning.

    Raises ValueError if the text is not valid. The ValueError is a TooDeep if the text is nested too deeply, but is
    otherwise balanced.
    """
    text = octets.decode("utf-8-sig" if mark else "utf-8")
    deepest, closed = _nesting(text)
    if deepest > MAX_DEPTH:
        raise (TooDeep if closed else ValueError)(f"the JSON is nested more than {MAX_DEPTH} levels deep")
    value = json.loads(
        text, object_pairs_hook=_members, parse_int=_number, parse_float=_number, parse_constant=_no_constant
    )
    if "\\u" in text:
        # UTF-8 has no lone surrogates, but an escape can make one. Encoding a lone surrogate raises UnicodeEncodeError.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _nesting(text: str) -> tuple[int, bool]:
    """The depth of a JSON text, and whether all brackets are closed."""
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in ("]", "}"):
            depth -= 1
    return deepest, depth == 0


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is given twice")
    return members


def _number(text: str) -> float:
    """The value of a JSON number, as an IEEE 754 double. If the value has no fraction, the result is an `int`."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
