"""The transparency log and what a verifier must hold. Carries out specs/protocol.md section 8.2."""

from __future__ import annotations

from callback_verification.evidence import Jwks, Trust
from callback_verification.requests import Request, get, segment
from callback_verification.shapes import Consistency


def checkpoint() -> Request[str]:
    """The newest signed checkpoint, a C2SP signed note."""
    return get("/log/checkpoint", str)


def tile(path: str) -> Request[bytes]:
    """A tile, or a bundle of entries, by its path below `tile/` (C2SP tlog-tiles): `0/000`, `entries/000.p/7`."""
    return get("/log/tile/" + "/".join(map(segment, path.split("/"))), bytes)


def consistency(*, old: int, new: int) -> Request[Consistency]:
    """The proof that the log of size `new` begins with the log of size `old`."""
    return get("/v1/log/consistency", Consistency, {"old": old, "new": new})


def jwks() -> Request[Jwks]:
    """The keys that sign statements."""
    return get("/.well-known/jwks.json", Jwks)


def description() -> Request[Trust]:
    """Issuer, keys and log of this deployment: keep it, from a time when you trust it, as the trust file."""
    return get("/.well-known/callback-verification", Trust)
