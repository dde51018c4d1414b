"""The telephone dialogue as a pure state machine. It takes the pressed keys, and returns the next turn.

Implements specs/protocol.md section 7.7. VoiceXML, webhooks and the SIP gateway use the same dialogue.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.code import CODE_DIGITS
from verifier.core.messages.dialogues import Say
from verifier.core.prompts import prompt
from verifier.core.purposes import Language
from verifier.core.words import caller

Stage = Literal["entering", "told", "over"]
Verdict = Literal["genuine", "not_genuine", "ended", "unavailable"]
Unchecked = Literal["too_many", "unregistered", "other_number", "unavailable"]
Told = Literal["calls_made", "no_calls_made", "too_many", "unregistered", "unavailable"]
Act = Literal["listen", "check", "look", "transfer", "hang_up"]

FRAUD_DESK = "fraud_desk"
CALLS_KEY = "2"
MAX_SILENCES = 3
MAX_SLIPS = 5
MAX_TURNS = 40
MAX_KEYED = 100
# The prompts that a turn about a call begins with.
_OF_A_CALL = ("genuine", "who", "ended", "who_called", "past_call")
# Maps each prompt about a genuine call to the prompt that replaces it once the call has closed.
_AFTER = {"genuine": ("ended",), "who": ("who_called",)}
# The same for a call to another contact: there, `who` alone says both.
_AFTER_ANOTHER = {"who": ("who_called", "ended")}


class Turn(Struct, frozen=True):
    """The next step. First play the prompts in `say`. Then do `act`, which is one of five actions:

    - `listen`: listen for keys
    - `check`: check the code in `digits`
    - `look`: look up the calls that the bank made to the number that rings
    - `transfer`: transfer the caller to `to`, which is an officer or the fraud desk
    - `hang_up`

    If `message` is not empty, it is the id of a receipt to send through the bank's own messaging. If the turn is about
    a call, `evidence` is the id of the receipt of that verdict.
    """

    say: tuple[Say, ...]
    act: Act
    slow: bool = False
    digits: str = ""
    to: str = ""
    message: str = ""
    evidence: str = ""


class Dialogue(Struct, frozen=True):
    """The state of a dialogue. `last` has the names of the prompts that were said last.

    Three members are set after a genuine verdict. `who` has the text about the call in each language, `officer` is the
    officer's staff number, and `evidence` is the id of the receipt. If a code was that of a call that is over, there is
    no `officer`. `receipt` is the id of a receipt that can still be sent as a message. It is empty if there is none.
    """

    bank: str
    language: Language
    stage: Stage = "entering"
    slow: bool = False
    silences: int = 0
    slips: int = 0
    turns: int = 0
    verdict: Verdict | None = None
    officer: str = ""
    who: dict[Language, str] = {}
    receipt: str = ""
    evidence: str = ""
    last: tuple[str, ...] = ()


def begin(bank: str, language: Language) -> tuple[Dialogue, Turn]:
    """Greet the caller, and ask for the code. The greeting does not depend on the caller's number."""
    return _listen(Dialogue(bank, language), "greeting", "other_language", "ask", "keys")


def hear(dialogue: Dialogue, keyed: str | None) -> tuple[Dialogue, Turn]:
    """The next turn after the caller has pressed keys, or after silence (`keyed` is None). Keys may end with a hash.

    If the turn's act is `check`, check the code. Then call `judge`, `ask_to_repeat` or `no_verdict` with the result. If
    the act is `look`, look up the calls. Then call `tell_calls`.
    """
    dialogue = replace(dialogue, turns=dialogue.turns + 1)
    if dialogue.stage == "over" or dialogue.turns > MAX_TURNS:
        return _end(dialogue, "goodbye")
    keys = _before_hash(keyed)
    if keys == "":
        return _silent(dialogue)
    dialogue = replace(dialogue, silences=0)
    if keys == "*":
        return _repeat(dialogue)
    if keys == "*8":
        return _repeat(replace(dialogue, slow=not dialogue.slow))
    if keys == "*9":
        other: Language = "en" if dialogue.language == "zh-CN" else "zh-CN"
        return _repeat(replace(dialogue, language=other))
    if keys == "0":
        return _connect(dialogue)
    if keys == "1" and dialogue.receipt:
        turn = Turn((_say(dialogue, "receipt_sent"),), "listen", dialogue.slow, message=dialogue.receipt)
        return replace(dialogue, receipt=""), turn
    if keys == CALLS_KEY:
        return dialogue, Turn((), "look", dialogue.slow)
    code = keyed_code(keyed)
    return refuse_slip(dialogue) if code is None else (dialogue, Turn((), "check", dialogue.slow, code))


