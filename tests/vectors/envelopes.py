"""Invalid compact JWS with good claims: wrong encoding, header, key or signature (protocol section 8.1)."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.util import urlsafe_b64decode

from tests.vectors.bank import NEXT, STATEMENT, STRANGER
from tests.vectors.files import Json
from tests.vectors.parts import decoded
from verifier.core.evidence import MAX_STATEMENT
from verifier.core.octets import base64url

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Made = tuple[str, str, str, str]


def forged(good: str) -> Iterator[Made]:
    """Tuples of id, description, error slug (empty if valid) and statement. Each has only one fault."""
    for name, about, statement in (*_forms(good), *_spellings(good), *_signatures(good), *_keys(good), *_heads(good)):
        yield f"report-{name}", about, "invalid_signature", statement
    header, claims = decoded(good)
    turned = json.dumps(dict(reversed(header.items())), indent=1).encode()
    yield "report-header-spaced", "the header's members in another order and spaced", "", STATEMENT.sign(turned, claims)
    follows = NEXT.sign({**header, "kid": NEXT.kid}, claims)
    yield "report-next-key", "signed by a key that is published and not yet active", "", follows
    yield "report-longest", "as long as a statement may be", "", _of_length(header, claims, MAX_STATEMENT)
    too_long = _of_length(header, claims, MAX_STATEMENT + 1)
    yield "report-too-long", "a character too long", "invalid_signature", too_long


def other_form(statement: str) -> str:
    """The statement with the second form of its signature (r, n - s), which ECDSA accepts too."""
    r, s = _numbers(statement)
    return f"{statement.rpartition('.')[0]}.{_pair(r, ORDER - s)}"


def _forms(good: str) -> Iterator[tuple[str, str, str]]:
    header, payload, signature = good.split(".")
    yield "empty", "nothing", ""
    yield "one-part", "one part", header
    yield "two-parts", "two parts", f"{header}.{payload}"
    yield "four-parts", "four parts", f"{good}.{signature}"
    yield "final-dot", "a dot at the end", f"{good}."
    yield "no-header", "an empty header", STATEMENT.complete(f".{payload}")
    yield "space-before", "a space before it", f" {good}"
    yield "space-after", "a space after it", f"{good} "
    yield "line-end", "an end of line after it", f"{good}\n"
    yield "swapped", "header and payload change places", STATEMENT.complete(f"{payload}.{header}")


def _spellings(good: str) -> Iterator[tuple[str, str, str]]:
    """Non-canonical encodings of the same octets, each with a signature over that encoding."""
    header, claims = decoded(good)
    start, payload, _ = good.split(".")
    yield "spelling-signature-bits", "spare bits in the signature's last character", good[:-1] + _sibling(good[-1])
    yield "spelling-signature-padding", "padding after the signature", f"{good}=="
    octets = msgspec.json.encode(claims)
    octets += b" " * (2 - len(octets) % 3)  # so that the last character has spare bits
    odd = base64url(octets)
    respelt = STATEMENT.complete(f"{start}.{odd[:-1]}{_sibling(odd[-1])}")
    yield "spelling-payload-bits", "spare bits in the payload's last character", respelt
    padded = STATEMENT.complete(f"{start}.{urlsafe_b64encode(octets).decode()}")
    yield "spelling-payload-padding", "a padded payload", padded
    yield (
        "spelling-payload-line",
        "an end of line in the payload",
        STATEMENT.complete(f"{start}.{odd[:40]}\n{odd[40:]}"),
    )
    yield "spelling-payload-space", "a space in the payload", STATEMENT.complete(f"{start}.{odd[:40]} {odd[40:]}")
    other = base64url(msgspec.json.encode({**claims, "more": "???>>>"}))
    standard = other.replace("-", "+").replace("_", "/")
    yield "spelling-payload-standard", "a payload in the other alphabet", STATEMENT.complete(f"{start}.{standard}")
    text = msgspec.json.encode(header)
    text += b" " * (2 - len(text) % 3)
    spaced = base64url(text)
    bits = STATEMENT.complete(f"{spaced[:-1]}{_sibling(spaced[-1])}.{payload}")
    yield "spelling-header-bits", "spare bits in the header's last character", bits
    padded = STATEMENT.complete(f"{urlsafe_b64encode(text).decode()}.{payload}")
    yield "spelling-header-padding", "a padded header", padded


def _signatures(good: str) -> Iterator[tuple[str, str, str]]:
    signed = good.rpartition(".")[0]
    r, s = _numbers(good)
    yield "signature-none", "no signature", f"{signed}."
    yield "signature-half", "half a signature", f"{signed}.{base64url(r.to_bytes(32))}"
    yield "signature-long", "an octet more", f"{signed}.{base64url(r.to_bytes(32) + s.to_bytes(32) + bytes(1))}"
    within = r.to_bytes(32) + bytes(1) + s.to_bytes(32)
    yield "signature-zero-within", "a nought before s, which is the same number", f"{signed}.{base64url(within)}"
    yield "signature-zeros", "zeros", f"{signed}.{_pair(0, 0)}"
    yield "signature-zero-s", "s is zero", f"{signed}.{_pair(r, 0)}"
    yield "signature-order-r", "r is the order of the curve", f"{signed}.{_pair(ORDER, s)}"
    yield "signature-swapped", "r and s change places", f"{signed}.{_pair(s, r)}"
    yield "signature-der", "the signature in DER", f"{signed}.{base64url(encode_dss_signature(r, s))}"
    yield "signature-of-another", "the signature of other claims", f"{signed}.{STATEMENT.sign({}, {}).split('.')[2]}"


def _keys(good: str) -> Iterator[tuple[str, str, str]]:
    header, claims = decoded(good)
    signed = f"{base64url(msgspec.json.encode({**header, 'alg': 'HS256'}))}.{good.split('.')[1]}"
    key = msgspec.json.encode({**STATEMENT.bare, "kid": STATEMENT.kid, "use": "sig", "alg": "ES256"})
    yield "key-hs256", "HS256 with the public key", f"{signed}.{base64url(hmac.digest(key, signed.encode(), 'sha256'))}"
    yield "key-stranger", "another key under the right name", STRANGER.sign(header, claims)
    yield "key-unknown", "another key under its own name", STRANGER.sign({**header, "kid": STRANGER.kid}, claims)
    yield (
        "key-unknown-kid",
        "the right key under a name that is not trusted",
        STATEMENT.sign({**header, "kid": "x"}, claims),
    )
    yield (
        "key-other-kid",
        "the right key under the name of another",
        STATEMENT.sign({**header, "kid": NEXT.kid}, claims),
    )
    yield "key-brought", "a key that it brings along", STRANGER.sign({**header, "jwk": STRANGER.bare}, claims)
    alone = {**header, "kid": STRANGER.kid, "jwk": {**STRANGER.bare, "kid": STRANGER.kid}}
    yield "key-brought-named", "a key that it brings along under its own name", STRANGER.sign(alone, claims)


def _heads(good: str) -> Iterator[tuple[str, str, str]]:
    """Headers that the bank does not write, each with a valid signature by the bank's key, except `none`."""
    header, claims = decoded(good)
    plain: dict[str, Any] = dict(header)
    nothing = f"{base64url(msgspec.json.encode({**plain, 'alg': 'none'}))}.{good.split('.')[1]}."
    yield "alg-none-bare", "algorithm none, without a signature", nothing
    more: dict[str, Json] = {
        "jku": {"jku": "https://evil.example/keys"},
        "jwk": {"jwk": STATEMENT.bare},
        "x5u": {"x5u": "https://evil.example/certificate"},
        "x5c": {"x5c": ["AA=="]},
        "crit": {"crit": ["exp"], "exp": 1},
        "crit-empty": {"crit": []},
        "b64": {"b64": True, "crit": ["b64"]},
        "cty": {"cty": "json"},
        "zip": {"zip": "DEF"},
    }
    for name, members in more.items():
        yield f"header-{name}", f"{name.partition('-')[0]} in the header", STATEMENT.sign({**plain, **members}, claims)
    for alg in ("none", "HS256", "ES384", "ES256K", "es256", "Ed25519"):
        yield f"header-alg-{alg}", f"the header says {alg}", STATEMENT.sign({**plain, "alg": alg}, claims)
    for name in plain:
        rest = {other: value for other, value in plain.items() if other != name}
        yield f"header-without-{name}", f"no {name} in the header", STATEMENT.sign(rest, claims)
        for kind, odd in (("null", None), ("number", 7), ("list", [plain[name]])):
            yield f"header-{name}-{kind}", f"{name} is a {kind}", STATEMENT.sign({**plain, name: odd}, claims)
    elsewhere = {**claims, "iss": "https://elsewhere.example"}
    for name, head, said in (
        ("jku-and-issuer", {**plain, "jku": "https://evil.example/keys"}, elsewhere),
        ("crit-and-kind", {**plain, "typ": "jwt", "crit": ["exp"]}, claims),
        ("alg-and-kind", {**plain, "typ": "jwt", "alg": "ES384"}, claims),
        ("without-typ-and-issuer", {other: plain[other] for other in ("alg", "kid")}, elsewhere),
    ):
        yield f"header-{name}", "of two faults the header's is named", STATEMENT.sign(head, said)
    text = msgspec.json.encode(plain)
    for name, about, octets in (
        ("list", "a header in a list", b"[" + text + b"]"),
        ("null", "a header that is null", b"null"),
        ("not-json", "a header that is not JSON", text[:-1]),
        ("two", "a header with something after it", text + b"{}"),
        ("byte-order-mark", "a header with a byte order mark", b"\xef\xbb\xbf" + text),
        ("kid-twice", "the kid twice", text[:-1] + b',"kid":"' + STATEMENT.kid.encode() + b'"}'),
        ("surrogate", "half of a surrogate pair in the kid", text.replace(STATEMENT.kid.encode(), b"\\ud800")),
        ("nested", "nothing but lists in lists", b"[" * 2_000 + b"]" * 2_000),
        ("not-utf-8", "a header that is not UTF-8", text.replace(b"receipt", b"rec\xe9ipt")),
    ):
        yield f"header-{name}", about, STATEMENT.sign(octets, claims)


def _of_length(header: Json, claims: Json, length: int) -> str:
    """A statement of this many characters. Base64url has no text of 4n + 1, so the header may need spaces."""
    text = msgspec.json.encode(header)
    for spaced in (text, text + b" ", text + b"  "):
        start, payload, signature = STATEMENT.sign(spaced, {**claims, "more": ""}).split(".")
        room = (length - len(f"{start}..{signature}")) * 3 // 4 - len(urlsafe_b64decode(payload.encode()))
        made = STATEMENT.sign(spaced, {**claims, "more": "x" * room})
        if len(made) == length:
            return made
    raise ValueError(f"there is no statement of {length} characters")


def _numbers(statement: str) -> tuple[int, int]:
    octets = urlsafe_b64decode(statement.rpartition(".")[2].encode())
    return int.from_bytes(octets[:32]), int.from_bytes(octets[32:])


def _pair(r: int, s: int) -> str:
    return base64url(r.to_bytes(32) + s.to_bytes(32))


def _sibling(letter: str) -> str:
    """The letter that differs in the last bit, which is a spare bit at the end of an incomplete group."""
    return ALPHABET[ALPHABET.index(letter) ^ 1]
