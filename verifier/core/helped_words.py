"""Texts that a helper reads about the calls to the person they help. Implements specs/protocol.md section 7.18.

They never say what a call is about.
"""

from __future__ import annotations

from verifier.core.application import Officer
from verifier.core.messages.customers import StatusState
from verifier.core.purposes import Language

_CALL: dict[str, dict[Language, str]] = {
    "connected": {
        "zh-CN": "我们正在与您协助的人通话：{name}，工号 {id}，{branch}。请对方先核实，再提供任何信息。",
        "en": "We are on the phone with the person you help: {name}, staff number {id}, {branch}. They should check "
        "the code before they share anything.",
    },
    "ringing": {
        "zh-CN": "我们正在拨打您协助的人的电话：{name}，工号 {id}，{branch}。请对方先核实，再提供任何信息。",
        "en": "We are calling the person you help: {name}, staff number {id}, {branch}. They should check the code "
        "before they share anything.",
    },
    "expected": {
        "zh-CN": "我们准备给您协助的人打电话，或正在通话：{name}，工号 {id}，{branch}。请对方先核实，再提供任何信息。",
        "en": "We are about to call the person you help, or already on the phone: {name}, staff number {id}, {branch}. "
        "They should check the code before they share anything.",
    },
}
_NO_CALL: dict[str, dict[Language, str]] = {
    "none": {
        "zh-CN": "我们现在没有给您协助的人打电话。如有人自称正代表我行与对方通话，请让对方挂断。",
        "en": "We are not calling the person you help. If somebody says they are calling from us, they should hang up.",
    },
    "unknown": {
        "zh-CN": "现在无法确认我们是否在给您协助的人打电话。请对方不要透露任何信息，可拨打银行卡背面的电话询问。",
        "en": "We cannot check now whether we are calling the person you help. They should share nothing, and ring the "
        "number on their bank card.",
    },
}


def helped_status(language: Language, state: StatusState, officer: Officer | None) -> str:
    """The text about a call status. `officer` is the officer of the first call, or None if `state` is about none."""
    if officer is None:
        return _NO_CALL[state][language]
    return _CALL[state][language].format(name=officer.name, id=officer.id, branch=officer.branch)