def keyed_code(keyed: str | None) -> str | None:
    """The nine digits that a caller has keyed. None if they have keyed anything else."""
    keys = _before_hash(keyed)
    return keys if len(keys) == CODE_DIGITS and keys.isascii() and keys.isdigit() else None


def _before_hash(keyed: str | None) -> str:
    return "" if keyed is None else keyed.split("#", 1)[0]


def judge(
    dialogue: Dialogue,
    verdict: Verdict,
    who: dict[Language, str] | None = None,
    officer: str = "",
    receipt: str = "",
    evidence: str = "",
    *,
    to_another: bool = False,
) -> tuple[Dialogue, Turn]:
    """The turn that says the verdict on a code.

    `who` has the text about the call in each language. Without `who`, a verdict about a call becomes `unavailable` (law
    L6). `receipt` is the id of a receipt that can be sent as a message. `evidence` is the id of the receipt of a
    verdict about a call. The verdict `ended` is for the code of a call that is over. It names no officer. `to_another`
    is whether a genuine call went to another contact. Then `who` begins with them, and nothing comes before it.
    """
    offer = ("offer_receipt",) if receipt else ()
    if verdict == "not_genuine":
        dialogue = replace(_told(dialogue, verdict), receipt=receipt)
        return _listen(dialogue, verdict, "after_refusal", *offer)
    if verdict == "genuine" and who is not None:
        dialogue = replace(_told(dialogue, verdict), who=who, officer=officer, receipt=receipt, evidence=evidence)
        beginning = () if to_another else ("genuine",)
        return _listen(dialogue, *beginning, "who", "never_asks", "after_genuine", *offer)
    if verdict == "ended" and who is not None:
        dialogue = replace(_told(dialogue, verdict), who=who, receipt=receipt, evidence=evidence)
        return _listen(dialogue, "past_call", "code_over", "after_refusal", *offer)
    return no_verdict(dialogue, "unavailable")


def close(dialogue: Dialogue) -> Dialogue:
    """The dialogue after the genuine call has closed: its verdict `genuine` becomes `ended`.

    Key `0` still leads to the officer.
    """
    if dialogue.verdict != "genuine":
        return dialogue
    return replace(dialogue, verdict="ended", last=_after(dialogue.last))


def closed(said: tuple[Say, ...]) -> tuple[Say, ...]:
    """Replace the prompts that say that a call is genuine with prompts that say that it has ended.

    So a turn can be repeated after the call has closed.
    """
    texts = {each.name: each for each in said}
    return tuple(_closed(name, texts) for name in _after(tuple(texts)))


def says_genuine(said: tuple[Say, ...]) -> bool:
    """Whether prompts say that a call goes on: that it is genuine, or who is calling another contact."""
    return any(each.name in _AFTER for each in said)


def _after(names: tuple[str, ...]) -> tuple[str, ...]:
    """The prompts that replace these once the call has closed."""
    replaced = _AFTER if "genuine" in names else _AFTER_ANOTHER
    return tuple(after for name in names for after in replaced.get(name, (name,)))


def _closed(name: str, said: dict[str, Say]) -> Say:
    if name in said:
        return said[name]
    language = next(iter(said.values())).language
    text = caller(language, said["who"].text) if name == "who_called" else prompt(name, language)
    return Say(name, text, language)


def refuse_slip(dialogue: Dialogue) -> tuple[Dialogue, Turn]:
    """Ask for the code again, because the digits cannot be a code. This costs no attempt.

    After `MAX_SLIPS` such errors, transfer the caller to the fraud desk.
    """
    dialogue = replace(dialogue, slips=dialogue.slips + 1)
    if dialogue.slips > MAX_SLIPS:
        return _connect(replace(dialogue, verdict=None, officer=""))
    return _listen(dialogue, "slip", "ask")


