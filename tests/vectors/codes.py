"""Vectors of the call code and its check digit: code.json and check-digit.json (protocol section 5; law L2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.vectors import envelopes
from tests.vectors.bank import NEXT, STATEMENT, Bank
from tests.vectors.files import Json, invalid, valid
from tests.vectors.parts import Path, decoded, places, put
from tests.world import another_code
from verifier.core.code import ZEROS, derive_code, show_code

# As specs/protocol.md section 5 lists them.
SEPARATORS = " \t\r\n-._·\u00a0\u3000\u202f\u205f．＿－−" + "".join(
    map(chr, [*range(0x2000, 0x200B), *range(0x2010, 0x2016)])
)
INVISIBLE = "".join(
    map(
        chr,
        [
            0xAD,
            0x61C,
            *range(0x200B, 0x2010),
            *range(0x202A, 0x202F),
            *range(0x2060, 0x2065),
            *range(0x2066, 0x206A),
            0xFEFF,
        ],
    )
)


def code(bank: Bank) -> Json:
    """code.json: the code of a real call, and the codes after a change of each of its inputs."""
    ticket = bank.evidence["documents"]["statement"]
    _, claims = decoded(ticket)
    base = {"application_key": bank.application_key.hex(), "call_id": claims["jti"], "ticket": ticket, "counter": 1}
    vectors = [valid("base", "the code of the call in tickets.json", _derived(base))]
    assert vectors[0]["outcome"]["code"] == bank.code
    for name, about, changes in _changes(base):
        vectors.append(valid(name, about, _derived({**base, **changes}), **changes))
    return {
        "about": "The derivation of a call code; each thing it is bound to is changed in turn (protocol.md section 5)",
        **base,
        "vectors": vectors,
    }


def check_digit(bank: Bank) -> Json:
    """check-digit.json: codes as people type them, and the typing errors that the check digit detects."""
    vectors = [*_typed(bank.code), *_not_nine(bank.code), *_slips(bank.code)]
    return {"about": "A code as it is typed, with its Damm check digit (protocol.md section 5)", "vectors": vectors}


def _derived(given: Json) -> Json:
    application_key = bytes.fromhex(given["application_key"])
    info = hashlib.sha256(given["ticket"].encode()).digest()
    key = HKDF(SHA256(), length=32, salt=given["call_id"].encode(), info=info).derive(application_key)
    digits = derive_code(application_key, given["call_id"], given["ticket"], given["counter"])
    return {"info": info.hex(), "key": key.hex(), "code": digits, "shown": show_code(digits)}


def _changes(base: Json) -> Iterator[tuple[str, str, Json]]:
    key, ticket = bytes.fromhex(base["application_key"]), base["ticket"]
    header, claims = decoded(ticket)
    for name, other in (("first", bytes([key[0] ^ 0x80]) + key[1:]), ("last", key[:-1] + bytes([key[-1] ^ 1]))):
        yield f"application-key-{name}-bit", f"the {name} bit of the key", {"application_key": other.hex()}
    yield "call-id", "the last character of the call's id", {"call_id": _other(base["call_id"])}
    for counter in (0, 2, 2**31, 2**32 + 1, 2**53 - 1):
        yield f"counter-{counter}", "the application's call counter", {"counter": counter}
    for path in places(claims):
        value = claims
        for name in path:
            value = value[name]
        if not isinstance(value, dict):
            dotted = ".".join(path)
            changed = STATEMENT.sign(header, put(claims, path, _another(path, value)))
            yield f"ticket-{dotted}", f"another {dotted}, signed by the bank", {"ticket": changed}
    yield (
        "ticket-key",
        "the same claims, signed by another key",
        {"ticket": NEXT.sign({**header, "kid": NEXT.kid}, claims)},
    )
    yield "ticket-signature", "the second form of the signature", {"ticket": envelopes.other_form(ticket)}
    yield "ticket-unsigned", "the ticket without its signature", {"ticket": ticket.rpartition(".")[0]}
    yield "ticket-empty", "no ticket", {"ticket": ""}


def _another(path: Path, value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [_other(value[0]), *value[1:]] if value and path[-1] == "tn" else [*value, "more"]
    return _other(value)


def _other(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def _typed(digits: str) -> Iterator[Json]:
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in digits)
    one, two, three = digits[:3], digits[3:6], digits[6:]
    for name, about, typed in (
        ("plain", "nine digits", digits),
        ("shown", "as it is shown", f"{one} {two} {three}"),
        ("dashes", "with dashes", f"{one}-{two}-{three}"),
        ("long-dashes", "with long dashes", f"{one}–{two}—{three}"),
        ("dots", "with full stops", f"{one}.{two}.{three}"),
        ("around", "with white space around it", f" \t{digits}\r\n"),
        ("no-break", "with spaces that do not break", f"{one}\u00a0{two}\u00a0{three}"),
        ("full-width", "in full-width digits", wide),
        (
            "full-width-space",
            "in full-width digits with full-width spaces",
            f"{wide[:3]}\u3000{wide[3:6]}\u3000{wide[6:]}",
        ),
        ("singly", "each digit by itself", " ".join(digits)),
        ("separators", "all separators between two digits", f"{one}{SEPARATORS}{digits[3:]}"),
        ("invisible", "all invisible characters between two digits", f"{one}{INVISIBLE}{digits[3:]}"),
        ("longest-astral", "in 200 characters of 209 code units", "\U0001d7ce" * 9 + "!" * 191),
        (
            "chinese",
            "in Chinese numerals",
            _written(one, "零幺二三四五六七八九") + _written(digits[3:], "〇一二三四五六七八九"),
        ),
        ("sentence", "in a sentence with another number", f"您的核实码是 {one} {two} {three}，有效期 10 分钟"),
    ):
        yield valid(f"typed-{name}", about, digits if name != "longest-astral" else "0" * 9, typed=typed)
    for at in (0, 9, len(ZEROS) - 9):
        scripts = ZEROS[at : at + 9]
        written = "".join(chr(zero + int(digit)) for zero, digit in zip(scripts, digits, strict=True))
        yield valid(f"scripts-{at}", "other scripts", digits, typed=written)
    for given in (
        "000000000",
        another_code("999999990", 0),
        another_code("123456780", 0),
        another_code("482177300", 0),
    ):
        yield valid(f"code-{given}", "another code", given, typed=given)


def _written(digits: str, script: str) -> str:
    return "".join(script[int(digit)] for digit in digits)


def _not_nine(digits: str) -> Iterator[Json]:
    for name, about, typed in (
        ("empty", "nothing", ""),
        ("blank", "white space", "   "),
        ("eight", "eight digits", digits[:8]),
        ("ten", "ten digits", f"{digits}0"),
        ("twice", "the code twice", digits * 2),
        ("letter", "a letter for a digit", f"{digits[:8]}a"),
        ("letter-o", "the letter O for a nought", "O00000000"),
        ("other-script", "digits of another script, the last one wrong", "१२३४५६७८९"),
        ("sign", "a sign before it", f"+{digits}"),
        ("keys", "keys of a telephone", f"{digits}#"),
        ("words", "something else", "code"),
        ("long", "a text of 201 characters", digits + " " * 192),
        ("nul", "a NUL within", f"{digits[:4]}\x00{digits[4:]}"),
        ("comma", "a comma within", f"{digits[:3]},{digits[3:]}"),
        ("two-codes", "two codes in a sentence", f"{digits} 或 000000000"),
        ("number-beside", "another number beside it", f"95588 {digits}"),
        ("superscript", "a superscript digit", f"{digits[:8]}\u00b2"),
        ("pair", "the word for a pair, which is no digit", f"{digits[:8]}两"),
    ):
        yield invalid(f"not-nine-{name}", about, "malformed_code", typed=typed)


def _slips(digits: str) -> Iterator[Json]:
    """Each wrong digit and each swap of neighbours."""
    for place, right in enumerate(digits):
        for wrong in "0123456789":
            if wrong != right:
                typed = digits[:place] + wrong + digits[place + 1 :]
                about = f"digit {place + 1}"
                yield invalid(f"slip-{place + 1}-{wrong}", about, "malformed_code", typed=typed)
    for place in range(len(digits) - 1):
        typed = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
        if typed != digits:
            about = f"digits {place + 1} and {place + 2} change places"
            yield invalid(f"swap-{place + 1}", about, "malformed_code", typed=typed)
