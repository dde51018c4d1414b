"""Vectors of signed statements and their proofs: tickets.json and receipts.json (protocol sections 4 and 8.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from tests.vectors import envelopes
from tests.vectors.bank import STATEMENT, Bank
from tests.vectors.evidence import outcome_of, paired, trusted
from tests.vectors.files import Json, invalid, valid
from tests.vectors.parts import decoded, objects, other_type, places, put, without
from verifier.core.statements import EXCEPTION, HISTORY, RECEIPT, REPORT, TICKET

TICKETS = {
    "documents": "a call about missing documents",
    "excepted": "a call for which a second person has lifted rules",
    "observed": "a call of a bank that does not ask its exchange",
    "exception": "the lifting itself",
}
RECEIPTS = {
    "genuine-app": "the right code in the app",
    "genuine-ivr": "the right code by telephone, after the call had ended",
    "genuine-without-a-leg": "the right code, where the bank does not ask its exchange",
    "wrong-code": "a wrong code while there was a call",
    "nobody": "a code of somebody else's call",
    "report": "a report of a call",
}

HISTORIES = {
    "history": "two calls in the window: one that nobody answered, and one that is over",
    "history-number": "the same, asked about the number that called",
    "history-none": "no call in the window",
    "history-stranger": "no call ever: a person without an application",
}

# Receipts that name the loan. They come last, since the vectors of the release before stand as they were.
LOANS = {
    "genuine-loan": "the right code, and the receipt names the loan by the customer's reference",
    "genuine-loan-by-id": "the same, where the customer knows the loan by its id",
}


class Forged(NamedTuple):
    """A statement made for a vector, and the expected error slug, empty if it is valid."""

    id: str
    about: str
    error: str
    statement: str


def tickets(bank: Bank) -> Json:
    """tickets.json."""
    ticket, exception = (bank.evidence[name]["statement"] for name in ("documents", "exception"))
    forged = [
        *_changed("ticket", ticket),
        *_shapes("ticket", ticket),
        *_times("ticket", ticket, "iat", "nbf", "exp"),
        *_shapes("exception", exception),
        *_times("exception", exception, "iat", "exp"),
        *_kinds("ticket", ticket, RECEIPT),
        *_kinds("exception", exception, TICKET),
    ]
    return {
        "about": "Call tickets and policy exceptions, with their proofs (protocol.md sections 4 and 8.1)",
        "trust": bank.trust,
        "vectors": [
            *issued(bank, TICKETS),
            *_expected(bank, "documents", TICKET, RECEIPT),
            *_expected(bank, "genuine-app", RECEIPT, TICKET),
            *logged(bank, forged),
        ],
    }


def receipts(bank: Bank) -> Json:
    """receipts.json."""
    receipt, refusal, report = (bank.evidence[name]["statement"] for name in ("genuine-app", "wrong-code", "report"))
    forged = [
        *_changed("receipt", refusal),
        *(Forged(*each) for each in envelopes.forged(report)),
        *_shapes("receipt", refusal),
        *_shapes("receipt", receipt, within="call"),
        *_verdicts(receipt, refusal),
        *_times("receipt", receipt, "iat", "call.leg.connected_at", "call.leg.ended_at"),
        *_shapes("report", report),
        *_claims(report),
        *_kinds("report", report, EXCEPTION),
        *_past(receipt, refusal),
    ]
    return {
        "about": "Call receipts and report receipts, with their proofs (protocol.md sections 4 and 8.1)",
        "trust": bank.trust,
        "vectors": [
            *issued(bank, RECEIPTS),
            *_expected(bank, "report", REPORT, RECEIPT),
            *logged(bank, forged),
            *paired(bank),
            *trusted(bank),
            *issued(bank, LOANS),
            *logged(bank, _loans(bank.evidence["genuine-loan"]["statement"])),
        ],
    }


def histories(bank: Bank) -> Json:
    """histories.json."""
    history, none = (bank.evidence[name]["statement"] for name in ("history-number", "history-none"))
    header, claims = decoded(history)
    listed = claims["calls"][0]
    forged = [
        *_shapes("history", none),
        *(
            Forged(f"history-call-without-{name}", f"a call without its {name}", "invalid_claims", signed)
            for name in listed
            for signed in [STATEMENT.sign(header, {**claims, "calls": [without(listed, (name,))]})]
        ),
        *(
            Forged(f"history-{name}", about, error, STATEMENT.sign(header, {**claims, **odd}))
            for name, about, error, odd in (
                ("call-null", "a call that is null", "invalid_claims", {"calls": [None]}),
                ("orig-text", "the number asked about is a text", "invalid_claims", {"orig": "861082345678"}),
                ("orig-empty", "the number asked about has no digits", "invalid_claims", {"orig": {}}),
                ("state-new", "a state of a later version", "", {"calls": [{**listed, "state": "ringing"}]}),
                ("call-more", "a new member of a call is passed over", "", {"calls": [{**listed, "new": 1}]}),
                ("backwards", "times are not compared", "", {"from": claims["until"] + 1}),
            )
        ),
        *_times("history", none, "iat", "from", "until"),
        *_kinds("history", none, RECEIPT),
    ]
    return {
        "about": "Call histories, with their proofs (protocol.md sections 4 and 8.1)",
        "trust": bank.trust,
        "vectors": [
            *issued(bank, HISTORIES),
            *_expected(bank, "history", HISTORY, RECEIPT),
            *logged(bank, forged),
        ],
    }


def issued(bank: Bank, names: dict[str, str]) -> Iterator[Json]:
    """The evidence that the bank has issued under these names."""
    for name, about in names.items():
        evidence = bank.evidence[name]
        yield valid(name, about, outcome_of(evidence), **evidence)


def _expected(bank: Bank, name: str, typ: str, other: str) -> Iterator[Json]:
    evidence = bank.evidence[name]
    yield valid(
        f"{name}-expected", "good, and of the kind that is asked for", outcome_of(evidence), **evidence, typ=typ
    )
    about = "good, but not of the kind that is asked for"
    yield invalid(f"{name}-not-expected", about, "invalid_claims", **evidence, typ=other)


def logged(bank: Bank, forged: Iterable[Forged]) -> Iterator[Json]:
    """Logs each statement, so that its own fault is the only one."""
    for each in forged:
        evidence = {"statement": each.statement, "proof": bank.logged(each.statement)}
        if each.error:
            yield invalid(each.id, each.about, each.error, **evidence)
        else:
            yield valid(each.id, each.about, outcome_of(evidence), **evidence)


def _changed(name: str, statement: str) -> Iterator[Forged]:
    parts = statement.split(".")
    for place, part in enumerate(("header", "payload", "signature")):
        middle = len(parts[place]) // 2
        letter = "A" if parts[place][middle] != "A" else "B"
        changed = [*parts]
        changed[place] = parts[place][:middle] + letter + parts[place][middle + 1 :]
        about = f"one character of the {part} is another"
        yield Forged(f"{name}-changed-{part}", about, "invalid_signature", ".".join(changed))


def _shapes(name: str, statement: str, within: str = "") -> Iterator[Forged]:
    """Leaves out each member, and gives each another type. With `within`, only the members of that one."""
    header, claims = decoded(statement)
    for path in places(claims):
        if within and (path[0] != within or len(path) == 1):
            continue
        dotted = ".".join(path)
        lesser = STATEMENT.sign(header, without(claims, path))
        yield Forged(f"{name}-without-{dotted}", f"there is no {dotted}", "invalid_claims", lesser)
        other = STATEMENT.sign(header, put(claims, path, other_type(claims, path)))
        yield Forged(f"{name}-other-type-{dotted}", f"{dotted} is of another type", "invalid_claims", other)
    more = claims
    for path in ((), *objects(claims)):
        if not within or path[:1] == (within,):
            more = put(more, (*path, "new"), {"member": [1, None]})
    about = "a member that is new is passed over, in every object there is"
    yield Forged(f"{name}-more{within and '-in-'}{within}", about, "", STATEMENT.sign(header, more))


def _times(name: str, statement: str, *members: str) -> Iterator[Forged]:
    """Sets each time beyond the allowed range, and all times to the first or last that is allowed."""
    header, claims = decoded(statement)
    good = claims
    for place, member in enumerate(members):
        path = tuple(member.split("."))
        odd = STATEMENT.sign(header, put(claims, path, 2**53))
        about = f"{member} is an instant that not everybody can count"
        yield Forged(f"{name}-uncountable-{member}", about, "invalid_claims", odd)
        good = put(good, path, 2**53 - 1 if place % 2 else 0)
    yield Forged(f"{name}-times", "the first instant and the last", "", STATEMENT.sign(header, good))


def _kinds(name: str, statement: str, other: str) -> Iterator[Forged]:
    header, claims = decoded(statement)
    for given, typ in (
        *(("another-kind", other), ("unknown-kind", "jwt"), ("capitals", header["typ"].upper())),
        *(("media-type", f"application/{header['typ']}"), ("prototype", "constructor"), ("empty", "")),
    ):
        signed = STATEMENT.sign({**header, "typ": typ}, claims)
        yield Forged(f"{name}-typ-{given}", f"signed with typ {typ}", "invalid_claims", signed)


def _verdicts(genuine: str, refused: str) -> Iterator[Forged]:
    """Receipts that are signed by the bank's own key but invalid."""
    header, claims = decoded(genuine)
    refusal = decoded(refused)[1]
    for name, about, odd in (
        ("genuine-without-call", "the verdict is genuine, and there is no call", {**claims, "call": None}),
        ("not-genuine-with-call", "not genuine, and there is a call", {**refusal, "call": claims["call"]}),
        ("verdict-unavailable", "a verdict that no receipt has", {**refusal, "verdict": "unavailable"}),
        ("verdict-capitals", "the verdict in capitals", {**claims, "verdict": "GENUINE"}),
        ("verdict-space", "the verdict with a space after it", {**claims, "verdict": "genuine "}),
        ("verdict-true", "the verdict is true", {**claims, "verdict": True}),
        ("channel-unknown", "a channel that there is not", {**refusal, "channel": "web"}),
        ("leg-mode-unknown", "a leg mode that there is not", put(claims, ("call", "leg", "mode"), "maybe")),
        ("leg-before-1970", "a leg before 1970", put(claims, ("call", "leg", "connected_at"), -1)),
        ("never-asks-number", "a number in a list of words", {**refusal, "never_asks": [7]}),
    ):
        yield Forged(f"receipt-{name}", about, "invalid_claims", STATEMENT.sign(header, odd))
    about = "an officer without a name, of a branch with a long one"
    nameless = put(put(claims, ("call", "officer", "name"), ""), ("call", "officer", "branch"), "x" * 200)
    yield Forged("receipt-nameless", about, "", STATEMENT.sign(header, nameless))


