"""Reads strict JSON from outside: UTF-8 with bounded depth and size, no repeated member, and no unsafe character.

Implements specs/protocol.md section 3.2. It is used for request bodies, import lines, the key ring and the systems
file. The time it takes is linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TypeVar

import msgspec

from verifier.core.errors import FieldError, InvalidField, MalformedRequest
from verifier.core.text import unsafe

MAX_DEPTH = 32
MAX_MEMBERS = 200
# The maximum number of commas and opening brackets in a text. It bounds the number of values. Commas and brackets
# inside strings count too. The largest valid body has about 150 of them, and up to 2,000 more in its free text.
MAX_PARTS = 4_096
Shape = TypeVar("Shape")

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*?)`")
# Matches everything except brackets. It also matches whole strings, with the brackets inside them. The last string may
# be unterminated.
_NO_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[^\[\]{}"]+', re.DOTALL)
_ALIKE = str.maketrans("{}", "[]")
_MISSING = re.compile(r"missing required field `(?P<name>.*?)`")


def loads(text: bytes, what: str, most: int = MAX_PARTS) -> object:
    """The value of a JSON text. `what` names the text in errors: "the body", "the line".

    Raises MalformedRequest if the text is not strict JSON, or has more than `most` commas and opening brackets. Raises
    InvalidField for a string with an unsafe character.
    """
    try:
        plain = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"{what} is not UTF-8") from error
    brackets = plain.count("[") + plain.count("{")
    too_much = brackets + plain.count(",") > most
    # A text with too many parts is refused anyway. To choose between the two errors, checking the beginning of the text
    # is enough.
    if brackets > MAX_DEPTH and _too_deep(plain[:MAX_PARTS] if too_much else plain):
        raise MalformedRequest(f"{what} is nested too deep: at most {MAX_DEPTH} levels")
    if too_much:
        raise MalformedRequest(f"{what} holds too much: at most {most} commas and opening brackets")
    try:
        value = _STRICT.decode(plain)
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"{what} is not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise MalformedRequest(f"{what} is nested too deep: at most {MAX_DEPTH} levels") from error
    except _Constant as error:
        raise MalformedRequest(f"{what} is not JSON: {error}") from error
    except ValueError as error:
        # Python refuses numbers that are this long. Its message is for Python programmers, so it is not repeated here.
        raise MalformedRequest(f"{what} holds a number of thousands of digits") from error
    # Without escapes, each character of a string is also a character of the text. Then checking the text is enough.
    if b"\\" in text or unsafe(plain):
        _check(value, "")
    return value


def decode(text: bytes, decoder: msgspec.json.Decoder[Shape], what: str, most: int = MAX_PARTS) -> Shape:
    """Decode a JSON text to the type of `decoder`. Raises MalformedRequest, or InvalidField for a wrong member."""
    loads(text, what, most)
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        raise invalid(error) from error
    except msgspec.DecodeError as error:
        raise MalformedRequest(f"{what} is not JSON: {error}") from error


def invalid(error: msgspec.ValidationError) -> InvalidField:
    """Convert an error of msgspec to an InvalidField, with a JSON Pointer to the wrong member."""
    matched = _AT.match(str(error))
    what, path = (matched["what"], matched["path"] or "") if matched else (str(error), "")
    named = _UNKNOWN.search(what) or _MISSING.search(what)
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.replace(".", "/"))
    if named:
        pointer += _pointer(named["name"][:80])
    return InvalidField.at(pointer[:200], what[:300])


def _too_deep(text: str) -> bool:
    """Whether brackets are nested deeper than `MAX_DEPTH`. Each pass removes the innermost pairs of brackets.

    Any bracket still there after `MAX_DEPTH` passes is nested too deeply, or is never closed.
    """
    brackets = _NO_BRACKETS.sub("", text).translate(_ALIKE)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace("[]", "")
    return "[]" in brackets or brackets.count("[") > MAX_DEPTH


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > MAX_MEMBERS:
        raise MalformedRequest(f"an object has too many members: at most {MAX_MEMBERS}")
    members = dict(pairs)
    if len(members) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise MalformedRequest(
            "a member is given twice", errors=(FieldError(_pointer(repeated[:80]), "given more than once"),)
        )
    return members


class _Constant(ValueError):
    """The text contains NaN or Infinity. Python reads these, but they are not JSON."""


def _no_constant(name: str) -> None:
    raise _Constant(f"{name} is not JSON")


# Refuse repeated members, because some decoders use the first value of such a member, and others use the last. A
# signature could then cover a value that the service does not use.
_STRICT = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_constant)


def _check(value: object, pointer: str) -> None:
    """Raise InvalidField if a string or the name of a member has an unsafe character."""
    if isinstance(value, str):
        if unsafe(value):
            raise InvalidField.at(pointer, "holds a control character or an invalid character")
    elif isinstance(value, list):
        for position, each in enumerate(value):
            _check(each, f"{pointer}/{position}")
    elif isinstance(value, dict):
        for name, each in value.items():
            _check(name, pointer)
            _check(each, (pointer + _pointer(name[:80]))[:200])


def _pointer(name: str) -> str:
    return "/" + name.encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")
