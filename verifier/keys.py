"""The key ring in a file. Each use has next, active and retired keys. Implements specs/protocol.md section 11.

A key has one of four uses:

- `statement`: ES256, signs tickets and receipts
- `log`: Ed25519, signs checkpoints
- `encryption`: AES-256, wraps application keys
- `index`: HMAC-SHA-256, for blind indexes. It is never rotated, because the stored indexes depend on it.

For `statement` and `log`, the public keys of all next, active and retired keys are published.
"""

from __future__ import annotations

import hmac
import os
import secrets
from codecs import BOM_UTF8
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode
from msgspec import Meta, Struct
from msgspec.structs import replace

from verifier.core import strict_json
from verifier.core.checkpoint import sign_note, vkey
from verifier.core.errors import InternalError, VerifierError
from verifier.core.key_uses import Uses
from verifier.core.sealing import NONCE_BYTES, seal, unseal
from verifier.core.signatures import sign_es256
from verifier.core.text import exact
from verifier.files import read_bounded, replace_file, version

Use = Literal["statement", "log", "encryption", "index"]
KeyState = Literal["next", "active", "retired"]
USES: tuple[Use, ...] = ("statement", "log", "encryption", "index")
ROTATING: tuple[Use, ...] = ("statement", "log", "encryption")
OVERLAP_MS = 24 * 3_600_000
MAX_RING = 1_048_576
MAX_MS = 253_402_300_799_999  # the end of the year 9999
# A JWK (RFC 7517). Its values are strings, except for lists that some libraries add. The type of the values is `Any`,
# because the types of joserfc do not allow such lists.
Jwk = dict[str, Any]


class KeyRingError(VerifierError):
    """The key ring cannot be read, or a rotation would break its rules."""

    slug = "key_ring"
    title = "The key ring cannot be used"


# Only these characters are allowed, because a kid is written without escapes into the headers of statements and in
# front of sealed data.
Kid = Annotated[str, exact(r"[A-Za-z0-9_-]{1,64}")]


class Key(Struct, frozen=True):
    """One key. `jwk` is the private key (RFC 7517). Times are epoch milliseconds."""

    kid: Kid
    use: Use
    state: KeyState
    created_at: Annotated[int, Meta(ge=0, le=MAX_MS)]
    jwk: Jwk
    retired_at: int | None = None


class _File(Struct, frozen=True):
    keys: tuple[Key, ...]
    version: Literal[1] = 1


_FILE = msgspec.json.Decoder(_File)


def create(path: Path, now_ms: int) -> tuple[Key, ...]:
    """Make a new ring. It has an active key for each use, and a next key for each use that can be rotated.

    Raises KeyRingError if the file exists.
    """
    if path.exists():
        raise KeyRingError(f"{path} exists already")
    keys = [_new_key(use, "active", now_ms) for use in USES] + [_new_key(use, "next", now_ms) for use in ROTATING]
    _write(path, tuple(keys))
    return tuple(keys)


def rotate(path: Path, use: Use, now_ms: int, *, force: bool = False) -> tuple[Key, ...]:
    """Make the next key active, retire the active key, and make a new next key.

    Raises KeyRingError if the next key has been published for less than a day, unless `force` is set.
    """
    if use not in ROTATING:
        raise KeyRingError(f"the {use} key cannot be rotated: stored data depends on it")
    keys = list(read(path))
    following = next((key for key in keys if key.use == use and key.state == "next"), None)
    if following is None:
        raise KeyRingError(f"the key ring {path} has no next {use} key")
    if now_ms - following.created_at < OVERLAP_MS and not force:
        raise KeyRingError("the next key has been published for less than a day; verifiers may not know it yet")
    rotated = []
    for key in keys:
        if key.use == use and key.state == "active":
            key = replace(key, state="retired", retired_at=now_ms)
        elif key is following:
            key = replace(key, state="active")
        rotated.append(key)
    rotated.append(_new_key(use, "next", now_ms))
    _write(path, tuple(rotated))
    return tuple(rotated)


