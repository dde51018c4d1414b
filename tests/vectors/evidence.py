"""Vectors of combinations: a statement with the proof of another, and good evidence with other trust files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tests.vectors.bank import LOG, OTHER_LOG, STATEMENT, STRANGER, Bank
from tests.vectors.envelopes import other_form
from tests.vectors.files import Json, invalid, valid
from tests.vectors.parts import decoded, root_of
from verifier.core.evidence import CLAIMS, MAX_KID


def outcome_of(evidence: Json) -> Json:
    """The expected outcome of good evidence, without unknown claims."""
    header, claims = decoded(evidence["statement"])
    shape = CLAIMS[header["typ"]]
    whole = {name: int(value) if isinstance(value, float) else value for name, value in claims.items()}
    known = msgspec.json.decode(msgspec.json.encode(msgspec.convert(whole, shape)))
    return {"typ": header["typ"], "claims": known, "checkpoint": root_of(evidence["proof"])}


def paired(bank: Bank) -> Iterator[Json]:
    """Statements and proofs that do not belong together. With two faults, the error of the earlier step is expected."""
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
         other_form(good["statement"]), good["proof"]),
        ("no-proof", "no proof", "invalid_proof", good["statement"], ""),
        ("issuer-and-proof", "another issuer, and no proof", "invalid_claims", elsewhere, ""),
        ("key-issuer-and-proof", "another key, another issuer, and no proof", "invalid_signature", stranger, ""),
    ):  # fmt: skip
        yield invalid(f"pair-{name}", about, error, statement=statement, proof=proof)


def _kids(bank: Bank) -> Iterator[Json]:
    """Keys with the longest name that is allowed, one that is too long, and an empty one."""
    header, claims = decoded(bank.evidence["report"]["statement"])
    for name, kid, holds in (
        ("longest", "é" * (MAX_KID // 2), True),
        ("too-long", "é" * (MAX_KID // 2) + "k", False),
        ("empty", "", False),
    ):
        statement = STATEMENT.sign({**header, "kid": kid}, claims)
        given: Json = {"statement": statement, "proof": bank.logged(statement)}
        trust = {"jwks": {"keys": [{**STATEMENT.bare, "kid": kid}]}}
        about = f"a kid of {len(kid.encode())} bytes"
        if holds:
            yield valid(f"kid-{name}", about, outcome_of(given), **given, trust=trust)
        else:
            yield invalid(f"kid-{name}", about, "invalid_signature", **given, trust=trust)


def trusted(bank: Bank) -> Iterator[Json]:
    """A good receipt with different trust files. `trust` holds the members that differ from the file's."""
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
        made = valid(f"keys-{name}", about, outcome_of(good), **given)
        yield made if holds else invalid(f"keys-{name}", about, "invalid_signature", **given)
    for name, about, error, changed in (
        ("issuer", "another issuer is trusted", "invalid_claims", {"issuer": "https://other.example"}),
        ("log-origin", "another log is trusted", "invalid_proof", {"log": {**log, "origin": "other.example/log"}}),
        ("log-keys", "no log keys", "invalid_signature", {"log": {**log, "keys": []}}),
        ("log-key", "another log key", "invalid_signature", {"log": {**log, "keys": [OTHER_LOG.vkey]}}),
    ):
        yield invalid(f"trust-{name}", about, error, **good, trust=changed)
    yield from _kids(bank)
    more = {"new": 1, "log": {**log, "new": 1}}
    yield valid("trust-more", "a trust file with members that are new", outcome_of(good), **good, trust=more)
    proof = bank.logged(good["statement"], LOG.renamed(f"{LOG.name}/1"))
    sharded = {"statement": good["statement"], "proof": proof}
    yield valid("trust-shard", "logged in a shard, of which a trust file does not tell", outcome_of(sharded), **sharded)