def _past(genuine: str, refused: str) -> Iterator[Forged]:
    """Receipts of the verdict `ended`, and claims that only some receipts have."""
    header, claims = decoded(genuine)
    refusal = decoded(refused)[1]
    over = {**claims, "verdict": "ended", "began": claims["iat"], "ended": claims["iat"] + 60}
    impossible = {**refusal, "code_possible": False}
    bare = {name: value for name, value in over.items() if name != "began"}
    for name, about, given, error in (
        ("ended", "the code of a call that was over", over, ""),
        ("ended-more", "a member that is new", {**over, "new": [1]}, ""),
        ("ended-times", "the first instant and the last", {**over, "began": 0, "ended": 2**53 - 1}, ""),
        ("ended-without-call", "the verdict is ended, and there is no call", {**over, "call": None}, "invalid_claims"),
        ("ended-without-began", "it does not say when the call began", bare, "invalid_claims"),
        ("ended-null", "when the call ended is null", {**over, "ended": None}, "invalid_claims"),
        ("ended-text", "when the call began is a text", {**over, "began": "then"}, "invalid_claims"),
        ("ended-uncountable", "an instant that not everybody can count", {**over, "ended": 2**53}, "invalid_claims"),
        ("genuine-with-times", "genuine, with times that are passed over", {**over, "verdict": "genuine"}, ""),
        ("genuine-with-text", "genuine, with a time that is none", {**claims, "began": "then"}, "invalid_claims"),
        ("impossible", "digits that can be no code", impossible, ""),
        ("impossible-text", "a truth value that is a text", {**refusal, "code_possible": "no"}, "invalid_claims"),
    ):
        yield Forged(f"receipt-{name}", about, error, STATEMENT.sign(header, given))


