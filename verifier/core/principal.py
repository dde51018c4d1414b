"""The authenticated caller: staff, customer or system. Implements specs/protocol.md section 2."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["staff", "customer", "system"]

STAFF_ROLES = ("officer", "supervisor", "auditor")
SYSTEM_SCOPES = ("applications", "calls", "legs", "ivr")


class Principal(msgspec.Struct, frozen=True):
    """An authenticated caller.

    `id` is the officer's staff number, the customer's subject at the bank's identity provider, or the
    system's credential id. `roles` holds staff roles, or the scopes of a system. From `until` on, in epoch
    milliseconds, a person must authenticate again. A system does so with each request.
    """

    kind: Kind
    id: str
    issuer: str
    roles: frozenset[str] = frozenset()
    until: int | None = None

    @property
    def key(self) -> str:
        """A unique name, the scope of idempotency keys and rate limits."""
        return f"{self.kind}\0{self.issuer}\0{self.id}"
