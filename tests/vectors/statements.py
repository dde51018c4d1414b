"""Vectors of signed statements and their place in the log: tickets.json and receipts.json (protocol sections 4 and 8.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from tests.vectors import envelopes
from tests.vectors.bank import OTHER_LOG, STATEMENT, STRANGER, Bank
from tests.vectors.files import Json, invalid, valid
from tests.vectors.parts import decoded, other_type, places, put, root_of, without
from verifier.core.evidence import CLAIMS
from verifier.core.statements import EXCEPTION, RECEIPT, REPORT, TICKET

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


class Forged(NamedTuple):
    """What somebody made, and what is to be said of it: a slug, or nothing if it is good."""

    id: str
    about: str
    error: str
    statement: str


def tickets(bank: Bank) -> Json:
    """tickets.json."""
    ticket, exception = (bank.evidence[name]["statement"] for name in ("documents", "exception"))
    receipt = bank.evidence["genuine-app"]["statement"]
    forged = [
        *_changed("ticket", ticket),
        *_shapes("ticket", ticket),
        *_shapes("exception", exception),
        *_kinds("ticket", ticket, RECEIPT),
        *_kinds("exception", exception, TICKET),
    ]
    return {
        "about": "Call tickets and policy exceptions, with their proofs (protocol.md sections 4 and 8.1)",
        "trust": bank.trust,
        "vectors": [
            *_good(bank, TICKETS),
            *_expected(bank, "documents", TICKET, RECEIPT),
            *_expected(bank, "genuine-app", RECEIPT, TICKET),
            *_logged(bank, forged),
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
        *_shapes("report", report),
        *_claims(report),
        *_kinds("report", report, EXCEPTION),
    ]
    return {
        "about": "Call receipts and report receipts, with their proofs (protocol.md sections 4 and 8.1)",
        "trust": bank.trust,
        "vectors": [
            *_good(bank, RECEIPTS),
            *_expected(bank, "report", REPORT, RECEIPT),
            *_logged(bank, forged),
            *_paired(bank),
            *_trusted(bank),
        ],
    }


def _good(bank: Bank, names: dict[str, str]) -> Iterator[Json]:
    for name, about in names.items():
        evidence = bank.evidence[name]
        yield valid(name, about, _outcome(evidence), **evidence)


def _outcome(evidence: Json) -> Json:
    header, claims = decoded(evidence["statement"])
    shape = CLAIMS[header["typ"]]
    known = msgspec.json.decode(msgspec.json.encode(msgspec.convert(claims, shape)))
    return {"typ": header["typ"], "claims": known, "checkpoint": root_of(evidence["proof"])}


def _expected(bank: Bank, name: str, typ: str, other: str) -> Iterator[Json]:
    evidence = bank.evidence[name]
    yield valid(f"{name}-expected", "good, and of the kind that is asked for", _outcome(evidence), **evidence, typ=typ)
    about = "good, but not of the kind that is asked for"
    yield invalid(f"{name}-not-expected", about, "invalid_claims", **evidence, typ=other)


def _logged(bank: Bank, forged: Iterable[Forged]) -> Iterator[Json]:
    """Each is in the log, so that nothing but its own fault can give it away."""
    for each in forged:
        evidence = {"statement": each.statement, "proof": bank.logged(each.statement)}
        if each.error:
            yield invalid(each.id, each.about, each.error, **evidence)
        else:
            yield valid(each.id, each.about, _outcome(evidence), **evidence)


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
    """Each member left out and of another type in turn, of all or of those within one."""
    header, claims = decoded(statement)
    for path in places(claims):
        if within and (path[0] != within or len(path) == 1):
            continue
        dotted = ".".join(path)
        lesser = STATEMENT.sign(header, without(claims, path))
        yield Forged(f"{name}-without-{dotted}", f"there is no {dotted}", "invalid_claims", lesser)
        other = STATEMENT.sign(header, put(claims, path, other_type(claims, path)))
        yield Forged(f"{name}-other-type-{dotted}", f"{dotted} is of another type", "invalid_claims", other)
    more = put(claims, (*([within] if within else []), "new"), {"member": [1, None]})
    yield Forged(f"{name}-more{within and '-in-'}{within}", "a member that is new is passed over", "", STATEMENT.sign(header, more))


def _kinds(name: str, statement: str, other: str) -> Iterator[Forged]:
    header, claims = decoded(statement)
    for given, typ in (
        *(("another-kind", other), ("unknown-kind", "jwt"), ("capitals", header["typ"].upper())),
        *(("media-type", f"application/{header['typ']}"), ("prototype", "constructor"), ("empty", "")),
    ):
        signed = STATEMENT.sign({**header, "typ": typ}, claims)
        yield Forged(f"{name}-typ-{given}", f"signed with typ {typ}", "invalid_claims", signed)


def _verdicts(genuine: str, refused: str) -> Iterator[Forged]:
    """Receipts that the bank's own key has signed, and that still say nothing."""
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
        ("never-asks-number", "a number in a list of words", {**refusal, "never_asks": [7]}),
    ):
        yield Forged(f"receipt-{name}", about, "invalid_claims", STATEMENT.sign(header, odd))
    nested = put(claims, ("call", "officer", "rank"), "senior")
    about = "a member that is new is passed over, wherever it is"
    yield Forged("receipt-more-nested", about, "", STATEMENT.sign(header, nested))


