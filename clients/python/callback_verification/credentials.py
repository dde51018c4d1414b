"""Credentials. A person has a bearer token. A system signs each request (RFC 9421).

Implements specs/protocol.md section 2.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TAG = "callback-verification"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_KEY_ID = re.compile(r"[A-Za-z0-9._~:@/-]{1,128}")


class Credential(Protocol):
    """Makes the headers that authenticate one try of a request. `now` is the time in epoch seconds."""

    def headers(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, now: float
    ) -> dict[str, str]: ...


class Bearer:
    """A person's token, or a function that returns their current token."""

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._token = token

    def headers(self, method: str, url: str, headers: dict[str, str], body: bytes | None, now: float) -> dict[str, str]:
        token = self._token() if callable(self._token) else self._token
        if _TOKEN.fullmatch(token) is None:
            # The message may be logged, so it must not contain the token.
            raise ValueError("the token is not a bearer token")
        return {"Authorization": f"Bearer {token}"}


class SystemKey:
    """A system's key id and Ed25519 private key. The private key is PKCS#8 in PEM, or a loaded key object.

    Raises ValueError if the key id is malformed, or if the private key is not an Ed25519 key.
    """

    def __init__(self, key_id: str, private_key: bytes | str | Ed25519PrivateKey) -> None:
        if _KEY_ID.fullmatch(key_id) is None:
            raise ValueError("a key id must have 1 to 128 letters, digits and -._~:@/")
        if isinstance(private_key, str):
            private_key = private_key.encode()
        loaded = load_pem_private_key(private_key, None) if isinstance(private_key, bytes) else private_key
        if not isinstance(loaded, Ed25519PrivateKey):
            raise ValueError("the private key is not an Ed25519 key")
        self._key_id = key_id
        self._key = loaded

    def headers(self, method: str, url: str, headers: dict[str, str], body: bytes | None, now: float) -> dict[str, str]:
        """Return the headers that sign a request. `url` must be exactly the address that the request is sent to."""
        added: dict[str, str] = {}
        covered = {"@method": method, "@target-uri": url}
        if "Idempotency-Key" in headers:
            covered["idempotency-key"] = headers["Idempotency-Key"]
        if body is not None:
            digest = b64encode(hashlib.sha256(body).digest()).decode()
            added["Content-Digest"] = covered["content-digest"] = f"sha-256=:{digest}:"
        names = " ".join(f'"{name}"' for name in covered)
        parameters = f'({names});created={int(now)};keyid="{self._key_id}";tag="{TAG}"'
        lines = [f'"{name}": {value}' for name, value in covered.items()]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        signature = b64encode(self._key.sign(base.encode())).decode()
        return {**added, "Signature-Input": f"sig={parameters}", "Signature": f"sig=:{signature}:"}
