"""Vectors of stored files: files.json (protocol sections 8 and 8.1), on which readers of JSON and files differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.vectors.bank import Bank
from tests.vectors.files import Json, invalid, valid
from tests.vectors.parts import decoded
from verifier.core.ijson import MAX_DEPTH
from verifier.receipt_files import MAX_FILE

EVIDENCE, TRUST = "<evidence>", "<trust>"
# The placeholders of files.json and of printed.json, with the members that they stand for.
PLACEHOLDERS = {EVIDENCE: "evidence", TRUST: "trust_text", "<head>": "head", "<middle>": "middle", "<tail>": "tail"}
MARK = "\u00ef\u00bb\u00bf"
Kept = tuple[str, str, str]


def files(bank: Bank) -> Json:
    """files.json."""
    good, trust = bank.evidence["report"], {name: bank.trust[name] for name in ("issuer", "jwks", "log")}
    trust["jwks"] = {"keys": trust["jwks"]["keys"][:1]}
    outcome = {"typ": decoded(good["statement"])[0]["typ"]}
    given: dict[str, str] = {"evidence": json.dumps(good)[1:-1], "trust_text": json.dumps(trust)[1:-1]}
    return {
        "about": "Receipts and trust files as they are kept (protocol.md sections 8 and 8.1)",
        **given,
        "receipt": f"{{{EVIDENCE}}}",
        "trust_file": f"{{{TRUST}}}",
        "vectors": [*_receipts(outcome, given), *_trusts(outcome, trust, given)],
    }


def octets(text: str, vector: Json) -> bytes:
    """The octets of a file. Each character is an octet, and placeholders stand for the good members."""
    for placeholder, name in PLACEHOLDERS.items():
        text = text.replace(placeholder, vector.get(name, placeholder))
    return text.encode("latin-1")


def _receipts(outcome: Json, given: Json) -> Iterator[Json]:
    room = MAX_FILE - len(octets(f"{{{EVIDENCE}}}", given))
    for name, about, text in _good(room):
        yield valid(name, about, outcome, receipt=text)
    for name, about, text in _bad(room):
        yield invalid(name, about, "invalid_evidence", receipt=text)
    for name, about, text in _deep():
        yield invalid(name, about, "invalid_claims", receipt=text)


def _good(room: int) -> Iterator[Kept]:
    yield "good", "a receipt and a trust file", f"{{{EVIDENCE}}}"
    yield "mark", "a byte-order mark", f"{MARK}{{{EVIDENCE}}}"
    yield "spaced", "the four kinds of white space that JSON has", f" \t\r\n{{{EVIDENCE}}}\n"
    yield "more", "other members", f'{{"verdict":"genuine",{EVIDENCE},"receipt":"x","ticket":7,"evidence":null}}'
    yield "prototype", "a member that is called __proto__", f'{{"__proto__":{{"statement":7}},{EVIDENCE}}}'
    yield "numbers", "numbers of all kinds in another member", f'{{{EVIDENCE},"x":[-0,1.5,1E400,{"9" * 5_000}]}}'
    yield "pair", "an escaped surrogate pair", f'{{{EVIDENCE},"x":"\\ud83d\\ude00"}}'
    yield "delete", "the character U+007F", f'{{{EVIDENCE},"x":"\x7f"}}'
    for name in ("receipt", "ticket", "evidence"):
        yield f"within-{name}", f"an answer that holds it as {name}", f'{{"more":1,"{name}":{{{EVIDENCE},"more":[]}}}}'
    yield (
        "within-order",
        "a receipt before a ticket",
        f'{{"ticket":{{"statement":"","proof":""}},"receipt":{{{EVIDENCE}}}}}',
    )
    yield (
        "within-next",
        "a receipt that is none, and then a ticket",
        f'{{"receipt":{{"proof":""}},"ticket":{{{EVIDENCE}}}}}',
    )
    yield (
        "half-outside",
        "a statement without a proof, and evidence within",
        f'{{"statement":"","receipt":{{{EVIDENCE}}}}}',
    )
    yield "longest", "as long as a file may be", f"{{{EVIDENCE}{' ' * room}}}"
    depth = MAX_DEPTH - 1
    yield "deep", f"{MAX_DEPTH} levels", f'{{{EVIDENCE},"x":{"[" * depth}{"]" * depth}}}'
    yield "brackets", "brackets in a text are no levels", f'{{{EVIDENCE},"x":"\\"{"[" * 300}"}}'


def _bad(room: int) -> Iterator[Kept]:
    yield "too-long", "an octet longer than a file may be", f"{{{EVIDENCE}{' ' * (room + 1)}}}"
    yield "empty", "an empty file", ""
    yield "mark-alone", "a byte-order mark alone", MARK
    yield "two-marks", "two byte-order marks", f"{MARK}{MARK}{{{EVIDENCE}}}"
    yield "mark-within", "a byte-order mark after the first bracket", f"{{{MARK}{EVIDENCE}}}"
    yield "utf-16", "UTF-16", "\u00fe\u00ff" + "".join(f"\0{each}" for each in '{"statement":"a.b.c","proof":""}')
    yield "list", "a list", f"[{{{EVIDENCE}}}]"
    yield "text", "a text", '"a.b.c"'
    yield "null", "null", "null"
    yield "nothing", "no evidence", '{"verdict":"genuine","receipt":null}'
    yield "half", "a statement without a proof", '{"statement":"a.b.c"}'
    yield "other-type", "a proof that is no text", '{"statement":"a.b.c","proof":["x"]}'
    yield "elsewhere", "evidence in a member that has another name", f'{{"kept":{{{EVIDENCE}}}}}'
    yield "twice", "a member twice", f'{{{EVIDENCE},"proof":""}}'
    yield "twice-within", "a member twice in one that says nothing", f'{{{EVIDENCE},"x":[{{"a":1,"a":1}}]}}'
    yield "twice-escaped", "a member twice, once in escapes", f'{{{EVIDENCE},"x":1,"\\u0078":1}}'
    yield "after", "something after the end", f"{{{EVIDENCE}}}x"
    yield "two", "two receipts", f"{{{EVIDENCE}}}{{{EVIDENCE}}}"
    yield "cut", "no end", f"{{{EVIDENCE}"
    yield "unclosed", "lists in lists without an end", "[" * 100_000
    for name, space in (("no-break-space", "\u00c2\u00a0"), ("form-feed", "\f"), ("next-line", "\u00c2\u0085")):
        yield f"space-{name}", "white space that JSON does not have", f"{space}{{{EVIDENCE}}}"
    for name, about, value in _values():
        yield name, about, f'{{{EVIDENCE},"x":{value}}}'


def _values() -> Iterator[Kept]:
    """Values that are not JSON."""
    yield "not-utf-8", "an octet that is no UTF-8", '"\u00ff"'
    yield "overlong", "a longer form of a character", '"\u00c0\u00af"'
    yield "surrogate", "half of a surrogate pair in three octets", '"\u00ed\u00a0\u0080"'
    yield "surrogate-escape", "half of a surrogate pair in an escape", '"\\ud800"'
    yield "surrogate-low", "the other half alone", '"\\uDC00\\uD800"'
    yield "surrogate-name", "half of a surrogate pair in a name", '{"\\udfff":1}'
    yield "control", "a control character in a text", '"\t"'
    yield "escape", "an escape that there is not", '"\\x41"'
    yield "escape-short", "an escape that is cut", '"\\u41"'
    yield "quotes", "single quotation marks", "'x'"
    yield "comma", "a comma at the end", "[1,]"
    yield "comment", "a comment", "1/**/"
    for name, number in (("nan", "NaN"), ("infinity", "-Infinity"), ("leading-zero", "01"), ("plus", "+1"),
                         ("no-digit-before", ".5"), ("no-digit-after", "1."), ("hex", "0x1"), ("underscore", "1_0"),
                         ("full-width", "\u00ef\u00bc\u0091")):  # fmt: skip
        yield f"number-{name}", "a number that JSON does not have", number


def _deep() -> Iterator[Kept]:
    yield "too-deep", f"{MAX_DEPTH + 1} levels", f'{{{EVIDENCE},"x":{"[" * MAX_DEPTH}{"]" * MAX_DEPTH}}}'
    objects = '{"a":' * 2_000 + "1" + "}" * 2_000
    yield "very-deep", "two thousand levels", f'{{{EVIDENCE},"x":{objects}}}'
    yield "deep-alone", "a hundred thousand levels and no evidence", "[" * 100_000 + "]" * 100_000


def _trusts(outcome: Json, trust: Json, given: Json) -> Iterator[Json]:
    keys: list[Any] = trust["jwks"]["keys"]
    foreign = [
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kid": 7, "use": None},
        {"kid": "x", "kty": ["EC"]},
        None,
        "x",
    ]

    def changed(**members: Any) -> str:
        return json.dumps({**trust, **members})

    for name, about, text in (
        ("mark", "a byte-order mark", f"{MARK}{{{TRUST}}}"),
        ("more", "other members", f'{{"published_numbers":[1.5],"__proto__":null,{TRUST}}}'),
        ("foreign", "keys of others, without a use or a name, and none", changed(jwks={"keys": [*foreign, *keys]})),
        ("longest", "as long as a file may be", f"{{{TRUST}{' ' * (MAX_FILE - len(octets(f'{{{TRUST}}}', given)))}}}"),
    ):  # fmt: skip
        yield valid(f"trust-{name}", f"a trust file with {about}", outcome, trust_file=text)
    for name, about, error, text in (
        ("empty", "empty", "no_trust", ""),
        ("two-marks", "with two byte-order marks", "no_trust", f"{MARK}{MARK}{{{TRUST}}}"),
        ("twice", "with a member twice", "no_trust", f'{{{TRUST},"issuer":""}}'),
        ("surrogate", "with half of a surrogate pair", "no_trust", f'{{{TRUST},"x":"\\ud800"}}'),
        ("too-deep", "with 101 levels", "no_trust", f'{{{TRUST},"x":{"[" * MAX_DEPTH}{"]" * MAX_DEPTH}}}'),
        ("too-long", "that is too long", "no_trust", f"{{{TRUST}{' ' * MAX_FILE}}}"),
        ("receipt", "that is a receipt", "no_trust", f"{{{EVIDENCE}}}"),
        ("no-issuer", "without an issuer", "no_trust", json.dumps({n: trust[n] for n in ("jwks", "log")})),
        ("no-keys", "without a list of keys", "no_trust", changed(jwks={})),
        ("keys-object", "with an object of keys", "no_trust", changed(jwks={"keys": {}})),
        ("log-null", "without a log", "no_trust", changed(log=None)),
        ("log-keys", "with a log key that is no text", "no_trust", changed(log={**trust["log"], "keys": [7]})),
        ("use-null", "whose key has a use that is null", "invalid_signature",
         changed(jwks={"keys": [{**keys[0], "use": None}]})),
        ("long-x", "whose key has a coordinate with a zero before it", "invalid_signature",
         changed(jwks={"keys": [{**keys[0], "x": f"AA{'A' * 42}"}]})),
        ("padded-x", "whose key has a padded coordinate", "invalid_signature",
         changed(jwks={"keys": [{**keys[0], "x": f"{keys[0]['x']}="}]})),
        ("list-x", "whose key has a coordinate in a list", "invalid_signature",
         changed(jwks={"keys": [{**keys[0], "x": [keys[0]["x"]]}]})),
    ):  # fmt: skip
        yield invalid(f"trust-{name}", f"a trust file {about}", error, trust_file=text)
