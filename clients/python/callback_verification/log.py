"""The log, shard by shard, and what a verifier must hold. Implements specs/protocol.md sections 8.2 and 8.4."""

from __future__ import annotations

from callback_verification.evidence import Jwks, Trust
from callback_verification.requests import Answer, Request, get, segment
from callback_verification.shapes import Consistency


def checkpoint(shard: int = 0) -> Request[str]:
    """The newest signed checkpoint of a shard, a C2SP signed note."""
    return _get(shard, "checkpoint", str)


def tile(path: str, shard: int = 0) -> Request[bytes]:
    """A tile, or a bundle of entries, by its path below `tile/` (C2SP tlog-tiles): `0/000`, `entries/000.p/7`."""
    return _get(shard, "tile/" + "/".join(map(segment, path.split("/"))), bytes)


def consistency(*, old: int, new: int, shard: int = 0) -> Request[Consistency]:
    """The proof that a shard's log of size `new` begins with its log of size `old`."""
    return get("/v1/log/consistency", Consistency, {"old": old, "new": new, "shard": shard or None})


def jwks() -> Request[Jwks]:
    """The keys that sign statements."""
    return get("/.well-known/jwks.json", Jwks)


def description() -> Request[Trust]:
    """Issuer, keys and log of this deployment: keep it, from a time when you trust it, as the trust file."""
    return get("/.well-known/callback-verification", Trust)


def _get(shard: int, path: str, answer: type[Answer]) -> Request[Answer]:
    return get(f"/log/{shard}/{path}" if shard else f"/log/{path}", answer)
