"""The purposes of calls, the items that a call for each purpose may ask for, and the items that no call asks for.

Implements specs/protocol.md section 4.3.
"""

from __future__ import annotations

from typing import Literal

Language = Literal["zh-CN", "en"]
Purpose = Literal["documents", "progress", "terms", "disbursement", "repayment", "marketing", "appointment"]

PURPOSES: dict[str, dict[str, str]] = {
    "documents": {"zh-CN": "补充申请材料", "en": "documents for your application"},
    "progress": {"zh-CN": "申请进度", "en": "the progress of your application"},
    "terms": {"zh-CN": "利率与合同条款", "en": "the rate and terms of your loan"},
    "disbursement": {"zh-CN": "放款安排", "en": "the payout of your loan"},
    "repayment": {"zh-CN": "还款安排", "en": "your repayments"},
    "marketing": {"zh-CN": "贷款产品介绍", "en": "an offer of a loan product"},
    "appointment": {"zh-CN": "预约面谈", "en": "an appointment"},
}

ASKS: dict[str, tuple[str, ...]] = {
    "documents": ("document_copies", "employer", "appointment"),
    "progress": ("appointment",),
    "terms": ("chosen_term", "appointment"),
    "disbursement": ("appointment",),
    "repayment": ("repayment_date", "appointment"),
    "marketing": ("appointment",),
    "appointment": ("appointment",),
}

NEVER_ASKS = ("password", "one_time_code", "card_pin", "transfer", "remote_control", "upfront_fee", "read_back")

ITEMS: dict[str, dict[str, str]] = {
    "document_copies": {
        "zh-CN": "上传或寄送材料复印件",
        "en": "copies of documents, sent by you in the app or by post",
    },
    "employer": {"zh-CN": "工作单位名称", "en": "the name of your employer"},
    "appointment": {"zh-CN": "预约时间", "en": "a time for an appointment"},
    "chosen_term": {"zh-CN": "您选择的贷款期限", "en": "the term you choose"},
    "repayment_date": {"zh-CN": "您希望的还款日", "en": "the repayment date you prefer"},
    "password": {"zh-CN": "密码", "en": "a password"},
    "one_time_code": {"zh-CN": "短信验证码", "en": "a one-time code sent to you"},
    "card_pin": {"zh-CN": "银行卡密码或安全码", "en": "a card PIN or security code"},
    "transfer": {"zh-CN": "转账到任何账户", "en": "a transfer to any account"},
    "remote_control": {"zh-CN": "安装软件或共享屏幕", "en": "software to be installed or a shared screen"},
    "upfront_fee": {"zh-CN": "预先缴纳费用", "en": "a fee paid in advance"},
    "read_back": {"zh-CN": "把任何验证结果读给来电人", "en": "any answer of this service read back to the caller"},
}
