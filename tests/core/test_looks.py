"""What the customer is told of a look."""

from __future__ import annotations

import pytest

from verifier.core.looks import OTHER, SHOWN, SHOWN_TO_PRESENT, shown_by
from verifier.core.words import LANGUAGES

EVERY = (*SHOWN.values(), *SHOWN_TO_PRESENT.values(), OTHER)


def told(operation: str, *, details: bool, present: bool | None) -> str:
    return shown_by(operation, details=details, present=present)[1].text


@pytest.mark.shows("CVP-7.17-5")
def test_each_operation_is_told_in_both_languages_and_none_like_another() -> None:
    for words in EVERY:
        assert set(words) == set(LANGUAGES)
        assert all(words.values())
    for language in LANGUAGES:
        assert len({words[language] for words in EVERY}) == len(EVERY)


@pytest.mark.shows("CVP-7.17-5")
def test_words_that_every_contact_reads_speak_of_the_loan_and_not_of_the_reader() -> None:
    for words in (*SHOWN.values(), OTHER):
        assert "这笔贷款" in words["zh-CN"] or "贷款列表" in words["zh-CN"]
        assert "您" not in words["zh-CN"]
        assert "loan" in words["en"]
        assert "you" not in words["en"]


@pytest.mark.shows("CVP-7.17-5")
def test_an_operation_of_a_later_release_is_told_in_general_words() -> None:
    for present in (None, True):
        words = shown_by("of_a_later_release", details=True, present=present)
        assert [each.text for each in words] == ["查看了这笔贷款的信息", "Looked at data of this loan"]


@pytest.mark.shows("CVP-7.17-5", "CVP-3.3-7")
def test_a_contact_without_details_or_who_was_not_present_is_told_in_general_words() -> None:
    general = OTHER["en"]
    for operation in SHOWN:
        assert told(operation, details=False, present=None) == general != told(operation, details=True, present=None)
    for operation in SHOWN_TO_PRESENT:
        for details in (False, True):
            assert told(operation, details=details, present=False) == general
            assert told(operation, details=details, present=True) == SHOWN_TO_PRESENT[operation]["en"]
