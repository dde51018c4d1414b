"""The words of a verdict, during the call and after it."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

import pytest

from tests.world import OFFICER
from verifier.core.application import Loan
from verifier.core.call import Progress
from verifier.core.contacts import ROLES
from verifier.core.purposes import ASKS, ITEMS, PURPOSES, Language
from verifier.core.words import (
    ENDED,
    GENUINE,
    LANGUAGES,
    NEVER,
    About,
    caller,
    ended,
    genuine,
    in_both,
    past_call,
    progress,
    who,
)

LOAN = Loan("个人住房贷款", "LN-2026-0001")
EACH = pytest.mark.parametrize("language", LANGUAGES)


@EACH
@pytest.mark.parametrize("purpose", ASKS)
def test_a_genuine_verdict_names_the_officer_the_purpose_and_what_may_be_asked(
    language: Language, purpose: str
) -> None:
    said = genuine(language, who(language, OFFICER, About(purpose, ASKS[purpose], LOAN)))
    assert said.startswith(GENUINE[language])
    assert said.endswith(NEVER[language])
    for part in (OFFICER.name, OFFICER.id, OFFICER.branch, PURPOSES[purpose][language], LOAN.product):
        assert part in said
    assert LOAN.reference in said
    for item in ASKS[purpose]:
        assert ITEMS[item][language] in said


@EACH
def test_an_ended_verdict_names_the_officer_but_nothing_that_may_be_asked(language: Language) -> None:
    asks = ASKS["documents"]
    full = who(language, OFFICER, About("documents", asks, LOAN))
    said = ended(language, genuine(language, full))
    assert said.startswith(ENDED[language])
    assert GENUINE[language] not in said
    assert OFFICER.name in said
    assert said.endswith(NEVER[language])
    told = caller(language, full)
    assert OFFICER.name in told
    assert not any(ITEMS[item][language] in told for item in asks)


@EACH
def test_spoken_words_name_the_loan_by_its_product_only(language: Language) -> None:
    """A reference is hard to follow by ear."""
    about = About("terms", ASKS["terms"], LOAN)
    spoken = who(language, OFFICER, about, spoken=True)
    for said in (genuine(language, spoken), spoken, ended(language, genuine(language, spoken))):
        assert LOAN.product in said
        assert LOAN.reference not in said
    # After the call, the text still names the loan.
    assert LOAN.reference in ended(language, genuine(language, who(language, OFFICER, about)))


@EACH
@pytest.mark.shows("CVP-7-7")
def test_words_for_another_contact_begin_with_whom_the_bank_called(language: Language) -> None:
    said = genuine(language, who(language, OFFICER, None, ("finance", "周敏")), to_another=True)
    first = {
        "zh-CN": "这是我们打给财务负责人周敏的电话，不是打给您的。",
        "en": "This is our call to the head of finance, 周敏, not to you. ",
    }
    assert said.startswith(first[language])
    assert said.removeprefix(first[language]).startswith(
        ("如果有人正以我行名义与您通话，请立即挂断。", "If you are on the phone with ")
    )
    assert GENUINE[language] not in said
    assert ROLES["finance"][language] in said
    assert LOAN.product not in said
    assert not any(text[language] in said for text in PURPOSES.values())
    gone = who(language, OFFICER, None, ("finance", None))
    assert ROLES["finance"][language] in gone
    assert "None" not in gone
    for about in (None, About("documents", ("employer",), LOAN)):
        told = genuine(language, who(language, OFFICER, about, ("finance", "周敏")), to_another=True)
        over = ended(language, told)
        then = {
            "zh-CN": "那是我们打给财务负责人周敏的电话，不是打给您的。",
            "en": "That was our call to the head of finance, 周敏, not to you. ",
        }
        assert over.startswith(then[language])
        assert ENDED[language] in over
        assert over.endswith(NEVER[language])
        assert OFFICER.name in over
        assert first[language] not in over
        assert (about is None) is (LOAN.product not in over)
        assert not [text for text in ("可能会请您提供", "may ask", "hang up", "请立即挂断") if text in over]


@EACH
@pytest.mark.shows("CVP-7-7", "CVP-7.13-1")
@pytest.mark.parametrize("expired", [False, True])
def test_words_on_a_past_call_begin_with_another_contact_whom_the_bank_called(
    language: Language, expired: bool
) -> None:
    at = datetime(2026, 3, 4, 15, 10)
    own = past_call(language, at, at, expired=expired)
    said = past_call(language, at, at, ("guarantor", None), expired=expired)
    assert said.endswith(own)
    assert (
        said.removesuffix(own)
        == {
            "zh-CN": "那是我们打给担保人的电话，不是打给您的。",
            "en": "That was our call to the guarantor, not to you. ",
        }[language]
    )


@EACH
def test_an_ended_verdict_does_not_repeat_other_words(language: Language) -> None:
    assert "anything" not in ended(language, "anything")


@EACH
@pytest.mark.parametrize("state", get_args(Progress))
def test_the_words_for_a_call_on_its_way_name_its_officer_and_purpose(language: Language, state: Progress) -> None:
    said = progress(language, state, OFFICER, "documents")
    assert all(part in said for part in (OFFICER.name, OFFICER.id, PURPOSES["documents"][language]))


def test_words_in_both_languages_are_labelled_with_them() -> None:
    assert {each.language: each.text for each in in_both(NEVER)} == NEVER
