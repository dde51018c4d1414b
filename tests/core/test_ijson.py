"""JSON in evidence is unambiguous, and its nesting is bounded before it is parsed."""

from __future__ import annotations

import pytest

from verifier.core.ijson import MAX_DEPTH, TooDeep, read_json


def test_a_number_is_read_by_its_value_in_any_notation() -> None:
    assert [read_json(text) for text in (b"1", b"1.0", b"10e-1", b"-0.0")] == [1, 1, 1, 0]
    assert read_json(b"1.5") == 1.5
    assert read_json(b"9007199254740993") == 9007199254740992


@pytest.mark.parametrize(
    "text",
    [b'{"a":1,"a":1}', b"NaN", b"Infinity", b"-Infinity", b'"\\ud800"', b'{"\\udc00":1}', b"\xff", b"", b"[1] 2"],
)
def test_ambiguous_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of json or of the codec
        read_json(text)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_one_byte_order_mark_is_skipped_where_allowed() -> None:
    assert read_json(b"\xef\xbb\xbf{}", mark=True) == {}
    with pytest.raises(ValueError, match=r"Expecting value|BOM"):
        read_json(b"\xef\xbb\xbf{}")
    with pytest.raises(ValueError, match=r"Expecting value|BOM"):
        read_json(b"\xef\xbb\xbf\xef\xbb\xbf{}", mark=True)


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded(begin: str, end: str) -> None:
    def nested(depth: int) -> bytes:
        return f"{begin * (depth - 1)}[]{end * (depth - 1)}".encode()

    read_json(nested(MAX_DEPTH))
    with pytest.raises(TooDeep):
        read_json(nested(MAX_DEPTH + 1))


def test_brackets_in_strings_do_not_nest() -> None:
    text = "[" * (2 * MAX_DEPTH) + '\\"{'
    assert read_json(f'"{text}"'.encode()) == text.replace("\\", "")
