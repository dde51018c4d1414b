"""Telephone numbers in files: read in the usual notations, and never guessed."""

from __future__ import annotations

import time

import pytest

from verifier.import_files import e164

READ = {
    ("138-0013-8000", "CN"): "+8613800138000",
    ("138.0013.8000", "CN"): "+8613800138000",
    ("138\u00a00013\u20118000", "CN"): "+8613800138000",
    ("１３８　００１３－８０００", "CN"): "+8613800138000",
    ("（０１０）８２３４５６７８", "CN"): "+861082345678",
    ("＋８６ 138 0013 8000", "US"): "+8613800138000",
    ("(+86) 138 0013 8000", "US"): "+8613800138000",
    ("0138 0013 8000", "CN"): "+8613800138000",
    ("0086 138 0013 8000", "CN"): "+8613800138000",
    ("010-8234 5678", "CN"): "+861082345678",
    ("400 888 8888", "CN"): "+864008888888",
    ("020 7946 0123", "GB"): "+442079460123",
    ("+44 (0)20 7946 0123", "CN"): "+442079460123",
    ("0044 20 7946 0123", "CN"): "+442079460123",
    ("(202) 555-0109", "US"): "+12025550109",
    ("1-202-555-0109", "US"): "+12025550109",
    ("+1.202.555.0109", "CN"): "+12025550109",
    ("+39 06 6982 1234", "CN"): "+390669821234",
}


@pytest.mark.shows("CVP-3.1-9")
@pytest.mark.parametrize(("number", "region"), READ)
def test_a_number_is_read_in_the_usual_notations(number: str, region: str) -> None:
    assert e164(number, region) == READ[number, region]


CHARACTER, DECIMAL, DIALLED = "a character other than", "decimal number", "not written as it is dialled"
REFUSED = {
    "138OO138OOO": CHARACTER,
    "1-800-FLOWERS": CHARACTER,
    "13800138000 ext 5": CHARACTER,
    "13800138000x5": CHARACTER,
    "13800138000#5": CHARACTER,
    "13800138000;ext=5": CHARACTER,
    "tel:+8613800138000": CHARACTER,
    "'13800138000": CHARACTER,
    "=13800138000": CHARACTER,
    "13,800,138,000": CHARACTER,
    "138+00138000": CHARACTER,
    "++8613800138000": CHARACTER,
    "13800138000/1": CHARACTER,
    "138①0138000": CHARACTER,
    "١٣٨٠٠١٣٨٠٠٠": CHARACTER,
    "一三八〇〇一三八〇〇〇": CHARACTER,
    "138\n00138000": CHARACTER,
    "13812345600.0": DECIMAL,
    "13812345600.00": DECIMAL,
    "+4930123456.0": DECIMAL,
    "138.1234.5600.0": DECIMAL,
    "13812345600.": DECIMAL,
    "1.38123E+10": "E notation",
    "1.38123e10": "E notation",
    "1380013800": "is not a number of CN",
    "138001380001": "CN",
    "010-82345678-801": "too many digits",
    "95588": "too few digits",
    "110": "too few digits",
    "+86 95588": "too few digits",
    "+86 10086": "too few digits",
    "82345678": "CN",
    "+86 1380013800": "is not a number of its country",
    "+999 123456789": "a country code that does not exist",
    "442079460123": "needs \\+ and its country code",
    "12025550109": "needs \\+ and its country code",
    "2025550109": DIALLED,
    "8613800138000": DIALLED,
    "1795113800138000": DIALLED,
    "1082345678": DIALLED,
    "": "too few digits",
    "+": "too few digits",
    "()": "too few digits",
    "1" * 41: "longer than 40",
    "0" * 40: "digits",
}


@pytest.mark.shows("CVP-3.1-9")
@pytest.mark.parametrize("number", REFUSED)
def test_an_ambiguous_number_is_refused_without_repeating_it(number: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[number]) as refused:
        e164(number, "CN")
    assert len(number) < 3 or number not in str(refused.value)


@pytest.mark.shows("CVP-3.1-9")
@pytest.mark.parametrize(("number", "region"), [("7946012345", "GB"), ("2079460123", "GB"), ("0111523456789", "CN")])
def test_a_number_without_the_leading_0_a_spreadsheet_removed_is_refused(number: str, region: str) -> None:
    with pytest.raises(ValueError, match=r"dialled|is not a number|digits"):
        e164(number, region)


def test_a_long_text_is_refused_in_constant_time() -> None:
    began = time.process_time()
    for text in ("1" * 65_536, "(" * 65_536, "1." * 32_768, "1E" + "1" * 65_536):
        with pytest.raises(ValueError, match="longer than"):
            e164(text, "CN")
    assert time.process_time() - began < 1