def ask_to_repeat(dialogue: Dialogue) -> tuple[Dialogue, Turn]:
    """Ask for the code again, because the nine digits can be no code. The caller asks the other person to repeat them.

    This costs no attempt, and counts as an error for `MAX_SLIPS`.
    """
    dialogue, turn = refuse_slip(dialogue)
    return (dialogue, turn) if turn.act != "listen" else _listen(dialogue, "ask_to_repeat", "ask")


def no_verdict(dialogue: Dialogue, why: Unchecked) -> tuple[Dialogue, Turn]:
    """Say that there is no verdict, and why (law L6). The caller can press `0` for the fraud desk."""
    return _listen(_told(dialogue, "unavailable"), why, "after_refusal")


def _told(dialogue: Dialogue, verdict: Verdict) -> Dialogue:
    """The state after a verdict. All data of the previous verdict is cleared."""
    return replace(dialogue, stage="told", verdict=verdict, who={}, officer="", receipt="", evidence="", slips=0)


def _silent(dialogue: Dialogue) -> tuple[Dialogue, Turn]:
    dialogue = replace(dialogue, silences=dialogue.silences + 1)
    if dialogue.silences > MAX_SILENCES or (dialogue.stage == "told" and dialogue.silences > 1):
        return _end(dialogue, "goodbye")
    if dialogue.stage == "told":
        return _repeat(dialogue)
    return _listen(dialogue, "silence", "ask", "keys")


def looks(dialogue: Dialogue, keyed: str | None) -> bool:
    """Whether `hear` may ask to look up calls. So the rows can be declared beforehand."""
    keys = _before_hash(keyed)
    return keys == CALLS_KEY or (_told_calls(dialogue) and keys in ("", "*", "*8", "*9"))


def tell_calls(dialogue: Dialogue, what: Told, calls: dict[Language, str] | None = None) -> tuple[Dialogue, Turn]:
    """Tell the caller about calls to their number, or why not. A verdict that was given before still stands.

    `calls` has the text of `calls_made` in each language. The dialogue does not keep it.
    """
    said = (what, "keys")
    text = calls[dialogue.language] if calls is not None else prompt(what, dialogue.language)
    say = Say(what, text, dialogue.language), _say(dialogue, "keys")
    return replace(dialogue, last=said, slips=0), Turn(say, "listen", dialogue.slow)


def _told_calls(dialogue: Dialogue) -> bool:
    return "calls_made" in dialogue.last or "no_calls_made" in dialogue.last


def _repeat(dialogue: Dialogue) -> tuple[Dialogue, Turn]:
    """Say again what was said last. Calls are looked up again: there may be another one by now."""
    if _told_calls(dialogue):
        return dialogue, Turn((), "look", dialogue.slow)
    return _listen(dialogue, *dialogue.last)


def _connect(dialogue: Dialogue) -> tuple[Dialogue, Turn]:
    """Transfer the caller to the officer of the genuine call. Without such a call, transfer to the fraud desk."""
    to = dialogue.officer if dialogue.verdict in ("genuine", "ended") and dialogue.officer else FRAUD_DESK
    dialogue = replace(dialogue, stage="over")
    return dialogue, Turn((_say(dialogue, "connecting"),), "transfer", dialogue.slow, to=to)


def _listen(dialogue: Dialogue, *names: str) -> tuple[Dialogue, Turn]:
    dialogue = replace(dialogue, last=names)
    about = dialogue.evidence if names[0] in _OF_A_CALL else ""
    return dialogue, Turn(tuple(_say(dialogue, name) for name in names), "listen", dialogue.slow, evidence=about)


def _end(dialogue: Dialogue, *names: str) -> tuple[Dialogue, Turn]:
    dialogue = replace(dialogue, stage="over", last=names)
    return dialogue, Turn(tuple(_say(dialogue, name) for name in names), "hang_up", dialogue.slow)


def _say(dialogue: Dialogue, name: str) -> Say:
    language = dialogue.language
    if name in ("who", "past_call"):
        return Say(name, dialogue.who[language], language)
    if name == "who_called":
        return Say(name, caller(language, dialogue.who[language]), language)
    spoken: Language = language
    if name == "other_language":
        # This prompt is for callers who do not understand the language of the dialogue. So it is spoken in the other
        # language.
        spoken = "en" if language == "zh-CN" else "zh-CN"
    return Say(name, prompt(name, language, bank=dialogue.bank), spoken)
