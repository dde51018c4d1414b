"""The telephone dialogue: each turn that a caller can cause, and what no sequence of keys may cause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world import OFFICER
from verifier.core.application import Loan
from verifier.core.dialogue import (
    FRAUD_DESK,
    MAX_TURNS,
    Dialogue,
    Turn,
    begin,
    close,
    closed,
    hear,
    judge,
    looks,
    no_verdict,
    refuse_slip,
    says_genuine,
    tell_calls,
)
from verifier.core.prompts import PROMPTS
from verifier.core.purposes import Language
from verifier.core.words import LANGUAGES, WAS_TO_ANOTHER, About, ended
from verifier.core.words import genuine as genuine_words
from verifier.core.words import who as words_of

WHO: dict[Language, str] = {
    "zh-CN": "来电人：李伟，工号 4412",
    "en": "李伟, staff number 4412",
}
NOT_WHO: dict[Language, str] = {"zh-CN": "未能核实", "en": "Not confirmed"}
CODE = "482177302"


def names(turn: Turn) -> list[str]:
    return [say.name for say in turn.say]


def entering() -> Dialogue:
    return begin("示范银行", "zh-CN")[0]


def genuine() -> Dialogue:
    return judge(hear(entering(), CODE)[0], "genuine", WHO, "4412")[0]


@pytest.mark.shows("CVP-7.7-1")
def test_each_caller_hears_the_banks_name_and_is_asked_for_the_code() -> None:
    dialogue, turn = begin("示范银行", "zh-CN")
    assert (names(turn), turn.act) == (["greeting", "other_language", "ask", "keys"], "listen")
    assert "示范银行" in turn.say[0].text
    assert turn.say[1].language == "en", "those who do not speak the language are told in theirs"
    assert dialogue.stage == "entering"


@pytest.mark.shows("CVP-7.7-1")
def test_a_caller_from_an_unregistered_number_is_told_how_to_get_a_verdict() -> None:
    dialogue, turn = no_verdict(hear(begin("示范银行", "en")[0], CODE)[0], "unregistered")
    assert (names(turn), turn.act) == (["unregistered", "after_refusal"], "listen")
    assert hear(dialogue, "0")[1].to == FRAUD_DESK


@pytest.mark.shows("CVP-7.7-1")
def test_nine_digits_are_checked_with_or_without_the_hash_key() -> None:
    for keyed in (CODE, CODE + "#", CODE + "#1"):
        turn = hear(entering(), keyed)[1]
        assert (turn.act, turn.digits) == ("check", CODE)


@pytest.mark.shows("CVP-7.7-1")
def test_other_keys_are_a_slip_and_the_code_is_asked_for_again() -> None:
    for keyed in ("48217730", CODE + "1", "1" * 90, "48*177302", "４８２１７７３０２", "A", "**", "*7"):
        turn = hear(entering(), keyed)[1]
        assert (names(turn), turn.act) == (["slip", "ask"], "listen")


@pytest.mark.shows("CVP-7.7-1")
def test_a_hash_alone_is_silence_and_the_fourth_silence_ends_the_dialogue() -> None:
    dialogue = entering()
    for keyed in ("#", None, ""):
        dialogue, turn = hear(dialogue, keyed)
        assert (names(turn), turn.act) == (["silence", "ask", "keys"], "listen")
    assert hear(dialogue, None)[1].act == "hang_up"
    assert hear(hear(dialogue, "1")[0], None)[1].act == "listen", "a key shows that somebody is there"


@pytest.mark.shows("CVP-7.7-1", "CVP-7.7-6")
def test_a_star_repeats_the_words_of_the_verdict() -> None:
    dialogue, turn = judge(entering(), "genuine", WHO, "4412")
    assert names(turn) == ["genuine", "who", "never_asks", "after_genuine"]
    assert turn.say[1].text == WHO["zh-CN"]
    assert hear(dialogue, "*")[1] == turn


@pytest.mark.shows("CVP-7.7-6")
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_two_genuine_verdicts_differ_only_in_who_called(language: Language) -> None:
    begun = begin("示范银行", language)[0]
    other: dict[Language, str] = {"zh-CN": "来电人：陈静，工号 4413", "en": "陈静, staff number 4413"}
    one, another = (judge(begun, "genuine", *call)[1] for call in ((WHO, "4412"), (other, "4413")))
    said = [(each.name, each.text) for each in one.say]
    assert set(said) ^ {(each.name, each.text) for each in another.say} == {
        ("who", WHO[language]),
        ("who", other[language]),
    }
    assert all(text == PROMPTS[name][language] for name, text in said if name != "who")


@pytest.mark.shows("CVP-7.7-1")
def test_the_language_and_the_speed_can_be_changed_at_any_time() -> None:
    dialogue, turn = hear(genuine(), "*9")
    assert turn.say[1].text == WHO["en"]
    dialogue, turn = hear(dialogue, "*8")
    assert turn.slow
    assert turn.say[1].text == WHO["en"]
    assert not hear(dialogue, "*8")[1].slow


@pytest.mark.shows("CVP-7.7-1")
def test_zero_transfers_to_the_officer_if_genuine_and_otherwise_to_the_fraud_desk() -> None:
    assert hear(genuine(), "0#")[1].to == "4412"
    refused = judge(entering(), "not_genuine", WHO, "4412")[0]
    for dialogue in (entering(), refused, judge(entering(), "unavailable")[0], no_verdict(genuine(), "too_many")[0]):
        turn = hear(dialogue, "0")[1]
        assert (turn.act, turn.to) == ("transfer", FRAUD_DESK)


RECEIPT = "rcpt_" + "0" * 32
LOAN = Loan("个人住房贷款", "LN-1")
WHOSE: dict[Language, str] = {
    each: words_of(each, OFFICER, About("documents", ("employer",), LOAN), spoken=True) for each in LANGUAGES
}


@pytest.mark.shows("CVP-7.12-3")
@pytest.mark.parametrize("keyed", ["*", "*8", "*9", None])
def test_after_the_call_each_repeat_says_that_it_has_ended_and_who_called(keyed: str | None) -> None:
    dialogue, told = judge(entering(), "genuine", WHOSE, "4412", RECEIPT, RECEIPT)
    dialogue, turn = hear(close(dialogue), keyed)
    assert names(turn) == ["ended", "who_called", "never_asks", "after_genuine", "offer_receipt"]
    assert turn.evidence == told.evidence == RECEIPT
    assert "李伟" in turn.say[1].text
    assert not [text for text in ("可能会请您提供", "may ask") if text in turn.say[1].text]
    assert hear(dialogue, "1")[1].message == RECEIPT
    assert hear(dialogue, "0")[1].to == "4412"


@pytest.mark.shows("CVP-7.7-6", "CVP-7.12-3")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_verdict_on_a_call_to_another_contact_begins_with_them(language: Language) -> None:
    whose: dict[Language, str] = {each: words_of(each, OFFICER, None, ("finance", "周敏")) for each in LANGUAGES}
    begun = begin("示范银行", language)[0]
    dialogue, turn = judge(begun, "genuine", whose, "4412", "", RECEIPT, to_another=True)
    assert names(turn) == ["who", "never_asks", "after_genuine"]
    assert turn.say[0].text == whose[language]
    assert says_genuine(turn.say)
    assert turn.evidence == RECEIPT
    repeated = hear(close(dialogue), "*")[1]
    assert names(repeated) == ["who_called", "ended", "never_asks", "after_genuine"]
    assert repeated.say == closed(turn.say)
    assert repeated.evidence == RECEIPT
    assert not says_genuine(repeated.say)
    assert WAS_TO_ANOTHER[language].split("{to}")[0] in repeated.say[0].text
    assert hear(close(dialogue), "0")[1].to == "4412"


@pytest.mark.shows("CVP-7.12-3")
def test_only_a_genuine_verdict_becomes_ended() -> None:
    refused, unchecked = judge(entering(), "not_genuine")[0], no_verdict(entering(), "too_many")[0]
    for dialogue in (entering(), refused, unchecked, close(genuine())):
        assert close(dialogue) == dialogue
    slipped = close(refuse_slip(genuine())[0])
    assert names(hear(slipped, "*")[1]) == ["slip", "ask"]
    assert hear(slipped, "0")[1].to == "4412"


@pytest.mark.shows("CVP-7.12-3")
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_closed_turn_says_what_the_closed_dialogue_says(language: Language) -> None:
    dialogue, turn = judge(begin("示范银行", language)[0], "genuine", WHOSE, "4412", "", RECEIPT)
    assert closed(turn.say) == hear(close(dialogue), "*")[1].say
    refused = judge(entering(), "not_genuine")[1].say
    assert closed(refused) == refused


@pytest.mark.shows("CVP-7.12-1")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("told", ["", "another bank's words", "This is a genuine call from us."])
def test_an_ended_verdict_omits_words_that_are_not_from_a_genuine_one(language: Language, told: str) -> None:
    ours = ended(language, genuine_words(language, WHOSE[language]))
    assert "李伟" in ours
    theirs = ended(language, told)
    assert theirs != ours
    assert PROMPTS["ended"][language] in theirs
    assert PROMPTS["never_asks"][language] in theirs
    assert told == "" or told not in theirs


def test_the_verdict_on_another_code_replaces_the_first() -> None:
    turn = hear(genuine(), CODE)[1]
    assert turn.act == "check"
    refused = judge(genuine(), "not_genuine")[0]
    assert hear(refused, "0")[1].to == FRAUD_DESK
    assert hear(refused, "*")[1].say[0].text == PROMPTS["not_genuine"]["zh-CN"]


def test_a_verdict_without_words_from_the_service_is_not_called_genuine() -> None:
    for dialogue, turn in (judge(entering(), "genuine", None, "4412"), judge(genuine(), "unavailable", WHO, "4412")):
        assert names(turn) == ["unavailable", "after_refusal"]
        assert hear(dialogue, "0")[1].to == FRAUD_DESK
        assert hear(dialogue, "*9")[1].say[0].text == PROMPTS["unavailable"]["en"]


@pytest.mark.shows("CVP-7.7-1")
def test_a_caller_is_transferred_to_a_person_after_six_slips() -> None:
    dialogue = entering()
    for _ in range(5):
        dialogue, turn = refuse_slip(dialogue)
        assert turn.act == "listen"
    turn = refuse_slip(dialogue)[1]
    assert (turn.act, turn.to) == ("transfer", FRAUD_DESK)


KEYS = st.one_of(
    st.none(),
    st.sampled_from(["", "#", "*", "*8", "*9", "0", "2", CODE, CODE + "#", "123456789"]),
    st.text("0123456789*#", max_size=12),
)
OUTCOMES = st.sampled_from(
    ["genuine", "not_genuine", "unavailable", "slip", "too_many", "other_number", "unregistered", "ended"]
)


MADE: dict[Language, str] = {"zh-CN": "三次", "en": "three"}


@pytest.mark.shows("CVP-7.7-1", "CVP-7.14-12")
def test_two_asks_which_calls_were_made_and_each_repeat_asks_again() -> None:
    dialogue, turn = hear(entering(), "2#")
    assert (turn.act, turn.say) == ("look", ())
    dialogue, turn = tell_calls(dialogue, "calls_made", MADE)
    assert (names(turn), turn.act, turn.say[0].text) == (["calls_made", "keys"], "listen", "三次")
    assert "三次" not in str(dialogue)
    for keyed in ("*", "*8", "*9"):
        dialogue, turn = hear(dialogue, keyed)
        assert turn.act == "look"
    assert tell_calls(dialogue, "calls_made", MADE)[1].say[0].text == "three"
    assert names(hear(dialogue, None)[1]) == ["silence", "ask", "keys"]
    assert hear(dialogue, CODE)[1].act == "check"


def test_a_verdict_stands_after_the_question_for_calls() -> None:
    dialogue, _ = tell_calls(genuine(), "no_calls_made")
    dialogue, turn = hear(dialogue, None)
    assert turn.act == "look"
    dialogue, turn = hear(dialogue, "0")
    assert turn.to == "4412"


@given(st.lists(KEYS, max_size=8), KEYS)
def test_what_may_look_calls_up_is_known_before_the_step(before: list[str | None], keyed: str | None) -> None:
    dialogue = entering()
    for each in before:
        dialogue, turn = hear(dialogue, each)
        if turn.act == "look":
            dialogue, _ = tell_calls(dialogue, "calls_made", MADE)
        elif turn.act == "check":
            dialogue, _ = judge(dialogue, "not_genuine")
    assert (hear(dialogue, keyed)[1].act == "look") <= looks(dialogue, keyed)


@pytest.mark.shows("CVP-7.7-5")
@given(st.lists(st.tuples(KEYS, OUTCOMES), max_size=60))
def test_no_sequence_of_keys_alone_gives_a_verdict_or_reaches_the_officer(
    events: list[tuple[str | None, str]],
) -> None:
    dialogue, turn = begin("示范银行", "zh-CN")
    outcome = "none"
    turns = 0
    for keyed, next_outcome in events:
        if turn.act in ("hang_up", "transfer"):
            break
        turns += 1
        if next_outcome == "ended" and outcome == "genuine":
            dialogue, outcome = close(dialogue), "ended"
        dialogue, turn = hear(dialogue, keyed)
        if turn.act == "check":
            assert len(turn.digits) == 9
            outcome = next_outcome
            if outcome == "slip":
                dialogue, turn = refuse_slip(dialogue)
                outcome = dialogue.verdict or "none"
            elif outcome in ("too_many", "other_number", "unregistered"):
                dialogue, turn = no_verdict(dialogue, outcome)  # type: ignore[arg-type]
            else:
                dialogue, turn = judge(dialogue, outcome, WHO, "4412")  # type: ignore[arg-type]
        if turn.act == "look":
            dialogue, turn = tell_calls(dialogue, "no_calls_made")
        assert ("genuine" in names(turn)) <= (outcome == "genuine")
        assert ("ended" in names(turn)) <= (outcome == "ended")
        assert (turn.to == "4412") <= (outcome in ("genuine", "ended"))
        assert (turn.act == "transfer") == bool(turn.to)
        assert turn.say or turn.act == "check"
    assert turns <= MAX_TURNS + 1
