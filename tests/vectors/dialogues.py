"""Vectors of the telephone dialogue: dialogues.json (protocol section 7.7). Events go in, prompts come out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.vectors.files import Json, valid
from tests.world import OFFICER, another_code
from verifier.core.application import Loan
from verifier.core.dialogue import (
    MAX_SILENCES,
    MAX_SLIPS,
    MAX_TURNS,
    Dialogue,
    Turn,
    begin,
    close,
    hear,
    judge,
    no_verdict,
    refuse_slip,
    tell_calls,
)
from verifier.core.purposes import ASKS, Language
from verifier.core.words import LANGUAGES, About, calls_made, who

BANK = "示范银行"
CODE = another_code("482177300", 0)
SLIP = CODE[:-1] + ("0" if CODE[-1] != "0" else "1")
BEGIN: Json = {"begin": {"language": "zh-CN"}}
SILENCE: Json = {"silence": True}
LOAN = Loan("个人住房贷款", "LN-2026-0001")
WHO: dict[Language, str] = {
    language: who(language, OFFICER, About("documents", ASKS["documents"], LOAN), spoken=True) for language in LANGUAGES
}
LATEST = [(datetime(2026, 11, day, 15, 10, tzinfo=UTC), OFFICER.branch) for day in (23, 21, 20)]
MADE: dict[Language, str] = {language: calls_made(language, 4, LATEST) for language in LANGUAGES}
CALLS: Json = {"calls": "calls_made"}
NO_CALLS: Json = {"calls": "no_calls_made"}
GENUINE: Json = {"verdict": "genuine", "officer": OFFICER.id}
REFUSED: Json = {"verdict": "not_genuine"}
UNAVAILABLE: Json = {"verdict": "unavailable"}
TOO_MANY: Json = {"verdict": "too_many"}
OTHER_NUMBER: Json = {"verdict": "other_number"}
RECEIPT = "rcpt_" + "0" * 32
GENUINE_OF: Json = {**GENUINE, "evidence": RECEIPT}
UNREGISTERED: Json = {"verdict": "unregistered"}
NO_CODE: Json = {"verdict": "slip"}


def keys(keyed: str) -> Json:
    return {"keys": keyed}


CHECKED = [BEGIN, keys(f"{CODE}#")]


def dialogues() -> Json:
    """dialogues.json."""
    words: dict[str, dict[str, str]] = {}
    vectors = []
    for name, about, events in _played():
        turns = played(events)
        for say in (each for turn in turns for each in turn.say):
            # A prompt has the same words whenever it is said.
            assert words.setdefault(say.name, {}).setdefault(say.language, say.text) == say.text
        vectors.append(valid(name, about, [shown(turn) for turn in turns], events=events))
    return {
        "about": "Telephone dialogues, turn by turn (protocol.md section 7.7)",
        "bank": BANK,
        "words": {name: dict(sorted(words[name].items())) for name in sorted(words)},
        "vectors": vectors,
    }


def played(events: list[Json]) -> list[Turn]:
    """The turns of the state machine for the events of a dialogue."""
    dialogue: Dialogue | None = None
    turns = []
    for event in events:
        dialogue, turn = _after(dialogue, event)
        turns.append(turn)
    return turns


def shown(turn: Turn) -> Json:
    """A turn as written in the file: each prompt by its name and language."""
    told: dict[str, Any] = {"say": [[say.name, say.language] for say in turn.say], "act": turn.act, "slow": turn.slow}
    more = {"digits": turn.digits, "to": turn.to, "message": turn.message, "evidence": turn.evidence}
    return told | {name: value for name, value in more.items() if value}


def _after(dialogue: Dialogue | None, event: Json) -> tuple[Dialogue, Turn]:
    if "begin" in event:
        return begin(BANK, event["begin"]["language"])
    assert dialogue is not None
    if "keys" in event or "silence" in event:
        return hear(close(dialogue) if "closed" in event else dialogue, event.get("keys"))
    if "calls" in event:
        return tell_calls(dialogue, event["calls"], MADE if event == CALLS else None)
    why = event["verdict"]
    if why == "slip":
        return refuse_slip(dialogue)
    if why in ("too_many", "other_number", "unregistered"):
        return no_verdict(dialogue, why)
    who = WHO if "officer" in event else None
    officer, receipt, evidence = (event.get(name, "") for name in ("officer", "receipt", "evidence"))
    return judge(dialogue, why, who, officer, receipt, evidence, to_another="to_another" in event)


def _played() -> Iterator[tuple[str, str, list[Json]]]:
    english = {"begin": {"language": "en"}}
    yield "greeting", "every caller, from whatever number", [BEGIN]
    yield "greeting-english", "where the platform asks for English", [english]
    about = "a number that is on file nowhere, or withheld: told how to get an answer once a code was keyed"
    yield "unregistered-number", about, [*CHECKED, UNREGISTERED, keys("*"), keys("0")]
    yield "unregistered-number-again", "and told so each time", [*CHECKED, UNREGISTERED, keys(CODE), UNREGISTERED]
    yield "code", "nine figures without a hash", [BEGIN, keys(CODE)]
    yield "code-hash", "nine figures and a hash", CHECKED
    yield "code-after-hash", "what comes after the hash is passed over", [BEGIN, keys(f"{CODE}#12")]
    yield "genuine", "a genuine call", [*CHECKED, GENUINE]
    yield "not-genuine", "a call that is not", [*CHECKED, REFUSED]
    yield "unavailable", "when nothing can be checked", [*CHECKED, UNAVAILABLE]
    yield "too-many", "beyond the guess limit", [*CHECKED, TOO_MANY]
    yield "other-number", "the code of a call to another number", [*CHECKED, OTHER_NUMBER]
    about = "genuine without whose call it is, is no verdict"
    yield "genuine-of-nobody", about, [*CHECKED, {"verdict": "genuine"}, keys("0")]
    for verdict in ("not_genuine", "unavailable"):
        about = f"whoever stands beside {verdict} is not named"
        yield f"{verdict}-of-somebody", about, [*CHECKED, {**GENUINE, "verdict": verdict}, keys("0")]
    for name, keyed in (
        ("eight", CODE[:8]),
        ("ten", f"{CODE}0"),
        ("star-within", f"{CODE[:4]}*{CODE[4:]}"),
        ("two-stars", "**"),
        ("star-seven", "*7"),
        ("two-noughts", "00"),
        ("full-width", "４８２１７７３０６"),
        ("letter", "A"),
    ):
        yield f"slip-{name}", "other keys are asked for again", [BEGIN, keys(keyed)]
    yield "slip-check-digit", "a wrong check digit is asked for again", [BEGIN, keys(SLIP), NO_CODE, keys(CODE)]
    slips = [keys("1")] * (MAX_SLIPS + 1)
    yield "slips", f"after {MAX_SLIPS} in a row, the fraud desk", [BEGIN, *slips]
    yield "slips-of-check-digit", "wrong check digits count alike", [BEGIN, *([keys(SLIP), NO_CODE] * (MAX_SLIPS + 1))]
    about = "after a genuine call too, and not the officer"
    yield "slips-after-genuine", about, [*CHECKED, GENUINE, *slips]
    about = "a verdict between begins the count anew"
    yield "slips-interrupted", about, [BEGIN, *slips[:MAX_SLIPS], keys(CODE), REFUSED, keys("1")]
    yield "silence", "silence is met with patience three times", [BEGIN, *([SILENCE] * (MAX_SILENCES + 1))]
    yield "silence-hash", "a hash alone is silence", [BEGIN, keys("#")]
    yield "silence-nothing", "no keys are silence", [BEGIN, keys("")]
    about = "a key shows that somebody is there"
    yield "silence-interrupted", about, [BEGIN, *([SILENCE] * MAX_SILENCES), keys("*"), SILENCE]
    yield "silence-after-genuine", "after a verdict it is repeated once", [*CHECKED, GENUINE, SILENCE, SILENCE]
    yield "silence-after-refusal", "a refusal likewise", [*CHECKED, REFUSED, SILENCE, SILENCE]
    yield "repeat", "a star repeats", [BEGIN, keys("*")]
    yield "repeat-verdict", "a star repeats the verdict", [*CHECKED, GENUINE, keys("*"), keys("*#")]
    yield "repeat-slip", "a star repeats that it was a slip", [BEGIN, keys("1"), keys("*")]
    yield "slower", "slower, and as before", [BEGIN, keys("*8"), keys("1"), keys("*8")]
    yield "slower-verdict", "a verdict said slowly", [BEGIN, keys("*8"), keys(CODE), GENUINE, keys("0")]
    yield "other-language", "the other language, and back", [BEGIN, keys("*9"), keys("*9")]
    about = "a verdict in the other language"
    yield "other-language-verdict", about, [*CHECKED, GENUINE, keys("*9"), keys("*")]
    yield "other-language-refusal", "a refusal in the other language", [english, keys(CODE), REFUSED, keys("*9")]
    for name, event in (
        ("unavailable", UNAVAILABLE),
        ("too-many", TOO_MANY),
        ("other-number", OTHER_NUMBER),
        ("unregistered-number", UNREGISTERED),
    ):
        about = "in English, then in Mandarin"
        yield f"other-language-{name}", about, [english, keys("1"), SILENCE, keys(CODE), event, keys("*9"), keys("0")]
    yield "connecting-english", "a transfer in English", [english, keys("0")]
    yield "zero-entering", "nought before any verdict: the fraud desk", [BEGIN, keys("0")]
    yield "zero-genuine", "nought after genuine: that officer", [*CHECKED, GENUINE, keys("0#")]
    for name, event in (("not-genuine", REFUSED), ("unavailable", UNAVAILABLE), ("too-many", TOO_MANY)):
        yield f"zero-{name}", "nought after anything else: the fraud desk", [*CHECKED, event, keys("0")]
    yield "zero-other-number", "nought after that: the fraud desk", [*CHECKED, OTHER_NUMBER, keys("0")]
    for name, event in (("not-genuine", REFUSED), ("too-many", TOO_MANY), ("other-number", OTHER_NUMBER)):
        about = "another code takes the place of a genuine one, and of its officer"
        yield f"genuine-then-{name}", about, [*CHECKED, GENUINE, keys(CODE), event, keys("0")]
    about = "a genuine one takes the place of a refusal"
    yield "not-genuine-then-genuine", about, [*CHECKED, REFUSED, keys(CODE), GENUINE, keys("0")]
    for verdict, event in (("genuine", GENUINE), ("not-genuine", REFUSED)):
        about = "where receipts can be sent, one is offered, and sent once"
        yield f"receipt-{verdict}", about, [*CHECKED, {**event, "receipt": RECEIPT}, keys("1"), keys("*"), keys("1#")]
    about = "there is none of what was not checked, nor of the verdict before"
    yield "receipt-replaced", about, [*CHECKED, {**GENUINE, "receipt": RECEIPT}, keys(CODE), TOO_MANY, keys("1")]
    about = "once the genuine call has closed, each repeat says that it has ended, and who had called"
    for name, event in (("repeat", keys("*")), ("language", keys("*9")), ("silence", SILENCE)):
        ended = {**event, "closed": True}
        yield f"ended-{name}", about, [*CHECKED, GENUINE_OF, ended, keys("0")]
    about = "the receipt of an ended call can still be sent"
    yield (
        "ended-receipt",
        about,
        [*CHECKED, {**GENUINE_OF, "receipt": RECEIPT}, {**keys("*"), "closed": True}, keys("1")],
    )
    about = "a call to another contact: whom it is to comes first, also once it has closed"
    another = {**GENUINE_OF, "to_another": True}
    yield "genuine-to-another", about, [*CHECKED, another, keys("*"), {**keys("*"), "closed": True}, keys("0")]
    about = "a slip is repeated as a slip; the officer can still be reached"
    yield "ended-slip", about, [*CHECKED, GENUINE_OF, keys("1"), {**keys("*"), "closed": True}, keys("0")]
    about = "another code takes the place of an ended call, and of its officer"
    yield "ended-then-not-genuine", about, [*CHECKED, GENUINE_OF, {**keys(CODE), "closed": True}, REFUSED, keys("0")]
    about = "nothing but a genuine call can have ended"
    yield "not-genuine-closed", about, [*CHECKED, REFUSED, {**keys("*"), "closed": True}]
    about = "two asks which calls the bank made to the number that rings"
    yield "calls", about, [BEGIN, keys("2#"), CALLS, keys(CODE), REFUSED]
    yield "no-calls", "and there were none", [BEGIN, keys("2"), NO_CALLS, SILENCE, keys(CODE)]
    about = "each repeat looks them up again"
    yield "calls-repeat", about, [BEGIN, keys("2"), CALLS, keys("*"), CALLS, keys("*9"), CALLS, keys("*8"), NO_CALLS]
    yield "no-calls-repeat", "for there may be one by now", [BEGIN, keys("2"), NO_CALLS, keys("*9"), CALLS]
    for why in ("unregistered", "too_many", "unavailable"):
        about = "why nothing is said of them"
        yield f"calls-{why}", about, [BEGIN, keys("2"), {"calls": why}, keys("*"), keys("0")]
    about = "a verdict stands, and its officer can still be reached"
    yield "calls-after-genuine", about, [*CHECKED, GENUINE, keys("2"), CALLS, SILENCE, CALLS, SILENCE, keys("0")]
    about = "the call may have closed meanwhile"
    yield "calls-after-ended", about, [*CHECKED, GENUINE_OF, {**keys("2"), "closed": True}, NO_CALLS, keys("0")]
    yield "after-transfer", "nothing is heard after a transfer", [BEGIN, keys("0"), keys(CODE)]
    yield "turns", f"at most {MAX_TURNS} turns", [BEGIN, *([keys("*8")] * (MAX_TURNS + 1))]
