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
    system's credential id. `roles` holds staff roles, or the scopes of a system. `until` is in epoch milliseconds. From
    then on, a person must authenticate again. A system authenticates with each request.

    `key` is a unique name of the caller, for idempotency keys and rate limits. `grants` has the caller's grants in the
    form of an operation's `who`: `customer`, `staff:<role>`, `system:<scope>`. Both follow from the other members.
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
