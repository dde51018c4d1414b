"""A stand-in for the bank's OpenID Connect issuer, with one key made at start. Carries out specs/protocol.md section 2.

It publishes its key; tokens are minted in the process that holds it, and by no network endpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey
from yarl import URL

LIFETIME_S = 3600


class DemoIssuer:
    """An issuer at `base_url`, whose routes belong at the root of the application that answers there."""

    def __init__(self, base_url: str, now: Callable[[], float] = time.time) -> None:
        self.issuer = base_url.rstrip("/")
        self._now = now
        self._key = ECKey.generate_key("P-256", auto_kid=True)

    def routes(self) -> list[web.RouteDef]:
        """The discovery document (OpenID Connect Discovery 1.0 section 4) and the key set (RFC 7517)."""
        path = URL(self.issuer).path.rstrip("/")
        return [
            web.get(f"{path}/.well-known/openid-configuration", self._configuration),
            web.get(f"{path}/jwks.json", self._jwks),
        ]

    def mint(self, audience: str, subject: str, roles: Iterable[str] = (), lifetime: int = LIFETIME_S) -> str:
        """A token for a subject; the audience says whether the service takes it for staff or a customer."""
        now = int(self._now())
        header = {"alg": "ES256", "typ": "JWT", "kid": self._key.kid}
        claims = {
            "iss": self.issuer,
            "aud": audience,
            "sub": subject,
            "roles": list(roles),
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(header, claims, self._key)

    async def _configuration(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/jwks.json",
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }
        )

    async def _jwks(self, request: web.Request) -> web.Response:
        public = self._key.as_dict(private=False, use="sig", alg="ES256")
        return web.json_response({"keys": [public]})
