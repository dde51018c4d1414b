"""The authenticated caller: staff, customer or system. Implements specs/protocol.md section 2."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import force_setattr

Kind = Literal["staff", "customer", "system"]

STAFF_ROLES = ("officer", "supervisor", "auditor")
SYSTEM_SCOPES = ("applications", "calls", "legs", "ivr")


class Principal(msgspec.Struct, frozen=True):
    """An authenticated caller.

    `id` is the officer's staff number, the customer's subject at the bank's identity provider, or the
    system's credential id. `roles` holds staff roles, or the scopes of a system. From `until` on, in epoch
    milliseconds, a person must authenticate again. A system does so with each request.

    `key` is a unique name, the scope of idempotency keys and rate limits. `grants` is what the roles allow, as in an
    operation's `who`: `customer`, `staff:<role>`, `system:<scope>`. Both follow from the other members.
    """

    kind: Kind
    id: str
    issuer: str
    roles: frozenset[str] = frozenset()
    until: int | None = None
    key: str = ""
    grants: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        granted = ("customer",) if self.kind == "customer" else (f"{self.kind}:{role}" for role in self.roles)
        force_setattr(self, "key", f"{self.kind}\0{self.issuer}\0{self.id}")
        force_setattr(self, "grants", frozenset(granted))
