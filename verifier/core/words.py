"""Texts that customers read or hear, in zh-CN and en. Implements specs/protocol.md section 7.4."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from verifier.core.application import Loan, Officer
from verifier.core.call import Progress
from verifier.core.call_history import SPOKEN_CALLS
from verifier.core.contacts import ROLES, Role
from verifier.core.messages.confirmations import Words
from verifier.core.purposes import ITEMS, NEVER_ASKS, PURPOSES, Language

LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")

NOT_GENUINE: dict[Language, str] = {
    "zh-CN": "未能核实这通电话。请不要透露任何信息，挂断电话，并拨打银行卡背面的电话。",
    "en": "We could not confirm this call. Share nothing, hang up, and ring the number on your bank card.",
}
UNAVAILABLE: dict[Language, str] = {
    "zh-CN": "现在无法核实。请不要继续通话，稍后再试，或拨打银行卡背面的电话。",
    "en": "We cannot check now. Do not go on with the call; try again later or ring the number on your bank card.",
}
UNREGISTERED: dict[Language, str] = {
    "zh-CN": "无法通过这个号码核实。请用您在银行登记的号码拨打，或打开手机银行核实。",
    "en": "We cannot check from this number. Ring from the number registered with the bank, or use the bank's app.",
}
OTHER_NUMBER: dict[Language, str] = {
    "zh-CN": "这个核实码属于一通打往其他号码的电话，无法通过这个号码核实。请用接到来电的那个号码拨打。"
    "如果来电打的就是这个号码，那不是我们：请不要透露任何信息，挂断电话。",
    "en": "This code belongs to a call that went to another number, so we cannot check it from this one. Ring from the "
    "number that was called. If you were called on this one, it was not us: share nothing and hang up.",
}
ON_CALL: dict[Language, str] = {
    "zh-CN": "我们正在与您通话：{name}，工号 {id}，{branch}，来电事由：{purpose}。核实之前，请不要提供任何信息。",
    "en": "We are on the phone with you now: {name}, staff number {id}, {branch}, about {purpose}. Check the code "
    "before you share anything.",
}
RINGING: dict[Language, str] = {
    "zh-CN": "我们正在拨打您的电话：{name}，工号 {id}，{branch}，来电事由：{purpose}。核实之前，请不要提供任何信息。",
    "en": "We are calling you now: {name}, staff number {id}, {branch}, about {purpose}. Check the code before you "
    "share anything.",
}
EXPECTED: dict[Language, str] = {
    "zh-CN": "我们准备给您打电话，或正在与您通话：{name}，工号 {id}，{branch}，来电事由：{purpose}。"
    "核实之前，请不要提供任何信息。",
    "en": "We are about to call you, or already on the phone: {name}, staff number {id}, {branch}, about {purpose}. "
    "Check the code before you share anything.",
}
UNKNOWN: dict[Language, str] = {
    "zh-CN": "现在无法确认我们是否在给您打电话。请不要透露任何信息，可拨打银行卡背面的电话询问。",
    "en": "We cannot check now whether we are calling you. Share nothing, and ring the number on your bank card.",
}
NO_CALL: dict[Language, str] = {
    "zh-CN": "我们现在没有给您打电话。如有人自称正代表我行与您通话，请挂断。",
    "en": "We are not calling you. If somebody says they are calling from us, hang up.",
}
GENUINE: dict[Language, str] = {
    "zh-CN": "已核实，这是我们打来的电话。",
    "en": "This is a genuine call from us.",
}
# What begins the verdict on the code of a call to another contact. `{to}` is what `_named` returns.
TO_ANOTHER: dict[Language, str] = {
    "zh-CN": "这是我们打给{to}的电话，不是打给您的。如果有人正以我行名义与您通话，请立即挂断。",
    "en": "This is our call to the {to}, not to you. If you are on the phone with somebody who says that they are "
    "calling you from us, hang up. ",
}
WAS_TO_ANOTHER: dict[Language, str] = {
    "zh-CN": "那是我们打给{to}的电话，不是打给您的。",
    "en": "That was our call to the {to}, not to you. ",
}
ENDED: dict[Language, str] = {
    "zh-CN": "您核实的那通电话是我们打的，现在已经结束。如果还有人在与您通话，或再次来电，都与那通电话无关。"
    "重新核实之前，请不要透露任何信息。",
    "en": "The call you checked was from us, and it is over now. If somebody is still talking to you, or rings you "
    "again, they are not part of that call. Share nothing until you have checked again.",
}
# What is said about the code of a call that is over. `{when}` is what `moment` returns.
PAST_CALL: dict[Language, str] = {
    "zh-CN": "这是我们{when}那通来电的核实码，那通电话已经结束。",
    "en": "This was the code of our call {when}, which is over.",
}
EXPIRED_CODE: dict[Language, str] = {
    "zh-CN": "这是我们{when}那通来电的核实码，已经过期。",
    "en": "This was the code of our call {when}. It is no longer valid.",
}
CODE_OVER: dict[Language, str] = {
    "zh-CN": "如果现在有人向您报这个核实码，请挂断电话。",
    "en": "If somebody gives it to you now, hang up.",
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_LIST = {"zh-CN": "、", "en": "; "}
NEVER: dict[Language, str] = {
    "zh-CN": f"我们绝不会索要：{_LIST['zh-CN'].join(ITEMS[each]['zh-CN'] for each in NEVER_ASKS)}。",
    "en": f"We never ask for: {_LIST['en'].join(ITEMS[each]['en'] for each in NEVER_ASKS)}.",
}
_STOP: dict[Language, str] = {"zh-CN": "。", "en": "."}
_MAY_ASK: dict[Language, str] = {"zh-CN": "这通电话可能会请您提供：", "en": " This call may ask for: "}


@lru_cache(maxsize=64)
def _items(language: Language, asks: tuple[str, ...]) -> str:
    """The names of these items, in one text. There are as many texts as purposes and languages."""
    return _LIST[language].join(ITEMS[each][language] for each in asks)


class About(Struct, frozen=True):
    """What a call is about: its purpose, what it may ask for, and the loan. `loan` is None if it must not be named."""

    purpose: str
    asks: tuple[str, ...]
    loan: Loan | None


def who(
    language: Language,
    officer: Officer,
    about: About | None,
    called: tuple[Role, str | None] | None = None,
    *,
    spoken: bool = False,
) -> str:
    """The sentences of a genuine verdict that describe the call: officer, purpose, loan, and what it may ask for.

    `about` is None if the person must not learn what the call is about. If the call went to another contact, `called`
    is that contact's role and name, and the text begins with them. If the text is `spoken`, it names the loan by its
    product only, since a reference is hard to follow by ear.
    """
    named = _about(language, about, spoken=spoken)
    to = "" if called is None else TO_ANOTHER[language].format(to=_named(language, *called))
    items = "" if about is None else f"{_MAY_ASK[language]}{_items(language, about.asks)}{_STOP[language]}"
    if language == "en":
        beginning = f"{to}The officer is " if to else ""
        return f"{beginning}{officer.name}, staff number {officer.id}, {officer.branch}{named}.{items}"
    return f"{to}来电人：{officer.name}，工号 {officer.id}，{officer.branch}{named}。{items}"


def _about(language: Language, about: About | None, *, spoken: bool) -> str:
    if about is None:
        return ""
    purpose, loan = PURPOSES[about.purpose][language], about.loan
    if language == "en":
        named = "" if loan is None else f": {loan.product}"
        if loan is not None and not spoken:
            named = f" ({loan.product}, reference {loan.reference})"
        return f", about {purpose}{named}"
    named = "" if loan is None else f"，{loan.product}"
    if loan is not None and not spoken:
        named = f"（{loan.product}，申请编号 {loan.reference}）"
    return f"，来电事由：{purpose}{named}"


def _named(language: Language, role: Role, name: str | None) -> str:
    """Another contact, by role and, if it is known, by name."""
    to = ROLES[role][language]
    if language == "en":
        return to if name is None else f"{to}, {name}"
    return f"{to}{name or ''}"


def genuine(language: Language, told: str, *, to_another: bool = False) -> str:
    """The text of a genuine verdict. `who` made `told`. `to_another` is whether the call went to another contact.

    It says that the call is genuine, or whom else the bank called, then who is calling, about which loan, and what the
    bank never asks for.
    """
    between = " " if language == "en" else ""
    beginning = () if to_another else (GENUINE[language],)
    return between.join((*beginning, told, NEVER[language]))


def caller(language: Language, told: str) -> str:
    """Shorten `told`, which `who` made, to the officer, the purpose and the loan, and to the contact who was called, if
    it begins with one.

    Only this part is still true after the call.
    """
    told = told.partition(_MAY_ASK[language])[0]
    beginning, end = TO_ANOTHER[language].split("{to}")
    to, found, rest = told.removeprefix(beginning).partition(end)
    if not (told.startswith(beginning) and found):
        return told
    return WAS_TO_ANOTHER[language].format(to=to) + rest


def ended(language: Language, told: str) -> str:
    """The text to show once the call has ended. It replaces `told`, which `genuine` made.

    It says that the call is over, who called, and what the bank never asks for. If the bank called another contact, it
    begins with them.
    """
    between = " " if language == "en" else ""
    beginning, end = GENUINE[language] + between, between + NEVER[language]
    who_called = caller(language, told.removeprefix(beginning).removesuffix(end))
    if told.startswith(beginning) and told.endswith(end):
        return between.join((ENDED[language], who_called)) + end
    if told.startswith(TO_ANOTHER[language].partition("{to}")[0]) and told.endswith(end):
        return between.join((who_called, ENDED[language])) + end
    return ENDED[language] + end


def moment(language: Language, at: datetime, now: datetime) -> str:
    """The customer's local time `at`, as in "at 15:10". The day is named unless it is today."""
    time = f"{at:%H:%M}"
    if at.date() == now.date():
        return {"zh-CN": f"今天{time}", "en": f"at {time}"}[language]
    return {"zh-CN": f"{at.month}月{at.day}日{time}", "en": f"on {at.day} {_MONTHS[at.month - 1]} at {time}"}[language]