def _loans(genuine: str) -> Iterator[Forged]:
    """The loan of a call may be missing. If it is there, it has its shape."""
    header, claims = decoded(genuine)
    loan = claims["call"]["loan"]
    for name, about, odd in (
        ("null", "a loan that is null", None),
        ("text", "a loan that is a text", loan["product"]),
        ("list", "a loan that is a list", [loan]),
        ("without-product", "a loan without a product", {"reference": "1"}),
        ("without-reference", "a loan without a reference", {"product": "1"}),
        ("other-type-product", "a product that is a number", {**loan, "product": 7}),
        ("other-type-reference", "a reference that is null", {**loan, "reference": None}),
    ):
        yield Forged(
            f"receipt-loan-{name}", about, "invalid_claims", STATEMENT.sign(header, put(claims, ("call", "loan"), odd))
        )
    more = put(claims, ("call", "loan"), {"product": "", "reference": "", "new": {"member": 1}})
    yield Forged("receipt-loan-more", "a loan with empty texts and a new member", "", STATEMENT.sign(header, more))


def _claims(statement: str) -> Iterator[Forged]:
    """Claims that are signed by the bank's own key but have another issuer or are malformed."""
    header, claims = decoded(statement)
    issuer, at = claims["iss"], claims["iat"]
    for name, about, odd in (
        ("issuer", "another issuer", {**claims, "iss": "https://elsewhere.example"}),
        ("issuer-slash", "the issuer with a slash after it", {**claims, "iss": f"{issuer}/"}),
        ("issuer-capitals", "the issuer in capitals", {**claims, "iss": issuer.upper()}),
        ("iat-fraction", "an instant with a fraction", {**claims, "iat": at + 0.5}),
        ("iat-before-1970", "an instant before 1970", {**claims, "iat": -1}),
        ("iat-uncountable", "an instant that not everybody can count", {**claims, "iat": 2**53}),
        ("iat-null", "an instant that is null", {**claims, "iat": None}),
        ("list", "claims in a list", [claims]),
        ("null", "claims that are null", None),
        ("prototype", "claims in a member of that name", {"__proto__": claims}),
    ):
        yield Forged(f"claims-{name}", about, "invalid_claims", STATEMENT.sign(header, odd))
    text = msgspec.json.encode({**claims, "new": "李"})
    for name, about, octets in (
        ("not-json", "claims that are not JSON", text[:-1]),
        ("two", "claims with something after them", text + b"{}"),
        ("byte-order-mark", "claims with a byte order mark", b"\xef\xbb\xbf" + text),
        ("not-utf-8", "claims that are not UTF-8 where they are new", text.replace("李".encode(), b"\xe6\x9d")),
        ("utf-16", "claims in UTF-16", text.decode().encode("utf-16-le")),
        ("empty", "no claims at all", b""),
        ("nested-without-end", "nothing but lists in lists", b'{"new":' + b"[" * 4_000 + b"]" * 4_000 + b"}"),
    ):
        yield Forged(f"claims-{name}", about, "invalid_claims", STATEMENT.sign(header, octets))
    yield from _numbers(statement)
    yield from _texts(statement)
    yield Forged("claims-spaced", "claims with white space", "", STATEMENT.sign(header, msgspec.json.format(text)))
    nested = text.replace('"李"'.encode(), b"[" * 99 + b"]" * 99)
    yield Forged("claims-nested", "claims that are a hundred levels deep", "", STATEMENT.sign(header, nested))
    nested = text.replace('"李"'.encode(), b"[" * 100 + b"]" * 100)
    deep = "claims that are a hundred and one levels deep"
    yield Forged("claims-too-deep", deep, "invalid_claims", STATEMENT.sign(header, nested))


