"""The prompts of the telephone dialogue: both languages, the same values, and no link."""

from __future__ import annotations

from string import Formatter

import pytest

from verifier.core.prompts import PROMPTS, prompt
from verifier.core.words import LANGUAGES


@pytest.mark.shows("CVP-7.4-1")
def test_every_prompt_has_words_in_both_languages_without_a_link() -> None:
    for words in PROMPTS.values():
        assert set(words) == {"zh-CN", "en"}
        assert not any("http" in text or "www" in text for text in words.values())


@pytest.mark.parametrize("name", PROMPTS)
def test_both_languages_of_a_prompt_use_the_same_values(name: str) -> None:
    asked = [{field for _, field, _, _ in Formatter().parse(text) if field} for text in PROMPTS[name].values()]
    assert asked[0] == asked[1]
    for language in LANGUAGES:
        said = prompt(name, language, **dict.fromkeys(asked[0], "VALUE"))
        assert "{" not in said
        assert ("VALUE" in said) == bool(asked[0])
