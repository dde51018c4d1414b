"""The prompts of the telephone dialogue, in zh-CN and en. Each prompt has a name, so that a bank can record it.

Implements specs/protocol.md section 7.7. The prompts `who`, `who_called`, `past_call` and `calls_made` differ for each
call, so they are not here.
"""

from __future__ import annotations

from verifier.core.purposes import Language
from verifier.core.words import CODE_OVER, ENDED, GENUINE, NEVER, NOT_GENUINE, OTHER_NUMBER, UNREGISTERED

PROMPTS: dict[str, dict[Language, str]] = {
    "greeting": {
        "zh-CN": "您好，这里是{bank}来电核实。",
        "en": "This is the call check of {bank}.",
    },
    "other_language": {
        "zh-CN": "For English, press star nine.",
        "en": "中文请按星号九。",
    },
    "ask": {
        "zh-CN": "请输入来电人报给您的九位核实码，按井号键结束。",
        "en": "Please key in the nine digits that the caller gave you, then the hash key.",
    },
    "keys": {
        "zh-CN": "重听请按星号，慢速请按星号八，转人工请按零。查询我行最近是否给您打过电话，请按二，再按井号键。",
        "en": "Star repeats, star eight is slower, zero connects you to a person. To ask whether we called you, "
        "press two, then the hash key.",
    },
    "slip": {
        "zh-CN": "请输入完整的九位数字，再按井号键。本次不计入错误次数。",
        "en": "That was not nine digits. Please key them again; this costs no attempt.",
    },
    "ask_to_repeat": {
        "zh-CN": "这九位数字有误。请让来电人再报一遍，然后重新输入，不计入错误次数。如果无法再问，请不要透露任何信息。",
        "en": "These digits cannot be right. Ask the caller to repeat them, then key them again. It costs no attempt. "
        "If you cannot ask, share nothing.",
    },
    "silence": {
        "zh-CN": "没有听到按键。不着急，请慢慢输入。",
        "en": "No key was heard. Take your time.",
    },
    "no_calls_made": {
        "zh-CN": "最近七天，我行没有打往这个号码的通话记录。如果有人自称我行来电，请不要透露任何信息。",
        "en": "In the last seven days we have no call to this number on record. If somebody says that they called from "
        "us, share nothing.",
    },
    "unregistered": UNREGISTERED,
    "other_number": OTHER_NUMBER,
    "unavailable": {
        "zh-CN": "现在无法核实。请不要继续通话，稍后再试。",
        "en": "We cannot check now. Do not go on with the call; try again later.",
    },
    "too_many": {
        "zh-CN": "尝试次数过多，现在不能再核实。这不代表来电是真的。请不要透露任何信息。",
        "en": "There were too many attempts, so we cannot check now. The call may not be genuine. Share nothing.",
    },
    "genuine": GENUINE,
    "never_asks": NEVER,
    "ended": ENDED,
    "not_genuine": NOT_GENUINE,
    "code_over": CODE_OVER,
    "after_genuine": {
        "zh-CN": "重听请按星号，转接这位客户经理请按零，核实另一个核实码请直接输入。不需要了请挂断。",
        "en": "Star repeats, zero connects you to this officer; to check another code, key it in. Otherwise hang up.",
    },
    "after_refusal": {
        "zh-CN": "重听请按星号，转接反诈专席请按零，核实另一个核实码请直接输入。",
        "en": "Star repeats, zero connects you to the fraud desk; to check another code, key it in.",
    },
    "offer_receipt": {
        "zh-CN": "如需把核实凭证发到您的银行消息，请按一，再按井号键。",
        "en": "To get the receipt in your messages from the bank, press one, then the hash key.",
    },
    "receipt_sent": {
        "zh-CN": "核实凭证会发到您的银行消息。其中没有链接，也不会请您回复。",
        "en": "The receipt will be in your messages from the bank. It has no link and asks for no reply.",
    },
    "connecting": {
        "zh-CN": "正在为您转接，请稍候。",
        "en": "You are being connected.",
    },
    "goodbye": {
        "zh-CN": "感谢您的来电，再见。",
        "en": "Thank you for calling. Goodbye.",
    },
}


def prompt(name: str, language: Language, **values: str) -> str:
    """The text of a prompt. `values` replace the placeholders in the prompt, such as `{bank}`."""
    return PROMPTS[name][language].format(**values)
