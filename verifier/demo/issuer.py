"""A stand-in for the bank's OpenID provider. People choose who they are from a list, without a password.

Implements specs/protocol.md section 2: the code flow of OpenID Connect with PKCE (RFC 7636), for pages that cannot keep
a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from urllib.parse import urlencode

import jinja2
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey
from msgspec import Struct
from yarl import URL

from verifier.core.octets import base64url

LIFETIME_S = 3600
CODE_LIFETIME_S = 60
COOKIE = "demo-sign-in"
# The one authentication context beside the plain one: phishing-resistant (OpenID Connect EAP ACR Values 1.0).
STRONG = "phr"
_OPEN_TO_PAGES = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
_templates = jinja2.Environment(loader=jinja2.PackageLoader("verifier.demo", "templates"), autoescape=True)


class Person(Struct, frozen=True):
    """A person who can sign in."""

    subject: str
    name: str
    roles: tuple[str, ...] = ()


class Client(Struct, frozen=True):
    """A page, or several, that people sign in to. The client id is also the audience of the tokens."""

    client_id: str
    redirect_uris: tuple[str, ...]
    people: tuple[Person, ...]


class _SignIn(Struct, frozen=True):
    """How a person has signed in. If `acr` is `STRONG`, they used a security key. Otherwise it is empty."""

    person: Person
    acr: str

    def claims(self) -> dict[str, object]:
        """The claims about this sign-in. In the demo, a plain sign-in has no method."""
        return {"acr": self.acr, "amr": ["hwk"]} if self.acr else {}


class _Granted(Struct, frozen=True):
    """What an authorization code stands for. A page can redeem each code only once."""

    client: Client
    redirect_uri: str
    sign_in: _SignIn
    challenge: str
    nonce: str
    until: float


class DemoIssuer:
    """An OpenID issuer with a new signing key. Serve `routes` on the server that has the address `base_url`."""

    def __init__(self, base_url: str, now: Callable[[], float] = time.time, clients: Iterable[Client] = ()) -> None:
        self.issuer = base_url.rstrip("/")
        self._now = now
        self._key = ECKey.generate_key("P-256", auto_kid=True)
        self._clients = {client.client_id: client for client in clients}
        self._granted: dict[str, _Granted] = {}
        self._signed_in: dict[str, dict[str, _SignIn]] = {}

    def routes(self) -> list[web.RouteDef]:
        """The discovery document (OpenID Connect Discovery 1.0 section 4), the key set (RFC 7517) and the code flow."""
        path = URL(self.issuer).path.rstrip("/")
        return [
            web.get(f"{path}/.well-known/openid-configuration", self._configuration),
            web.get(f"{path}/jwks.json", self._jwks),
            web.get(f"{path}/authorize", self._authorize),
            web.post(f"{path}/authorize", self._choose),
            web.post(f"{path}/token", self._token),
            web.get(f"{path}/end-session", self._end_session),
        ]

    def mint(
        self,
        audience: str,
        subject: str,
        roles: Iterable[str] = (),
        lifetime: int = LIFETIME_S,
        **claims: object,
    ) -> str:
        """Make an access token for a subject.

        The audience tells the service whether the subject is staff or a customer. `lifetime` is in seconds. `claims`
        are more claims of the token.
        """
        return self._access_token({"aud": audience, "sub": subject, "roles": list(roles), **claims}, lifetime)

    def _access_token(self, claims: dict[str, object], lifetime: int) -> str:
        """Make an access token (RFC 9068 section 2)."""
        more = {"client_id": claims["aud"], "jti": secrets.token_urlsafe(12)}
        return self._mint("at+jwt", {**claims, **more}, lifetime)

    def _mint(self, typ: str, claims: dict[str, object], lifetime: int) -> str:
        now = int(self._now())
        header = {"alg": "ES256", "typ": typ, "kid": self._key.kid}
        return jwt.encode(header, {"iss": self.issuer, "iat": now, "exp": now + lifetime, **claims}, self._key)

    async def _configuration(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "end_session_endpoint": f"{self.issuer}/end-session",
                "jwks_uri": f"{self.issuer}/jwks.json",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
                "authorization_response_iss_parameter_supported": True,
                "acr_values_supported": [STRONG],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            },
            headers=_OPEN_TO_PAGES,
        )

    async def _jwks(self, request: web.Request) -> web.Response:
        public = self._key.as_dict(private=False, use="sig", alg="ES256")
        return web.json_response({"keys": [public]}, headers=_OPEN_TO_PAGES)

    # --- the code flow ------------------------------------------------------------------------------------

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        client = self._client(request)
        strong = _asks_for_strong(request)
        known = self._signed_in.get(request.cookies.get(COOKIE, ""), {}).get(client.client_id)
        # Somebody who has signed in less strongly than the page asks for signs in again.
        if known is not None and request.query.get("prompt") != "login" and (known.acr == STRONG or not strong):
            raise self._return(request, client, known)
        page = _templates.get_template("sign-in.html").render(client=client, strong=strong)
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": _POLICY})

    async def _choose(self, request: web.Request) -> web.StreamResponse:
        client = self._client(request)
        chosen = (await request.post()).get("subject")
        person = next((each for each in client.people if each.subject == chosen), None)
        if person is None:
            raise web.HTTPBadRequest(text="no person with this subject can sign in here")
        session = request.cookies.get(COOKIE, "")
        if session not in self._signed_in:
            session = secrets.token_urlsafe(24)
        sign_in = _SignIn(person, STRONG if _asks_for_strong(request) else "")
        self._signed_in.setdefault(session, {})[client.client_id] = sign_in
        found = self._return(request, client, sign_in)
        found.set_cookie(COOKIE, session, httponly=True, samesite="Lax")
        raise found

    def _client(self, request: web.Request) -> Client:
        asked = request.query
        client = self._clients.get(asked.get("client_id", ""))
        if client is None or asked.get("redirect_uri") not in client.redirect_uris:
            raise web.HTTPBadRequest(text="no page with this address is known here")
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            raise web.HTTPBadRequest(text="only the code flow with PKCE (S256) is supported here")
        return client

    def _return(self, request: web.Request, client: Client, sign_in: _SignIn) -> web.HTTPSeeOther:
        code = secrets.token_urlsafe(32)
        asked = request.query
        until = self._now() + CODE_LIFETIME_S
        to = asked["redirect_uri"]
        challenge, nonce = asked.get("code_challenge", ""), asked.get("nonce", "")
        self._granted[code] = _Granted(client, to, sign_in, challenge, nonce, until)
        answer = {"code": code, "state": asked.get("state", ""), "iss": self.issuer}
        return web.HTTPSeeOther(f"{to}?{urlencode(answer)}", headers={"Referrer-Policy": "no-referrer"})

    async def _token(self, request: web.Request) -> web.Response:
        asked = await request.post()
        granted = self._granted.pop(str(asked.get("code", "")), None)
        verifier = str(asked.get("code_verifier", ""))
        challenge = base64url(hashlib.sha256(verifier.encode()).digest())
        if (
            asked.get("grant_type") != "authorization_code"
            or granted is None
            or self._now() >= granted.until
            or asked.get("client_id") != granted.client.client_id
            or asked.get("redirect_uri") != granted.redirect_uri
            or not hmac.compare_digest(challenge, granted.challenge)
        ):
            return web.json_response({"error": "invalid_grant"}, status=400, headers=_OPEN_TO_PAGES)
        person, audience = granted.sign_in.person, granted.client.client_id
        named = {"aud": audience, "sub": person.subject, "name": person.name, **granted.sign_in.claims()}
        answer = {
            "access_token": self._access_token({**named, "roles": list(person.roles)}, LIFETIME_S),
            "id_token": self._mint("JWT", {**named, "nonce": granted.nonce}, LIFETIME_S),
            "token_type": "Bearer",
            "expires_in": LIFETIME_S,
        }
        return web.json_response(answer, headers=_OPEN_TO_PAGES)

    async def _end_session(self, request: web.Request) -> web.StreamResponse:
        """Sign out (OpenID Connect RP-Initiated Logout 1.0). Sends the browser back to the page."""
        client = self._clients.get(request.query.get("client_id", ""))
        if client is None:
            raise web.HTTPBadRequest(text="no page with this client id is known here")
        self._signed_in.get(request.cookies.get(COOKIE, ""), {}).pop(client.client_id, None)
        to = request.query.get("post_logout_redirect_uri", "")
        raise web.HTTPSeeOther(to if to in client.redirect_uris else client.redirect_uris[0])


def _asks_for_strong(request: web.Request) -> bool:
    """Whether the page asks for a strong sign-in (OpenID Connect Core 1.0 section 3.1.2.1)."""
    return STRONG in request.query.get("acr_values", "").split(" ")
