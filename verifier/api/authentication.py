"""Authenticates callers by a bearer token, a signed request, or a client certificate that a proxy passes on.

Implements specs/protocol.md section 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web
from msgspec import Struct

from verifier.api.signed_requests import SignedRequestVerifier, certificate_principal
from verifier.api.systems import System
from verifier.api.tokens import TokenVerifier
from verifier.core.errors import Forbidden, InsufficientUserAuthentication, Unauthenticated
from verifier.core.principal import Principal


class Strength(Struct, frozen=True):
    """How strongly staff must have signed in for an operation with `step_up`. An empty member asks for nothing.

    The token must have one of these values of `acr`, and at least one of these methods in `amr` (RFC 8176).
    """

    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()

    def check(self, principal: Principal) -> None:
        """Raise InsufficientUserAuthentication for a member of staff who has not signed in this strongly."""
        if principal.kind != "staff":
            return
        missing = []
        if self.acr and principal.acr not in self.acr:
            missing.append(f"acr {' or '.join(self.acr)}")
        if self.amr and principal.amr.isdisjoint(self.amr):
            missing.append(f"amr {' or '.join(self.amr)}")
        if missing:
            detail = f"staff need a sign-in with {', and '.join(missing)}"
            raise InsufficientUserAuthentication(detail, acr_values=self.acr)


class Authentication:
    """Authenticates each caller by a token, a signature or a client certificate, whichever the request has.

    If `client_cert_header` is true, the client certificate in the header `Client-Cert` (RFC 9440) is trusted. Set it
    only behind a proxy that sets this header itself. `now` returns epoch seconds. `strength` is for operations with
    `step_up`.
    """

    def __init__(
        self,
        tokens: TokenVerifier,
        systems: tuple[System, ...],
        now: Callable[[], float],
        *,
        client_cert_header: bool,
        public_url: str | None,
        strength: Strength,
    ) -> None:
        self.strength = strength
        self._tokens = tokens
        self._now = now
        self.adopt(systems)
        self._client_cert_header = client_cert_header
        self._public_url = public_url

    def adopt(self, systems: tuple[System, ...]) -> None:
        """Accept these systems from now on, and no others."""
        self._systems = systems
        self._signatures = SignedRequestVerifier(systems, self._now)

    async def identify(self, request: web.Request, body: bytes) -> Principal:
        """Authenticate the caller of a request.

        Raises Unauthenticated. Raises Unavailable if the keys of the identity provider cannot be fetched.
        """
        authorization = request.headers.getall("Authorization", [])
        if authorization:
            scheme, _, token = authorization[0].partition(" ")
            if len(authorization) > 1 or scheme.lower() != "bearer":
                raise Unauthenticated("the Authorization header must be one bearer token")
            return await self._tokens.verify(token.strip())
        if "Signature-Input" in request.headers:
            return self._signatures.verify(request, body, self._public_url)
        if self._client_cert_header and "Client-Cert" in request.headers:
            return certificate_principal(request, self._systems)
        raise Unauthenticated("a bearer token or a signed request is needed")

    def refusal(self, principal: Principal, who: Iterable[str]) -> Forbidden:
        """Make the error for a caller who has none of the grants in `who`.

        The `reason` of the error lists the grants that the caller has. Only the log shows the `reason`.
        """
        needed = f"this is for {', '.join(sorted(who))}"
        granted = ", ".join(sorted(principal.grants)) or "nothing"
        where = f" by the claim {self._tokens.roles_claim(principal.issuer)}" if principal.kind == "staff" else ""
        return Forbidden(needed, reason=f"{needed}; {principal.kind} is granted {granted}{where}")