def past_call(
    language: Language, began: datetime, now: datetime, called: tuple[Role, str | None] | None = None, *, expired: bool
) -> str:
    """The text that says which call a code belonged to, and that the call is over. `called` is as in `who`.

    If only the code has `expired`, the call may still go on, so the text does not say that it is over.
    """
    text = EXPIRED_CODE if expired else PAST_CALL
    to = "" if called is None else WAS_TO_ANOTHER[language].format(to=_named(language, *called))
    return to + text[language].format(when=moment(language, began, now))


def code_over(language: Language, told: str) -> str:
    """The text of the verdict `ended` on a code that is entered after its call. `past_call` made `told`."""
    return f"{told}{' ' if language == 'en' else ''}{CODE_OVER[language]}"


_PROGRESS: dict[Progress, dict[Language, str]] = {"expected": EXPECTED, "ringing": RINGING, "connected": ON_CALL}


def progress(language: Language, state: Progress, officer: Officer, purpose: str) -> str:
    """The text that tells a customer of a call before they have entered its code."""
    return _PROGRESS[state][language].format(
        name=officer.name, id=officer.id, branch=officer.branch, purpose=PURPOSES[purpose][language]
    )


CALLS_CHECKED: dict[Language, str] = {
    "zh-CN": "我行在这段时间有{count}次打给您的通话记录，全部列在这里，没有其他电话。已删除的贷款申请不在其中。",
    "en": "For this time we have {count} to you on record, all listed here, and no others. Calls about applications "
    "that were erased are not on record.",
}
NO_CALLS_CHECKED: dict[Language, str] = {
    "zh-CN": "我行在这段时间没有打给您的通话记录，已删除的贷款申请除外。"
    "如果有人自称是我行办理贷款的人员，请不要相信，也不要透露任何信息。",
    "en": "For this time we have no call to you on record. Calls about applications that were erased are not on "
    "record. If somebody said that they were from our loan staff, do not believe them, and share nothing.",
}
FROM_NUMBER: dict[bool, dict[Language, str]] = {
    True: {
        "zh-CN": "其中有从您填写的号码打出的电话。来电显示可以伪造，请与这里的时间核对。",
        "en": "One of them came from the number you entered. A caller number can be forged, so compare the times.",
    },
    False: {
        "zh-CN": "没有一次是从您填写的号码打出的。",
        "en": "None of them came from the number you entered.",
    },
}
CALLS_MADE: dict[Language, str] = {
    "zh-CN": "最近七天，我行共有{count}次拨打这个号码的记录，没有其他记录。{latest}{calls}。",
    "en": "In the last seven days we have {count} to this number on record, and no others. {latest}{calls}.",
}
_LATEST: dict[bool, dict[Language, str]] = {
    True: {"zh-CN": "", "en": ""},
    False: {"zh-CN": f"最近{SPOKEN_CALLS}次：", "en": f"The latest {SPOKEN_CALLS}: "},
}


