"""The bank's OpenID Connect issuers, as the settings describe them. Implements specs/protocol.md section 2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from verifier.core.principal import STAFF_ROLES

# "EdDSA" here is Ed25519 and no other curve. RFC 9864 deprecates the name, but providers still send it.
SIGNATURE_ALGORITHMS = frozenset(
    ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "Ed25519", "EdDSA"]
)
DEFAULT_ALGORITHMS = ("ES256", "RS256", "PS256", "Ed25519")


class TrustedIssuer(Struct, frozen=True, forbid_unknown_fields=True):
    """An OpenID Connect issuer. Its access tokens for one of `audiences` identify principals of `kind`.

    Without `jwks_url`, OpenID Connect Discovery finds the keys. `roles` maps the provider's role names to ours. Without
    it, the provider's names must be ours. With `required_claim`, a token must have that claim; the form `name=value`
    also requires the value. Raises ValueError for a missing or invalid part.
    """

    kind: Literal["staff", "customer"]
    issuer: str
    audiences: tuple[str, ...]
    jwks_url: str = ""
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    id_claim: str = "sub"
    roles_claim: str = "roles"
    roles: tuple[tuple[str, str], ...] = ()
    require_at_jwt: bool = False
    required_claim: str = ""

    def __post_init__(self) -> None:
        if not self.issuer.startswith(("https://", "http://")):
            raise ValueError(f"the issuer {self.issuer!r} is not a URL")
        if self.jwks_url and not self.jwks_url.startswith(("https://", "http://")):
            raise ValueError(f"the key set address {self.jwks_url!r} is not a URL")
        if not self.audiences or not all(self.audiences):
            raise ValueError(f"the issuer {self.issuer} needs an audience")
        if not self.id_claim or not self.roles_claim or self.required_claim.startswith("="):
            raise ValueError(f"a claim of the issuer {self.issuer} has no name")
        if not self.algorithms or not SIGNATURE_ALGORITHMS.issuperset(self.algorithms):
            known = ", ".join(sorted(SIGNATURE_ALGORITHMS))
            raise ValueError(f"the algorithms of {self.issuer} must be some of {known}")

    def identity(self, claims: dict[str, object]) -> object:
        """The value of `id_claim`, or None."""
        return claim_at(claims, self.id_claim)

    def granted(self, claims: dict[str, object]) -> frozenset[str]:
        """The staff roles that the token grants, under our names."""
        said = claim_at(claims, self.roles_claim)
        listed = said if isinstance(said, list) else [said]
        pairs = self.roles or tuple((role, role) for role in STAFF_ROLES)
        return frozenset(role for name, role in pairs if name in listed)

    def meets_requirement(self, claims: dict[str, object]) -> bool:
        """Whether the token has the required claim. Its value may be one word of a string, or one item of a list."""
        if not self.required_claim:
            return True
        name, equals, value = self.required_claim.partition("=")
        said = claim_at(claims, name)
        if not equals:
            return said is not None
        return value == said or value in (said.split(" ") if isinstance(said, str) else _list(said))


def role_mapping(entries: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The role mapping of entries such as `Verifier.Officer=officer`. Raises ValueError for any other form."""
    found = []
    for entry in entries:
        name, _, role = (part.strip() for part in entry.rpartition("="))
        if not name or role not in STAFF_ROLES:
            known = ", ".join(STAFF_ROLES)
            raise ValueError(f"{entry!r} is not the provider's name of a role, = and one of {known}")
        found.append((name, role))
    return tuple(found)


def claim_at(claims: object, path: str) -> object:
    """The claim with the name `path`. If there is none, `path` is read as a dotted path to a nested member.

    Returns None if there is no such member. A name may itself contain dots, such as https://bank.example/roles. So each
    step along the path takes the longest name that matches.
    """
    if not isinstance(claims, dict):
        return None
    if path in claims:
        return claims[path]
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        if name in claims:
            return claim_at(claims[name], ".".join(parts[length:]))
    return None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
