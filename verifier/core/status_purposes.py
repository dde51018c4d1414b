"""The purposes of the calls that an application allows, by its status: enquiry, open or closed (law L10).

Implements specs/protocol.md section 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from verifier.core.application import Status
from verifier.core.purposes import Purpose

StatusPurposes = Mapping[Status, frozenset[str]]

STATUSES: tuple[Status, ...] = get_args(Status)
_PURPOSES: tuple[str, ...] = get_args(Purpose)
DEFAULT = (
    "enquiry: appointment, progress, marketing; "
    "open: documents, progress, terms, disbursement, repayment, marketing, appointment; "
    "closed: repayment, marketing"
)


def parse(text: str) -> StatusPurposes:
    """Parse the purposes of each status, written like `DEFAULT`. A status without purposes allows no calls.

    Raises ValueError with a readable message. No status and no purpose is assumed: a status that is missing, unknown or
    given twice is an error, and so is such a purpose.
    """
    found: dict[Status, frozenset[str]] = {}
    for part in text.split(";"):
        name, colon, listed = part.partition(":")
        status = next((each for each in STATUSES if each == name.strip()), None)
        if status is None or not colon:
            raise ValueError(f"{name.strip()!r} is no status; write {', '.join(STATUSES)}, each with a colon")
        if status in found:
            raise ValueError(f"{status} is given twice")
        found[status] = _purposes(status, listed)
    missing = [each for each in STATUSES if each not in found]
    if missing:
        raise ValueError(f"lacks {' and '.join(missing)}")
    return found


def _purposes(status: Status, listed: str) -> frozenset[str]:
    purposes = [each.strip() for each in listed.split(",")] if listed.strip() else []
    for each in purposes:
        if each not in _PURPOSES:
            raise ValueError(f"{status} names {each!r}, which is none of {', '.join(_PURPOSES)}")
    if len(set(purposes)) < len(purposes):
        raise ValueError(f"{status} names a purpose twice")
    return frozenset(purposes)
