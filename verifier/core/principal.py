"""The authenticated caller: staff, customer or system. Implements specs/protocol.md section 2."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import force_setattr, replace

Kind = Literal["staff", "customer", "system"]

STAFF_ROLES = ("officer", "supervisor", "auditor", "counter")
SYSTEM_SCOPES = ("applications", "calls", "legs", "ivr")


class Principal(msgspec.Struct, frozen=True):
    """An authenticated caller.

    `id` is the officer's staff number, the customer's subject at the bank's identity provider, or the system's id in
    the systems file. `roles` has the roles of staff, or the scopes of a system. `until` is the time, in epoch
    milliseconds, at which a person must authenticate again. It is None for a system, because a system authenticates
    with each request.

    `acr` and `amr` say how strongly staff have signed in: the authentication context, and the methods (OpenID Connect
    Core 1.0 section 2). They are empty if the token does not say.

    `key` is a unique name of the caller, for idempotency keys and rate limits. `grants` has the caller's grants in the
    form of an operation's `who`: `customer`, `staff:<role>`, `system:<scope>`. `key` and `grants` are computed from the
    other members.
    """

    kind: Kind
    id: str
    issuer: str
    roles: frozenset[str] = frozenset()
    until: int | None = None
    acr: str = ""
    amr: frozenset[str] = frozenset()
    # Always computed, whatever is given.
    key: str = ""
    grants: frozenset[str] = frozenset()

    def acting(self, who: frozenset[str]) -> Principal:
        """The caller with only those roles that `who` asks for: the ones that allow the operation."""
        if self.kind == "customer" or self.grants <= who:
            return self
        return replace(self, roles=frozenset(role for role in self.roles if f"{self.kind}:{role}" in who))

    def __post_init__(self) -> None:
        granted = ("customer",) if self.kind == "customer" else (f"{self.kind}:{role}" for role in self.roles)
        force_setattr(self, "key", f"{self.kind}\0{self.issuer}\0{self.id}")
        force_setattr(self, "grants", frozenset(granted))
