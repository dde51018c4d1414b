"""The bank's OpenID Connect issuers, as the settings describe them. Implements specs/protocol.md section 2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from verifier.core.principal import STAFF_ROLES

# "EdDSA" is accepted as the old name of Ed25519, and for no other curve. RFC 9864 deprecates the name, but some
# providers still send it.
SIGNATURE_ALGORITHMS = frozenset(
    ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "Ed25519", "EdDSA"]
)
DEFAULT_ALGORITHMS = ("ES256", "RS256", "PS256", "Ed25519")


class TrustedIssuer(Struct, frozen=True, forbid_unknown_fields=True):
    """An OpenID Connect issuer. Its access tokens for one of `audiences` identify principals of `kind`.

    Without `jwks_url`, OpenID Connect Discovery finds the keys. `roles` maps the provider's names of roles to our
    names. If `roles` is empty, the provider must use our names. `required_claim` is a claim that every token must have.
    In the form `name=value`, the claim must also have this value. Raises ValueError if a member is missing or invalid.
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
        """The caller's id: the value of the claim `id_claim`. None if the token does not have this claim."""
        return claim_at(claims, self.id_claim)

    def granted(self, claims: dict[str, object]) -> frozenset[str]:
        """The staff roles that the token grants. They have our names, not the provider's names."""
        said = claim_at(claims, self.roles_claim)
        listed = said if isinstance(said, list) else [said]
        pairs = self.roles or tuple((role, role) for role in STAFF_ROLES)
        return frozenset(role for name, role in pairs if name in listed)

    def meets_requirement(self, claims: dict[str, object]) -> bool:
        """Whether the token has the required claim, with the required value if the settings name one.

        The value of the claim may be a string of several words, or a list. Then one word or one item must be the
        required value.
        """
        if not self.required_claim:
            return True
        name, equals, value = self.required_claim.partition("=")
        said = claim_at(claims, name)
        if not equals:
            return said is not None
        return value == said or value in (said.split(" ") if isinstance(said, str) else _list(said))


def role_mapping(entries: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Parse entries such as `Verifier.Officer=officer` to pairs: the provider's name of a role, and our name of it.

    Raises ValueError for an entry that does not have this form.
    """
    found = []
    for entry in entries:
        name, _, role = (part.strip() for part in entry.rpartition("="))
        if not name or role not in STAFF_ROLES:
            known = ", ".join(STAFF_ROLES)
            raise ValueError(f"{entry!r} is not the provider's name of a role, = and one of {known}")
        found.append((name, role))
    return tuple(found)


def claim_at(claims: object, path: str) -> object:
    """The value of the claim with the name `path`. Without such a claim, the names in `path` lead to a nested claim.

    Dots separate the names. Returns None if there is no such claim. A name may itself contain dots, such as
    https://bank.example/roles. So each step takes the longest name that the token has.
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
