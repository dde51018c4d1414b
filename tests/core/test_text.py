"""Text from outside: patterns match the whole text, and only characters that XML can hold are accepted."""

from __future__ import annotations

import sys
from typing import Annotated
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.core.text import exact, line, safe, unsafe
from verifier.voice.dialects import encoded

Letters = Annotated[str, exact("[a-z]{1,4}", max_length=4)]


@given(st.text(alphabet="ab\n\r \u2028", max_size=6))
def test_an_exact_pattern_matches_the_whole_text(text: str) -> None:
    fits = 0 < len(text) <= 4 and set(text) <= {"a", "b"}
    try:
        assert msgspec.convert(text, Letters) == text
    except msgspec.ValidationError:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize("given", ["", "a\n", "\na", "a\tb", "a\rb", "a\u2028b", "a\u2029", "x" * 9])
def test_a_line_has_no_break_and_a_maximum_length(given: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Annotated[str, line(8)])
    assert msgspec.convert("王 芳 ", Annotated[str, line(8)]) == "王 芳 "


@pytest.mark.slow
def test_each_accepted_character_can_be_served_as_xml() -> None:
    for code_point in range(sys.maxunicode + 1):
        character = chr(code_point)
        if unsafe(character):
            assert safe(f"a{character}b") == "ab"
            continue
        if code_point < 0x3000 or code_point % 251 == 0 or code_point & 0xFFFE == 0xFFFE:
            root = ElementTree.Element("Say", name=character)
            root.text = character
            read = ElementTree.fromstring(encoded(root))
            assert read.text == character.replace("\r", "\n")


@pytest.mark.shows("CVP-3.2-12")
@given(st.text(alphabet=st.characters(), max_size=20))
def test_a_document_with_any_text_is_well_formed(text: str) -> None:
    root = ElementTree.Element("Say", name=text)
    root.text = text
    assert ElementTree.fromstring(encoded(root)).tag == "Say"
