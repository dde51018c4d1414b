"""The call code: published HOTP vectors, the binding to its ticket, and what a person may type (law L2)."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import callback_verification.codes as sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import node
from tests.vectors.codes import INVISIBLE, SEPARATORS
from tests.world import another_code
from verifier.core import code as core
from verifier.core.call import CallRules
from verifier.core.code import HOTP_DIGITS, derive_code, hotp, parse_code, possible, same_code, show_code
from verifier.core.errors import MalformedCode

CODES = st.integers(0, 99_999_999).map(lambda n: another_code(f"{n:08d}0", 0))
KEY = bytes(range(32))


@pytest.mark.shows("CVP-5-1")
def test_hotp_matches_rfc_4226_appendix_d() -> None:
    published = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    secret = b"12345678901234567890"
    assert [hotp(secret, counter, digits=6, digest=hashlib.sha1) for counter in range(10)] == published


@pytest.mark.parametrize(
    ("seconds", "password"), [(59, "46119246"), (1111111109, "68084774"), (20000000000, "77737706")]
)
def test_hotp_matches_rfc_6238_appendix_b_for_sha_256_and_eight_digits(seconds: int, password: str) -> None:
    assert hotp(b"12345678901234567890123456789012", seconds // 30) == password


@pytest.mark.shows("CVP-5-1")
def test_each_input_of_a_code_changes_it() -> None:
    base = derive_code(KEY, "call_1", "a.b.c", 1)
    others = {
        derive_code(KEY[::-1], "call_1", "a.b.c", 1),
        derive_code(KEY, "call_2", "a.b.c", 1),
        derive_code(KEY, "call_1", "a.b.d", 1),
        derive_code(KEY, "call_1", "a.b.c", 2),
    }
    assert len(others) == 4
    assert base not in others


@pytest.mark.shows("CVP-5-4")
@given(CODES, st.integers(0, 8), st.integers(1, 9))
def test_a_code_with_one_wrong_digit_is_impossible(code: str, place: int, step: int) -> None:
    slipped = code[:place] + str((int(code[place]) + step) % 10) + code[place + 1 :]
    assert not possible(parse_code(slipped))
    assert possible(parse_code(code))


@pytest.mark.shows("CVP-5-4")
@given(CODES, st.integers(0, 7))
def test_a_code_with_two_swapped_neighbours_is_impossible(code: str, place: int) -> None:
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert possible(parse_code(swapped)) is (swapped == code)


@pytest.mark.shows("CVP-5-6", "CVP-5-8")
@given(CODES)
def test_a_code_may_be_typed_with_separators_and_full_width_digits(code: str) -> None:
    full_width = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    typed = [code, show_code(code), show_code(code).replace(" ", "-"), full_width, f" {code}\n", show_code(full_width)]
    assert {parse_code(each) for each in typed} == {code}


@pytest.mark.shows("CVP-5-5")
@pytest.mark.parametrize("typed", ["", "12345678", "1234567890", "12345678a", "１२３", "x" * 100, "12345678²"])
def test_text_without_nine_digits_is_refused_with_its_pointer(typed: str) -> None:
    with pytest.raises(MalformedCode) as caught:
        parse_code(typed, "/digits")
    assert caught.value.errors[0].pointer == "/digits"


@given(st.text(max_size=80) | st.text(alphabet=f"0123456789{SEPARATORS}{INVISIBLE}一a，", max_size=201))
def test_any_typed_text_is_a_code_or_malformed(typed: str) -> None:
    try:
        parsed = parse_code(typed)
    except MalformedCode:
        return
    assert len(parsed) == 9
    assert parsed.isascii()


@pytest.mark.shows("CVP-5-9")
@pytest.mark.parametrize(
    "typed",
    [
        "您的核实码是 482 177 302，有效期 10 分钟",
        "核实码482177302，有效期10分钟",
        "四八二 幺七七 三零二",
        "٤٨٢ ١٧٧ ٣٠٢",
        "482177302, that is 482 177 302!",
        "\u2066482\u2069\u200b177302\ufeff",
        "！" * 191 + "482177302",
    ],
)
def test_the_nine_digits_in_a_pasted_text_are_read_as_the_code(typed: str) -> None:
    assert parse_code(typed) == "482177302"


@pytest.mark.shows("CVP-5-6", "CVP-5-9")
@pytest.mark.parametrize(
    "typed",
    [
        "482177302 或 000000000",
        "95588 482177302",
        "+482177302",
        "*482177302",
        "482177302#",
        "A482177302",
        "482,177,302",
        "48217730两",
        "48217730\u00b2",
        "④⑧②①⑦⑦③⓪②",
        "！" * 192 + "482177302",
    ],
)
def test_no_code_is_read_from_several_numbers_or_from_another_kind_of_number(typed: str) -> None:
    with pytest.raises(MalformedCode):
        parse_code(typed)


@pytest.mark.shows("CVP-5-7")
def test_codes_are_compared_as_a_whole() -> None:
    assert same_code("482177306", "482177306")
    assert not same_code("482177306", "482177307")
    assert not same_code("482177306", "48217730")


EVERY = [each for each in range(sys.maxunicode + 1) if not 0xD800 <= each <= 0xDFFF]
READ = """
import { readDigits } from "./src/codes.js";
const seen = [];
for (let each = 0; each <= 0x10ffff; each += 1) {
  if (each >= 0xd800 && each <= 0xdfff) continue;
  const { codes, digits } = readDigits(`4821${String.fromCodePoint(each)}77302`);
  if (codes.length > 0 || digits.length > 9) seen.push([each, codes.length > 0 ? "between" : digits.slice(4, 5)]);
}
console.log(JSON.stringify(seen));
"""


def _meanings(meant: dict[int, str], separators: str, invisible: str) -> dict[int, str]:
    return dict(sorted((meant | {ord(each): "between" for each in separators + invisible}).items()))


@pytest.mark.shows("CVP-5-6", "CVP-5-9")
def test_each_character_has_one_meaning_in_the_service_and_both_sdks(npm: str) -> None:
    """Each Unicode character is a digit, may stand between digits, or ends a group. Three programs must agree on it."""
    decimal = {each: str(found) for each in EVERY if (found := unicodedata.decimal(chr(each), None)) is not None}
    numerals = {ord(each): str(n) for n, written in enumerate(core.CHINESE) for each in written}
    wanted = _meanings(
        {each: decimal[each] for each in core.MEANT if each in decimal} | numerals, SEPARATORS, INVISIBLE
    )
    if unicodedata.unidata_version == "14.0.0":
        assert set(decimal) | set(numerals) == set(core.MEANT)
    for who, reading in (("service", parse_code), ("SDK", sdk.read)):
        between = {each for each in EVERY if _takes(reading, f"4821{chr(each)}77302")}
        assert between == {each for each, meaning in wanted.items() if meaning == "between"}, who
    assert core.MEANT == sdk.MEANT == {each: meaning for each, meaning in wanted.items() if meaning != "between"}
    told = node.run(node.program("node"), "--input-type=module", "-e", READ)
    assert told.returncode == 0, told.stderr
    assert dict(json.loads(told.stdout)) == wanted


def _takes(reading: Callable[[str], str], typed: str) -> bool:
    try:
        return reading(typed) == "482177302"
    except (MalformedCode, ValueError):
        return False


def test_the_web_page_reads_codes_with_the_sdk() -> None:
    text = (Path(__file__).parents[2] / "clients/web/code.js").read_text()
    assert "readDigits" in text
    assert "normalize" not in text


def _bound_of_a_call() -> float:
    """The chance that six guesses at the likeliest codes are right: 31 bits modulo 10⁸ (RFC 4226, section 5.3)."""
    most = -(-(2**31) // 10**HOTP_DIGITS)
    return 2 * CallRules().max_wrong * most / 2**31


def test_the_guess_bound_is_the_one_in_the_specifications() -> None:
    stated = f"{_bound_of_a_call() * 1e8:.2f}·10⁻⁸"
    for name in ("protocol.md", "threat-model.md", "model/README.md"):
        text = (Path(__file__).parents[2] / "specs" / name).read_text(encoding="utf-8")
        assert stated in text, name
        assert not re.search(r"(at most|by|reckons|6\.2:) 6·10⁻⁸", text), name
