"""The transparency log and what a verifier must hold. Carries out specs/protocol.md section 8.2."""

from __future__ import annotations

from callback_verification.evidence import Trust
from callback_verification.requests import Request, get


def checkpoint() -> Request[str]:
    """The newest signed checkpoint, a C2SP signed note."""
    return get("/log/checkpoint", str, accept="text/plain")


def description() -> Request[Trust]:
    """Issuer, keys and log of this deployment: keep it, from a time when you trust it, as the trust file."""
    return get("/.well-known/callback-verification", Trust)
