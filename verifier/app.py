"""Builds the service and its adapters from the settings. No other module knows all adapters."""

from __future__ import annotations

import os
import time
from pathlib import Path

import aiohttp
from aiohttp import web

from verifier.api.authentication import Authentication
from verifier.api.http_server import public_app
from verifier.api.issuers import TrustedIssuer, role_mapping
from verifier.api.pages import Facts, SignIn, read_theme
from verifier.api.routes import operations
from verifier.api.theme import BadTheme, Theme
from verifier.api.throttle import SLIPS, Throttle
from verifier.api.tokens import TokenVerifier
from verifier.clock import CheckedClock
from verifier.config import BadSettings, Config, listed
from verifier.core.checkpoint import MAX_NOTE
from verifier.core.errors import Unavailable
from verifier.core.limits import Limit
from verifier.files import read_bounded
from verifier.identity import FileIdentitySigner
from verifier.keys import FileKeyRing
from verifier.ledger.log import check_seen
from verifier.ports import Damaged, Storage
from verifier.service import Context, Service
from verifier.storage import TIMEOUT_S, open_storage
from verifier.storage.migrate import check_schema
from verifier.voice import Conversations, Dialect, Transfers, TwiML, VoiceXML


def now_ms() -> int:
    """The wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def running_ms() -> int:
    """A monotonic clock in milliseconds, for rate limits.

    Setting the wall clock back would lock people out, so rate limits do not use the wall clock.
    """
    return time.monotonic_ns() // 1_000_000


async def open_service(config: Config, timeout_s: float = TIMEOUT_S) -> Service:
    """Open the database and the key ring. Returns a service that uses them. The caller must start the service.

    Raises a VerifierError whose `detail` can be shown to the operator.
    """
    ring = FileKeyRing(Path(config.key_ring), config.origin)
    signer = _identity_signer(config)
    storage = await _open_checked(config, timeout_s)
    clock = CheckedClock(now_ms, running_ms)
    return Service(
        Context(config.service_settings(), storage, ring, clock, os.urandom, clock.check_skew, running_ms), signer
    )


def _identity_signer(config: Config) -> FileIdentitySigner | None:
    if not config.identity_key:
        return None
    try:
        return FileIdentitySigner(Path(config.identity_key), config.identity_x5u)
    except ValueError as error:
        raise BadSettings(f"VERIFIER_IDENTITY_KEY or VERIFIER_IDENTITY_X5U: {error}") from error


async def _open_checked(config: Config, timeout_s: float) -> Storage:
    scheme, _, path = config.database.partition(":")
    if scheme == "sqlite" and not Path(path).exists():
        raise Unavailable(
            f"the database file {path} does not exist; check the path. `verifier migrate` makes a new one"
        )
    try:
        storage = await open_storage(config.database, timeout_s, production=config.env == "production")
    except ValueError as error:
        raise BadSettings(f"VERIFIER_DATABASE: {error}") from error
    try:
        await check_schema(storage)
    except BaseException:
        await storage.close()
        raise
    return storage


async def check_damage(context: Context) -> None:
    """Raise Damaged if the database file is damaged. For a large file, the check takes a while."""
    found = await context.storage.damage()
    if found:
        raise Damaged(found[0])


async def check_seen_files(config: Config, context: Context) -> None:
    """Raise RolledBack if the database is older than a checkpoint in one of the files of VERIFIER_LOG_SEEN.

    Raises BadSettings if one of these files cannot be read.
    """
    for path in listed(config.log_seen):
        try:
            note = read_bounded(Path(path), MAX_NOTE).decode("utf-8")
        except (OSError, ValueError) as error:
            raise BadSettings(f"VERIFIER_LOG_SEEN: {path}: {error}") from error
        await check_seen(context.storage, note, context.ring.log_keys(), config.origin)


def compose_public_app(config: Config, service: Service, authentication: Authentication) -> web.Application:
    """Build the application for the public port: the API, its documentation, the pages and the voice dialects."""
    people = Throttle("people", Limit(config.requests_per_minute, 60_000), running_ms)
    table = operations(service.context.storage, Throttle("slips", SLIPS, running_ms))
    elsewhere = listed(config.component_origins)
    app = public_app(service, table, authentication, people, page_facts(config), page_theme(config), elsewhere)
    transfers = Transfers(config.officer_uri, config.fraud_desk_uri)
    for dialect in _dialects(config):
        Conversations(service, dialect, transfers, config.issuer).add_to(app.router)
    return app


def _dialects(config: Config) -> list[Dialect]:
    """The voice dialects to serve. A dialect is served if the settings have a password or a token for it."""
    dialects: list[Dialect] = []
    if config.voicexml_password:
        dialects.append(VoiceXML(config.voicexml_password))
    if config.twiml_token:
        dialects.append(TwiML(config.twiml_token))
    return dialects


def page_facts(config: Config) -> tuple[Facts, Facts] | None:
    """Two values: the facts for the pages of staff, and the facts for the customer's page.

    Returns None if the pages are switched off. If the settings have no client id for a page, it is the first audience
    of the page's issuer.
    """
    if not config.pages:
        return None

    def facts(sign_in: SignIn, caller_numbers: tuple[str, ...] = ()) -> Facts:
        offered = sign_in if sign_in.issuer else None
        framed = listed(config.frame_ancestors)
        return Facts(config.bank_name, offered, listed(config.published_numbers), caller_numbers, framed)

    staff = config.staff_client_id or "".join(listed(config.staff_audience)[:1])
    customers = config.customer_client_id or "".join(listed(config.customer_audience)[:1])
    officer = SignIn(config.staff_issuer, staff, config.staff_scope, config.staff_resource)
    app = SignIn(config.customer_issuer, customers, config.customer_scope, config.customer_resource)
    return facts(officer, listed(config.caller_numbers)), facts(app)


def page_theme(config: Config) -> Theme | None:
    """The bank's own look, or None. Raises BadSettings."""
    if not config.theme_file:
        return None
    try:
        return read_theme(Path(config.theme_file))
    except BadTheme as error:
        raise BadSettings(f"VERIFIER_THEME_FILE: {error.detail}") from error


