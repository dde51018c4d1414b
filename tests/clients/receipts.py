"""Receipts of every kind from a real bank, and the many ways to spoil one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.api.conftest import SystemSession
from tests.world import another_code
from verifier.demo.bank import DemoBank
from verifier.demo.client import now_iso
from verifier.keys import FileKeyRing, read

Json = dict[str, Any]


class Case(NamedTuple):
    """Something to check, and whether it must be found valid."""

    name: str
    evidence: Json
    trust: Json
    valid: bool


def collect(bank: DemoBank) -> tuple[dict[str, Json], Json]:
    """Evidence of every kind of statement, by name, and the trust file."""
    pbx = SystemSession(bank, "pbx")
    number, caller = "+8613800138000", "+861082345678"

    def person(token: str, path: str, body: Json, key: str) -> Json:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        answer = requests.post(bank.url + path, json=body, headers=headers, timeout=10)
        assert answer.ok, answer.text
        return dict(answer.json())

    officer, customer = bank.officer("4412"), bank.customer("cust-0001")
    path = "/v1/applications/LN-2026-0001"
    issued = person(
        officer, f"{path}/calls", {"purpose": "documents", "number": number, "caller_number": caller}, "receipts-issue"
    )
    call_id = issued["call"]["call_id"]
    leg = {"event": "connected", "leg_id": "1", "number": number, "at": now_iso()}
    pbx.send("POST", f"/v1/calls/{call_id}/legs", leg)
    headers = {"Authorization": f"Bearer {officer}"}
    code = requests.get(f"{bank.url}/v1/calls/{call_id}/code", headers=headers, timeout=10).json()["digits"]
    lifted = {"officer_id": "4412", "rules": ["daily_cap"], "reason": "checked"}
    good = {
        "ticket": issued["ticket"],
        "not genuine": person(customer, "/v1/confirmations", {"code": another_code(code)}, "receipts-wrong")["receipt"],
        "genuine": person(customer, "/v1/confirmations", {"code": code}, "receipts-right")["receipt"],
        "report": person(customer, "/v1/reports", {"at": now_iso()}, "receipts-report")["receipt"],
        "exception": person(bank.officer("9001", "supervisor"), f"{path}/exceptions", lifted, "receipts-exception")[
            "evidence"
        ],
    }
    pbx.send("POST", f"/v1/calls/{call_id}/legs", {**leg, "event": "ended", "at": now_iso()})
    trust = requests.get(f"{bank.url}/.well-known/callback-verification", timeout=10).json()
    return good, trust


def cases(bank: DemoBank) -> Iterator[Case]:
    """Good ones of every kind, and one receipt spoiled in every way we know."""
    good, trust = collect(bank)
    for name, evidence in good.items():
        yield Case(name, evidence, trust, True)
    receipt = good["genuine"]
    for name, statement in _statements(receipt["statement"], good, trust, bank):
        yield Case(f"statement: {name}", {**receipt, "statement": statement}, trust, False)
    for name, proof in _proofs(receipt["proof"], good):
        yield Case(f"proof: {name}", {**receipt, "proof": proof}, trust, False)
    for name, other in _trusts(trust):
        yield Case(f"trust: {name}", receipt, other, False)
    for name, valid, keys in _key_sets(trust["jwks"]["keys"], receipt["statement"]):
        yield Case(f"keys: {name}", receipt, {**trust, "jwks": {"keys": keys}}, valid)


def _statements(statement: str, good: dict[str, Json], trust: Json, bank: DemoBank) -> Iterator[tuple[str, str]]:
    header, payload, signature = statement.split(".")
    plain = json.loads(_decode(header))
    claims = json.loads(_decode(payload))
    jwk = next(key for key in trust["jwks"]["keys"] if key["kid"] == plain["kid"])
    ring = FileKeyRing(Path(bank.config.key_ring), bank.config.origin)
    for name, part in (("header", 0), ("payload", 1), ("signature", 2)):
        parts = [header, payload, signature]
        parts[part] = _flipped(parts[part])
        yield f"a changed letter in the {name}", ".".join(parts)
    yield "the signature of another", f"{header}.{payload}.{good['report']['statement'].split('.')[2]}"
    yield "another statement with this proof", good["report"]["statement"]
    yield "alg none", f"{_encode({**plain, 'alg': 'none'})}.{payload}."
    signed = f"{_encode({**plain, 'alg': 'HS256'})}.{payload}"
    mac = hmac.digest(json.dumps(jwk, separators=(",", ":")).encode(), signed.encode(), "sha256")
    yield "HS256 with the public key", f"{signed}.{_b64(mac)}"
    yield "no signature", f"{header}.{payload}."
    yield "two parts", f"{header}.{payload}"
    yield "four parts", f"{statement}.{signature}"
    yield "empty", ""
    yield "white space at the end", statement + "\n"
    yield "padding", statement + "=="
    yield "a last letter that decodes alike", statement[:-1] + _sibling(statement[-1])
    yield "half a signature", statement[: -len(signature) // 2]
    yield "very long", "a" * 20_000
    yield "an unknown key", _foreign(plain | {"kid": "unknown"}, claims)
    yield "another key under the right name", _foreign(plain, claims)
    yield "a key that it brings along", _foreign(plain, claims, embedded=True)
    yield "another issuer", ring.sign(plain["typ"], _json({**claims, "iss": "https://evil.example"}))
    yield "another kind", ring.sign("call-ticket+jwt", _decode(payload))
    yield "an unknown kind", ring.sign("jwt", _decode(payload))
    yield "a claim less", ring.sign(plain["typ"], _json({k: v for k, v in claims.items() if k != "verdict"}))
    yield "genuine without its call", ring.sign(plain["typ"], _json({**claims, "call": None}))
    yield "not genuine with a call", ring.sign(plain["typ"], _json({**claims, "verdict": "not_genuine"}))
    yield "a verdict that there is not", ring.sign(plain["typ"], _json({**claims, "verdict": "GENUINE"}))
    yield "a number for an instant", ring.sign(plain["typ"], _json({**claims, "iat": "now"}))
    for name, time in (("before 1970", -1), ("that not everybody can count", 2**53), ("in pieces of a second", 0.5)):
        yield f"an instant {name}", ring.sign(plain["typ"], _json({**claims, "iat": time}))
    yield "a leg before 1970", ring.sign(plain["typ"], _json(_deeper(claims, "leg", connected_at=-1)))
    yield "not JSON", ring.sign(plain["typ"], b"{")
    for member in ("officer", "orig", "dest", "leg"):
        # Nothing is wrong with it, but that it is not in the log.
        yield f"more said of {member}, never logged", ring.sign(plain["typ"], _json(_deeper(claims, member, more=1)))
    yield "a nameless officer, never logged", ring.sign(plain["typ"], _json(_deeper(claims, "officer", name="")))
    for name, changed in _headers(plain, claims, bank):
        yield f"a header with {name}", changed
    yield "long, and never logged", ring.sign(plain["typ"], _json({**claims, "more": "x" * 9_000}))
    yield "signed but never logged", ring.sign(plain["typ"], _json({**claims, "iat": claims["iat"] + 1}))


def _deeper(claims: Json, member: str, **changes: Any) -> Json:
    """The claims with changes in one member of their call."""
    call = claims["call"]
    return {**claims, "call": {**call, member: {**call[member], **changes}}}


def _proofs(proof: str, good: dict[str, Json]) -> Iterator[tuple[str, str]]:
    lines = proof.split("\n")
    blank = lines.index("")
    index = next(position for position, line in enumerate(lines) if line.startswith("index "))
    origin, size, root, signature = blank + 1, blank + 2, blank + 3, len(lines) - 2

    def changed(position: int, line: str) -> str:
        return "\n".join([*lines[:position], line, *lines[position + 1 :]])

    yield "that of another leaf", good["report"]["proof"]
    yield "empty", ""
    yield "another version", proof.replace("tlog-proof", "tlog-poof", 1)
    yield "another index", changed(index, "index 0")
    yield "a negative index", changed(index, "index -1")
    yield "an index beyond the tree", changed(index, "index 99999999")
    yield "an index that is no number", changed(index, "index one")
    yield "an index with a leading zero", changed(index, lines[index].replace("index ", "index 0"))
    yield "a hash less", "\n".join([*lines[: index + 1], *lines[index + 2 :]])
    yield "a hash more", "\n".join([*lines[: index + 1], lines[index + 1], *lines[index + 1 :]])
    yield "a changed hash", changed(index + 1, _flipped(lines[index + 1]))
    yield "another origin", changed(origin, "evil.example/log")
    yield "another size", changed(size, str(int(lines[size]) + 1))
    yield "a size with a leading zero", changed(size, "0" + lines[size])
    yield "another root", changed(root, _b64std(hashlib.sha256(b"evil").digest()))
    yield "no signature", "\n".join([*lines[:signature], ""])
    yield "a changed signature", changed(signature, lines[signature][:-6] + _flipped(lines[signature][-6:]))
    yield "a signature by another name", changed(signature, lines[signature].replace(lines[origin], "evil.example"))
    yield "no end of line", proof.rstrip("\n")
    yield "Windows ends of lines", proof.replace("\n", "\r\n")
    yield "a byte order mark", "\ufeff" + proof
    yield "cut in the middle", proof[: len(proof) // 2]
    yield "twice", proof + proof
    yield "not ASCII", proof.replace("index", "índex")
    yield "very long", proof + "x" * 20_000


def _trusts(trust: Json) -> Iterator[tuple[str, Json]]:
    log = trust["log"]
    other = _b64std(b"\x01" + hashlib.sha256(b"key").digest())
    yield "another issuer", {**trust, "issuer": "https://other.example"}
    yield "no keys", {**trust, "jwks": {"keys": []}}
    yield "no keys of a log", {**trust, "log": {**log, "keys": []}}
    yield "another log's name", {**trust, "log": {**log, "origin": "other.example/log"}}
    yield "another log's key", {**trust, "log": {**log, "keys": [f"{log['origin']}+00000000+{other}"]}}


def _key_sets(keys: list[Json], statement: str) -> Iterator[tuple[str, bool, list[Json]]]:
    """Sets of keys, and whether one of them is the one that signed, by name and beyond doubt."""
    kid = json.loads(_decode(statement.split(".")[0]))["kid"]
    mine = next(key for key in keys if key["kid"] == kid)
    other = {**mine, **_jwk(generate_private_key(SECP256R1()))}
    rsa = {"kid": "older", "kty": "RSA", "n": "AQAB", "e": "AQAB"}
    yield "the key twice", False, [mine, mine]
    yield "all keys twice", False, keys * 2
    yield "another key by its name before it", False, [other, *keys]
    yield "another key by its name after it", False, [*keys, other]
    yield "a key of another kind by its name", False, [*keys, {**rsa, "kid": kid}]
    yield "another key twice", True, [*keys, {**other, "kid": "other"}, {**other, "kid": "other"}]
    yield "a key of a kind that nobody knows", True, [{"kid": "later", "kty": "PQ"}, *keys]
    yield "a key that is too weak", True, [rsa, *keys]
    yield "a key without a name", True, [{name: value for name, value in other.items() if name != "kid"}, *keys]
    yield "only a key without a name", False, [{name: value for name, value in mine.items() if name != "kid"}]
    yield "the key by another name", False, [{**mine, "kid": "other"}]
    yield "the key without its use and algorithm", True, [{n: mine[n] for n in ("kid", "kty", "crv", "x", "y")}]
    for changed in ({"use": "enc"}, {"alg": "ES384"}, {"crv": "P-384"}, {"kty": "OKP"}, {"x": "AAAA"}, {"y": ""}):
        yield f"the key with {changed}", False, [{**mine, **changed}]


def _headers(plain: Json, claims: Json, bank: DemoBank) -> Iterator[tuple[str, str]]:
    """Headers that are not ours, each well signed by the bank's own key, some with a fault in the claims besides."""
    ring = read(Path(bank.config.key_ring))
    mine = next(key.jwk for key in ring if key.kid == plain["kid"])
    key = derive_private_key(int.from_bytes(_decode(mine["d"])), SECP256R1())
    more, elsewhere = {**plain, "jku": "https://evil.example"}, {**claims, "iss": "https://evil.example"}
    yield "a member more", _signed(more, claims, key)
    yield "a member more and an unknown kind", _signed({**more, "typ": "jwt"}, claims, key)
    yield "a member more and another kind", _signed({**more, "typ": "call-ticket+jwt"}, claims, key)
    yield "a member more and another issuer", _signed(more, elsewhere, key)
    yield "a critical extension and an unknown kind", _signed({**plain, "typ": "jwt", "crit": ["exp"]}, claims, key)
    yield "another algorithm and an unknown kind", _signed({**plain, "alg": "ES384", "typ": "jwt"}, claims, key)
    for name in plain:
        yield f"no {name}", _signed({k: v for k, v in plain.items() if k != name}, claims, key)
        for odd in (None, 7, [plain[name]]):
            yield f"{name} {odd}", _signed({**plain, name: odd}, claims, key)
    yield "no kind and another issuer", _signed({k: v for k, v in plain.items() if k != "typ"}, elsewhere, key)


def _foreign(header: Json, claims: Json, embedded: bool = False) -> str:
    """Signed by a key of one's own."""
    key = generate_private_key(SECP256R1())
    return _signed({**header, "jwk": _jwk(key)} if embedded else header, claims, key)


def _signed(header: Json, claims: Json, key: EllipticCurvePrivateKey) -> str:
    signed = f"{_encode(header)}.{_b64(_json(claims))}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ECDSA(SHA256())))
    return f"{signed}.{_b64(r.to_bytes(32) + s.to_bytes(32))}"


def _jwk(key: EllipticCurvePrivateKey) -> Json:
    point = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _b64(point.x.to_bytes(32)), "y": _b64(point.y.to_bytes(32))}


def _flipped(text: str) -> str:
    """One letter changed, in the middle, where every bit counts."""
    middle = len(text) // 2
    return text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]


def _sibling(letter: str) -> str:
    """Another letter of base64url that differs in a bit which stands for nothing at the end of 64 octets."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(letter) ^ 1]


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _encode(value: Any) -> str:
    return _b64(_json(value))


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _b64std(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
