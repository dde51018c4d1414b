"""Requests for a shard of the log, and for the trust file. Implements specs/protocol.md sections 8.2 and 8.4."""

from __future__ import annotations

from callback_verification.evidence import Jwks, Trust
from callback_verification.requests import Answer, Request, get, segment
from callback_verification.shapes import Consistency


def checkpoint(shard: int = 0) -> Request[str]:
    """Get the newest checkpoint of a shard, as a C2SP signed note."""
    return _get(shard, "checkpoint", str)


def tile(path: str, shard: int = 0) -> Request[bytes]:
    """Get a tile or a bundle of entries (C2SP tlog-tiles). Examples for `path`: `0/000`, `entries/000.p/7`."""
    return _get(shard, "tile/" + "/".join(map(segment, path.split("/"))), bytes)


def consistency(*, old: int, new: int, shard: int = 0) -> Request[Consistency]:
    """Get the proof that the first `old` leaves of a shard did not change when the shard grew to `new` leaves."""
    return get("/v1/log/consistency", Consistency, {"old": old, "new": new, "shard": shard or None})


def jwks() -> Request[Jwks]:
    """Get the public keys that verify statements."""
    return get("/.well-known/jwks.json", Jwks)


def description() -> Request[Trust]:
    """Get the trust file: the issuer, the keys and the log of this deployment. Fetch it over a trusted connection."""
    return get("/.well-known/callback-verification", Trust)


def _get(shard: int, path: str, answer: type[Answer]) -> Request[Answer]:
    return get(f"/log/{shard}/{path}" if shard else f"/log/{path}", answer)
