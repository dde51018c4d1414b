"""What the customer is told of a look."""

from __future__ import annotations

import pytest

from verifier.core.looks import OTHER, SHOWN, shown_by
from verifier.core.words import LANGUAGES


@pytest.mark.shows("CVP-7.17-5")
def test_each_operation_is_told_in_both_languages_and_none_like_another() -> None:
    for told in (*SHOWN.values(), OTHER):
        assert set(told) == set(LANGUAGES)
        assert all(told.values())
    for language in LANGUAGES:
        assert len({told[language] for told in (*SHOWN.values(), OTHER)}) == len(SHOWN) + 1


@pytest.mark.shows("CVP-7.17-5")
def test_an_operation_of_a_later_release_is_told_in_general_words() -> None:
    assert [each.text for each in shown_by("of_a_later_release")] == ["查看了您的信息", "Looked at your data"]
