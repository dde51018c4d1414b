"""JSON from outside: one strict parser for bodies, lines and files."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core import strict_json
from verifier.core.errors import InvalidField, MalformedRequest
from verifier.core.strict_json import MAX_DEPTH, MAX_MEMBERS, MAX_PARTS


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.shows("CVP-3.2-2")
def test_nesting_is_bounded_before_parsing() -> None:
    strict_json.loads(nested(MAX_DEPTH), "it")
    strict_json.loads(b'{"a":' * (MAX_DEPTH - 1) + b"{}" + b"}" * (MAX_DEPTH - 1), "it")
    for text in (nested(MAX_DEPTH + 1), b'{"a":' * 1_000_000, b"[" * 1_000_000, b'["\\"",' + b"[" * 1_000_000):
        with pytest.raises(MalformedRequest, match="it is nested too deep: at most 32 levels"):
            strict_json.loads(text, "it")


def _holders(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text('ab[]{}"'), inner, max_size=3)


@given(st.recursive(st.just(0), _holders))
def test_the_depth_of_nesting_is_counted_exactly(value: object) -> None:
    def depth(each: object) -> int:
        held = each if isinstance(each, list) else each.values() if isinstance(each, dict) else None
        return 0 if held is None else 1 + max(map(depth, held), default=0)

    wrapped = value
    for n in range(MAX_DEPTH - depth(value) + 1):
        assert strict_json.loads(json.dumps(wrapped).encode(), "it") == wrapped
        wrapped = [wrapped, "]"] if n % 2 else {"[": wrapped, "}": 0}
    with pytest.raises(MalformedRequest, match="nested too deep"):
        strict_json.loads(json.dumps([wrapped, [[]] * 40]).encode(), "it")


def test_a_number_of_thousands_of_digits_is_refused_with_our_message() -> None:
    with pytest.raises(MalformedRequest, match="it holds a number of thousands of digits"):
        strict_json.loads(b'{"a":' + b"1" * 5000 + b"}", "it")


def test_brackets_in_strings_and_side_by_side_do_not_count_as_nesting() -> None:
    for value in ("[" * 100, '\\"[{' * 100, [[]] * 100, {"[" * 100: [{}] * 50}):
        assert strict_json.loads(json.dumps(value).encode(), "it") == value


def test_parsing_any_text_takes_linear_time() -> None:
    began = time.process_time()
    for text in (b'"' + b"\\" * 1_000_000, b'["' * 300_000, b'"[' * 300_000, b"[" * 40 + b'"' + b"x" * 1_000_000):
        with pytest.raises(MalformedRequest):
            strict_json.loads(text, "it")
    assert time.process_time() - began < 3


UNSAFE = {
    '{"a":{"b":["x","\\u0000"]}}': "/a/b/1",
    '{"a":[["\\b"]]}': "/a/0/0",
    '{"a":"\\f"}': "/a",
    '{"a":"\x7f"}': "/a",
    '{"a":"\x85"}': "/a",
    '{"a":"\ufffe"}': "/a",
    '{"a":"\\ud800"}': "/a",
    '{"a/~":"\\u001b"}': "/a~1~0",
    '{"a":{"\\u001b":1}}': "/a",
}


@pytest.mark.shows("CVP-3.2-2")
@pytest.mark.parametrize("text", UNSAFE)
def test_an_unsafe_character_is_refused_with_its_full_pointer(text: str) -> None:
    with pytest.raises(InvalidField) as refused:
        strict_json.loads(text.encode("utf-8"), "it")
    assert [each.pointer for each in refused.value.errors] == [UNSAFE[text]]


@pytest.mark.shows("CVP-3.2-2")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a":{"b":1,"b":1}}', "a member is given twice"),
        (b'{"a":\xff}', "it is not UTF-8"),
        (b"\xef\xbb\xbf{}", "it is not JSON"),
        (b'{"a":Infinity}', "it is not JSON: Infinity is not JSON"),
        (b"{} {}", "it is not JSON: Extra data at character 4"),
        (b"1" * 5000, "it holds a number of thousands of digits"),
        (b"", "it is not JSON"),
    ],
)
def test_text_that_is_not_strict_json_is_refused(text: bytes, said: str) -> None:
    with pytest.raises(MalformedRequest, match=said):
        strict_json.loads(text, "it")


@pytest.mark.shows("CVP-3.2-13")
def test_members_and_parts_are_bounded() -> None:
    def members(many: int) -> bytes:
        return json.dumps({f"m{n}": n for n in range(many)}).encode()

    strict_json.loads(members(MAX_MEMBERS), "it")
    with pytest.raises(MalformedRequest, match="an object has too many members: at most 200"):
        strict_json.loads(members(MAX_MEMBERS + 1), "it")
    strict_json.loads(json.dumps([0] * MAX_PARTS).encode(), "it")
    for many in ([0] * (MAX_PARTS + 1), [[0]] * (MAX_PARTS // 2 + 1), [{"a": {}}] * (MAX_PARTS // 2), "," * 5000):
        with pytest.raises(MalformedRequest, match="it holds too much: at most 4096 commas and opening brackets"):
            strict_json.loads(json.dumps(many).encode(), "it")
    assert strict_json.loads(json.dumps(["," * 2000, "[" * 2000]).encode(), "it")
    assert len(strict_json.loads(json.dumps([0] * (MAX_PARTS + 1)).encode(), "it", 1 << 20)) == MAX_PARTS + 1