def token_verifier(config: Config, session: aiohttp.ClientSession) -> TokenVerifier:
    """Make the verifier of bearer tokens from these settings. Raises BadSettings."""
    try:
        return TokenVerifier(trusted_issuers(config), lambda: session, time.time, config.token_recheck_seconds)
    except ValueError as error:
        raise BadSettings(f"VERIFIER_STAFF_… or VERIFIER_CUSTOMER_…: {error}") from error


def trusted_issuers(config: Config) -> tuple[TrustedIssuer, ...]:
    """The OpenID providers of staff and of customers. Raises ValueError for a role mapping that cannot be read."""
    issuers = []
    if config.staff_issuer:
        issuers.append(
            TrustedIssuer(
                kind="staff",
                issuer=config.staff_issuer,
                audiences=listed(config.staff_audience),
                jwks_url=config.staff_jwks_url,
                algorithms=listed(config.staff_algorithms),
                id_claim=config.staff_id_claim,
                roles_claim=config.staff_roles_claim,
                roles=role_mapping(listed(config.staff_roles)),
                require_at_jwt=config.staff_require_at_jwt,
                required_claim=config.staff_required_claim,
            )
        )
    if config.customer_issuer:
        issuers.append(
            TrustedIssuer(
                kind="customer",
                issuer=config.customer_issuer,
                audiences=listed(config.customer_audience),
                jwks_url=config.customer_jwks_url,
                algorithms=listed(config.customer_algorithms),
                id_claim=config.customer_id_claim,
                require_at_jwt=config.customer_require_at_jwt,
                required_claim=config.customer_required_claim,
            )
        )
    return tuple(issuers)