def read(path: Path) -> tuple[Key, ...]:
    """Read the keys of a ring file. Raises KeyRingError if the file is missing, broken, or readable by other users."""
    try:
        status = path.stat()
        content = read_bounded(path, MAX_RING)
    except OSError as error:
        raise KeyRingError(f"the key ring {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeyRingError(f"the key ring {path} cannot be read: {error}") from error
    if not _private(status.st_mode, status.st_uid, os.geteuid()):
        raise KeyRingError(f"the key ring {path} can be read by others; run chmod 600 on it")
    try:
        keys = strict_json.decode(content.removeprefix(BOM_UTF8), _FILE, "it", MAX_RING).keys
    except VerifierError as error:
        at = "".join(f"{each.pointer}: " for each in error.errors[:1])
        raise KeyRingError(f"the key ring {path} is not a key ring: {at}{error.detail}") from error
    for position, key in enumerate(keys):
        try:
            _check_key(key)
        except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeyRingError(f"the key ring {path} is not a key ring: /keys/{position}/jwk is not a key") from error
    if len({key.kid for key in keys}) < len(keys):
        raise KeyRingError(f"the key ring {path} has two keys with the same kid")
    for use in USES:
        if sum(key.use == use and key.state == "active" for key in keys) != 1:
            raise KeyRingError(f"the key ring {path} must have exactly one active {use} key")
    return keys


def _check_key(key: Key) -> None:
    """Raise an exception if a key does not fit its use.

    The type of the exception depends on the library that refuses the key.
    """
    if key.use == "statement":
        _signing_key(key)
    elif key.use == "log":
        private = Ed25519PrivateKey.from_private_bytes(urlsafe_b64decode(key.jwk["d"].encode()))
        if private.public_key().public_bytes_raw() != _log_public(key):
            raise ValueError
    elif len(_octets(key)) != 32:
        raise ValueError


def _private(mode: int, owner: int, user: int) -> bool:
    """Whether `user` alone can read a file with this mode and owner.

    If root owns the file, its group may read it too.
    """
    return not mode & (0o037 if owner == 0 and user != 0 else 0o077)


class _Keys(Struct, frozen=True):
    """The keys of a ring, ready for use. `headers` are the encoded JWS headers of statements, by `typ`."""

    encryption: dict[str, bytes]
    encryption_kid: str
    index: bytes
    statement: EllipticCurvePrivateKey
    statement_kid: str
    jwks: dict[str, object]
    log: Ed25519PrivateKey
    log_public: bytes
    log_keys: tuple[str, ...]
    headers: dict[str, bytes]

    @classmethod
    def of(cls, keys: tuple[Key, ...], origin: str) -> _Keys:
        active = {key.use: key for key in keys if key.state == "active"}
        log_key = active["log"]
        return cls(
            encryption={key.kid: _octets(key) for key in keys if key.use == "encryption"},
            encryption_kid=active["encryption"].kid,
            index=_octets(active["index"]),
            statement=_signing_key(active["statement"]),
            statement_kid=active["statement"].kid,
            jwks={"keys": [_public_jwk(key) for key in keys if key.use == "statement"]},
            log=Ed25519PrivateKey.from_private_bytes(urlsafe_b64decode(log_key.jwk["d"].encode())),
            log_public=_log_public(log_key),
            log_keys=tuple(vkey(origin, _log_public(key)) for key in keys if key.use == "log"),
            headers={},
        )


class FileKeyRing:
    """Implements `verifier.ports.KeyRing` with a ring file. `origin` is the log's origin, and the name of the log keys.

    Several threads may use the ring. When the file changes, all keys are replaced in one assignment. So no thread sees
    old and new keys mixed.
    """

    def __init__(self, path: Path, origin: str) -> None:
        self._path = path
        self._origin = origin
        self._version: object = None
        self.uses = Uses()
        self.refresh()

    def refresh(self) -> bool:
        """Read the file again if it has changed. Returns whether the file has changed. Follows symbolic links.

        If the new content is broken, the ring keeps its keys, and KeyRingError is raised. It is not raised again until
        the file changes again.
        """
        found = version(self._path) or ()
        if found == self._version:
            return False
        self._version = found
        self._keys = _Keys.of(read(self._path), self._origin)
        return True

    def wrap(self, application_id: str, key: bytes) -> tuple[str, bytes]:
        kid, kek = self._encryption_key()
        return kid, seal(kek, secrets.token_bytes(NONCE_BYTES), f"key:{application_id}", key)

    def unwrap(self, application_id: str, kek_id: str, wrapped: bytes) -> bytes:
        kek = self._keys.encryption.get(kek_id)
        if kek is None:
            raise InternalError(f"the key-encryption key {kek_id} is not in the ring")
        return unseal(kek, f"key:{application_id}", wrapped)

    def seal(self, context: str, plaintext: bytes) -> bytes:
        kid, kek = self._encryption_key()
        return kid.encode() + b"." + seal(kek, secrets.token_bytes(NONCE_BYTES), f"ring:{context}", plaintext)

    def unseal(self, context: str, sealed: bytes) -> bytes:
        kid, _, rest = sealed.partition(b".")
        kek = self._keys.encryption.get(kid.decode("ascii", "replace"))
        if kek is None:
            raise InternalError("the key-encryption key is not in the ring")
        return unseal(kek, f"ring:{context}", rest)

    def _encryption_key(self) -> tuple[str, bytes]:
        """The kid of the active key-encryption key, and the key.

        Each call of this function counts as one use of the key. So encrypt only once with the result.
        """
        keys = self._keys
        self.uses.count(keys.encryption_kid)
        return keys.encryption_kid, keys.encryption[keys.encryption_kid]

    def encrypting(self) -> str:
        return self._keys.encryption_kid

    def derive(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._keys.index, f"{kind}\0{value}".encode(), "sha256")

    def sign(self, typ: str, claims: bytes) -> str:
        # These are steps 4 to 8 of RFC 7515 section 5.1. joserfc is not used here, because it would parse and check the
        # header again for every signature.
        keys = self._keys
        header = keys.headers.get(typ)
        if header is None:
            protected = b'{"alg":"ES256","typ":"%b","kid":"%b"}' % (typ.encode(), keys.statement_kid.encode())
            header = keys.headers[typ] = urlsafe_b64encode(protected) + b"."
        signed = header + urlsafe_b64encode(claims)
        return (signed + b"." + urlsafe_b64encode(sign_es256(keys.statement, signed))).decode()

    def sign_checkpoint(self, text: str) -> str:
        keys = self._keys
        return sign_note(text, text.partition("\n")[0], keys.log_public, keys.log.sign)

    def jwks(self) -> dict[str, object]:
        return self._keys.jwks

    def log_keys(self) -> tuple[str, ...]:
        return self._keys.log_keys


def _new_key(use: Use, state: KeyState, now_ms: int) -> Key:
    made: ECKey | OKPKey | OctKey
    if use == "statement":
        made = ECKey.generate_key("P-256")
    elif use == "log":
        made = OKPKey.generate_key("Ed25519")
    else:
        made = OctKey.generate_key(256)
    jwk = {name: value for name, value in made.as_dict(private=True).items() if name != "kid"}
    return Key(made.thumbprint()[:16], use, state, now_ms, dict(jwk))


def _signing_key(key: Key) -> EllipticCurvePrivateKey:
    """The private P-256 key for statements.

    Raises ValueError, or an exception of joserfc, if `key` is not a private P-256 key.
    """
    signing = ECKey.import_key(key.jwk)
    if signing.curve_name != "P-256" or signing.private_key is None:
        raise ValueError
    return signing.private_key


def _octets(key: Key) -> bytes:
    return bytes(urlsafe_b64decode(key.jwk["k"].encode()))


def _log_public(key: Key) -> bytes:
    return bytes(urlsafe_b64decode(key.jwk["x"].encode()))


def _public_jwk(key: Key) -> Jwk:
    jwk = {name: value for name, value in key.jwk.items() if name != "d"}
    return {**jwk, "kid": key.kid, "use": "sig", "alg": "ES256"}


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, msgspec.json.format(msgspec.json.encode(_File(keys))))
