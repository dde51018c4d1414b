"""The sample for Android maps each answer of the service, and everything else to "could not determine"."""

from __future__ import annotations

import re

import pytest

from tests.described import DESCRIPTION
from tests.node import CLIENTS

SAMPLE = (CLIENTS / "samples/android/CallVerifier.kt").read_text(encoding="utf-8")
ANDROID = (CLIENTS / "samples/android/BankCallVerificationService.kt").read_text(encoding="utf-8")


@pytest.mark.shows("CVP-7.15-4")
def test_the_android_sample_maps_exactly_the_verdicts_of_the_api() -> None:
    verdicts = DESCRIPTION["components"]["schemas"]["CallVerification"]["properties"]["verdict"]["enum"]
    mapped = dict(re.findall(r'"(\w+)" -> RingingVerdict\.(\w+)', SAMPLE))
    assert mapped == {each: each.upper() for each in verdicts if each != "undetermined"}
    assert "else -> RingingVerdict.UNDETERMINED" in SAMPLE
    shown = dict(
        re.findall(r"RingingVerdict\.(\w+) -> CallVerificationVerdict\(CallVerificationVerdict\.(\w+)", ANDROID)
    )
    assert shown == {"LEGIT": "LEGIT_CALL", "NOT_LEGIT": "NOT_LEGIT_CALL", "UNDETERMINED": "UNDETERMINED"}