def _calls(language: Language, count: int) -> str:
    """How many calls, as the sentences above take it."""
    if language == "zh-CN":
        return str(count)
    return "1 call" if count == 1 else f"{count} calls"


def calls_checked(language: Language, count: int, from_number: bool | None) -> str:
    """The answer to a call check. `from_number` is whether a call came from the number asked about, or None."""
    if count == 0:
        return NO_CALLS_CHECKED[language]
    text = CALLS_CHECKED[language].format(count=_calls(language, count))
    between = " " if language == "en" else ""
    return text if from_number is None else between.join((text, FROM_NUMBER[from_number][language]))


def calls_made(language: Language, count: int, calls: Sequence[tuple[datetime, str]]) -> str:
    """What a caller hears of the calls to their number: how many, and the last ones, each with its branch.

    `calls` has at most `SPOKEN_CALLS` calls, newest first. The times are local times of the customer.
    """
    return CALLS_MADE[language].format(
        count=_calls(language, count),
        latest=_LATEST[count <= SPOKEN_CALLS][language],
        calls=("；" if language == "zh-CN" else "; ").join(_spoken(language, at, branch) for at, branch in calls),
    )


def _spoken(language: Language, at: datetime, branch: str) -> str:
    if language == "zh-CN":
        minutes = f"{at.minute:02d}分" if at.minute else "整"
        return f"{at.month}月{at.day}日{at.hour}点{minutes}，{branch}"
    return f"{at.day} {_MONTHS[at.month - 1]} at {at.hour}:{at.minute:02d}, {branch}"


def in_both(text: dict[Language, str]) -> tuple[Words, ...]:
    """Convert a text to `Words`, one for each language."""
    return tuple(Words(language, text[language]) for language in LANGUAGES)