def _claims(statement: str) -> Iterator[Forged]:
    """Claims that the bank's own key has signed, and that are not the bank's or none at all."""
    header, claims = decoded(statement)
    issuer, at = claims["iss"], claims["iat"]
    for name, about, odd in (
        ("issuer", "another issuer", {**claims, "iss": "https://elsewhere.example"}),
        ("issuer-slash", "the issuer with a slash after it", {**claims, "iss": f"{issuer}/"}),
        ("issuer-capitals", "the issuer in capitals", {**claims, "iss": issuer.upper()}),
        ("iat-fraction", "an instant with a fraction", {**claims, "iat": at + 0.5}),
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
    ):
        yield Forged(f"claims-{name}", about, "invalid_claims", STATEMENT.sign(header, octets))
    yield Forged("claims-spaced", "claims with white space", "", STATEMENT.sign(header, msgspec.json.format(text)))


def _paired(bank: Bank) -> Iterator[Json]:
    """Statements and proofs that do not belong together; of two faults the first step's is named."""
    good, other = bank.evidence["genuine-app"], bank.evidence["wrong-code"]
    header, claims = decoded(good["statement"])
    unlogged = STATEMENT.sign(header, {**claims, "iat": claims["iat"] + 1})
    elsewhere = STATEMENT.sign(header, {**claims, "iss": "https://elsewhere.example"})
    stranger = STRANGER.sign(header, {**claims, "iss": "https://elsewhere.example"})
    for name, about, error, statement, proof in (
        ("proof-of-another", "the proof of another receipt", "invalid_proof", good["statement"], other["proof"]),
        ("statement-of-another", "another receipt with this proof", "invalid_proof", other["statement"], good["proof"]),
        ("never-logged", "well signed, and not what was logged", "invalid_proof", unlogged, good["proof"]),
        ("malleable", "the signature's other form: the log has the first", "invalid_proof",
         envelopes.other_form(good["statement"]), good["proof"]),
        ("no-proof", "no proof", "invalid_proof", good["statement"], ""),
        ("issuer-and-proof", "another issuer, and no proof", "invalid_claims", elsewhere, ""),
        ("key-issuer-and-proof", "another key, another issuer, and no proof", "invalid_signature", stranger, ""),
    ):  # fmt: skip
        yield invalid(f"pair-{name}", about, error, statement=statement, proof=proof)


def _trusted(bank: Bank) -> Iterator[Json]:
    """One good receipt, and trust files of all kinds: `trust` has the members that are others than the file's."""
    good, trust = bank.evidence["report"], bank.trust
    mine, following = trust["jwks"]["keys"]
    log, kid = trust["log"], mine["kid"]
    other = {**mine, **STRANGER.bare}
    rsa = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
    bare = {name: mine[name] for name in ("kid", "kty", "crv", "x", "y")}
    keyed: list[tuple[str, str, bool, list[Any]]] = [
        ("unknown-kty", "beside the key one of a kind that nobody knows", True, [{"kid": "x", "kty": "PQ"}, mine]),
        ("weak", "beside the key one that is too weak", True, [{"kid": "x", **rsa}, mine]),
        ("nameless", "beside the key one without a name", True, [{**STRANGER.bare}, mine]),
        ("bare", "the key without use and algorithm", True, [bare]),
        ("more", "the key with members that are new", True, [{**mine, "x5t": "AAAA", "key_ops": ["verify"]}]),
        ("another-twice", "another key twice", True, [mine, following, following]),
        ("none", "no keys", False, []),
        ("only-next", "only another key", False, [following]),
        ("twice", "the key twice", False, [mine, mine]),
        ("two-before", "another key by its name before it", False, [other, mine]),
        ("two-after", "another key by its name after it", False, [mine, other]),
        ("two-kinds", "a key of another kind by its name", False, [mine, {"kid": kid, **rsa}]),
        ("another", "another key by its name", False, [other]),
        ("renamed", "the key by another name", False, [{**mine, "kid": "other"}]),
        ("no-name", "the key without its name", False, [{n: v for n, v in mine.items() if n != "kid"}]),
        ("use-enc", "the key for encryption", False, [{**mine, "use": "enc"}]),
        ("alg-es384", "the key for another algorithm", False, [{**mine, "alg": "ES384"}]),
        ("p-384", "the key on another curve", False, [{**mine, "crv": "P-384"}]),
        ("okp", "the key of another type", False, [{**mine, "kty": "OKP"}]),
        ("secret", "a shared secret by its name", False, [{"kid": kid, "kty": "oct", "k": mine["x"]}]),
        ("no-x", "the key without a coordinate", False, [{n: v for n, v in mine.items() if n != "x"}]),
        ("short-x", "the key with a short coordinate", False, [{**mine, "x": "AAAA"}]),
        ("empty-y", "the key with an empty coordinate", False, [{**mine, "y": ""}]),
        ("off-curve", "the key with a point off the curve", False, [{**mine, "y": mine["x"]}]),
    ]
    for name, about, holds, keys in keyed:
        given = {**good, "trust": {"jwks": {"keys": keys}}}
        made = valid(f"keys-{name}", about, _outcome(good), **given)
        yield made if holds else invalid(f"keys-{name}", about, "invalid_signature", **given)
    for name, about, error, changed in (
        ("issuer", "another issuer is trusted", "invalid_claims", {"issuer": "https://other.example"}),
        ("log-origin", "another log is trusted", "invalid_proof", {"log": {**log, "origin": "other.example/log"}}),
        ("log-keys", "no log keys", "invalid_signature", {"log": {**log, "keys": []}}),
        ("log-key", "another log key", "invalid_signature", {"log": {**log, "keys": [OTHER_LOG.vkey]}}),
    ):
        yield invalid(f"trust-{name}", about, error, **good, trust=changed)
    more = {"new": 1, "log": {**log, "new": 1}}
    yield valid("trust-more", "a trust file with members that are new", _outcome(good), **good, trust=more)