def _numbers(statement: str) -> Iterator[Forged]:
    """Numbers in different notations. Only the value counts."""
    header, claims = decoded(statement)
    text = msgspec.json.encode({**claims, "new": 0})
    at = f'"iat":{claims["iat"]}'.encode()
    for name, number, error in (
        ("point", b"1795406400.0", ""),
        ("exponent", b"17954064E2", ""),
        ("minus-zero", b"-0", ""),
        ("last-point", b"9007199254740991.0", ""),
        ("uncountable-point", b"9007199254740992.0", "invalid_claims"),
        ("infinite", b"1e400", "invalid_claims"),
        ("small", b"1e-9", "invalid_claims"),
        ("leading-zero", b"01795406400", "invalid_claims"),
        ("true", b"true", "invalid_claims"),
    ):
        written = STATEMENT.sign(header, text.replace(at, b'"iat":' + number))
        yield Forged(f"claims-iat-{name}", f"an instant that is written {number.decode()}", error, written)
    for name, number, error in (("numbers", b"[1e400,-0.5,1E2]", ""), ("nan", b"NaN", "invalid_claims")):
        written = STATEMENT.sign(header, text.replace(b'"new":0', b'"new":' + number))
        yield Forged(f"claims-new-{name}", f"a new member that is {number.decode()}", error, written)


def _texts(statement: str) -> Iterator[Forged]:
    """JSON that readers parse in different ways, or refuse."""
    header, claims = decoded(statement)
    text = msgspec.json.encode(claims)[:-1]
    for name, about, more, error in (
        ("twice", "a claim twice", b'"iat":1', "invalid_claims"),
        ("twice-alike", "a claim twice with one value", f'"iat":{claims["iat"]}'.encode(), "invalid_claims"),
        ("twice-escaped", "a claim twice, once in escapes", b'"ia\\u0074":1', "invalid_claims"),
        ("twice-new", "a new member of a new member twice", b'"new":{"a":1,"a":2}', "invalid_claims"),
        ("surrogate", "half of a surrogate pair in an escape", b'"new":"\\ud800"', "invalid_claims"),
        ("surrogate-raw", "half of a surrogate pair in octets", b'"new":"\xed\xa0\x80"', "invalid_claims"),
        ("surrogate-name", "half of a surrogate pair in a name", b'"\\udc00":1', "invalid_claims"),
        ("pair", "a surrogate pair in escapes", b'"new":"\\ud83d\\ude00"', ""),
        ("control", "a control character in a text", b'"new":"\t"', "invalid_claims"),
        ("no-break-space", "white space that JSON does not have", b'\xc2\xa0"new":1', "invalid_claims"),
        ("proto", "a new member that is called __proto__", b'"__proto__":{"iat":"x"}', ""),
    ):
        written = STATEMENT.sign(header, text + b"," + more + b"}")
        yield Forged(f"claims-{name}", about, error, written)
