"""The checks of `verifier check`. They look for problems in a deployment before a node starts.

The checks try each part as `serve` would use it. They write nothing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Literal

import aiohttp
from msgspec import Struct

from verifier.api.key_sets import KeySet
from verifier.api.systems import System, load_systems
from verifier.app import check_damage, check_seen_files, open_service, page_theme, token_verifier
from verifier.config import BadSettings, Config, address, listed, load
from verifier.core import key_uses
from verifier.core.errors import VerifierError
from verifier.keys import KeyRingError

Result = Literal["ok", "missing", "wrong"]


_SCOPES = {
    "applications": "only `verifier import` can register applications",
    "legs": "no telephone exchange can report that a call is connected",
    "ivr": "customers can check a code by telephone only through VoiceXML or TwiML",
}
_WANTED = {
    "staff_issuer": "no officer can sign in",
    "customer_issuer": "no customer can sign in to check a code",
    "caller_numbers": "officers must type the number they call from, and any number is accepted",
    "published_numbers": "customers are not told which number to ring",
    "bank_name": "the pages show the host instead of the bank's name",
}


class Finding(Struct, frozen=True):
    """The result for one part of a deployment. A part that is `missing` does not keep a node from starting."""

    result: Result
    part: str
    detail: str


async def preflight(environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Check each part of the deployment that these settings describe."""
    try:
        config = load(environment)
    except BadSettings as error:
        for problem in error.problems:
            yield Finding("wrong", "settings", problem)
        return
    yield Finding("ok", "settings", f"{config.issuer}, {config.env}, legs {config.leg_mode}")
    async for finding in _database(config):
        yield finding
    for name, listen in (("public", config.listen), ("admin", config.admin_listen)):
        yield await _port(name, listen)
    async with aiohttp.ClientSession() as session:
        try:
            page_theme(config)
            token_verifier(config, session)
        except BadSettings as error:
            yield Finding("wrong", "settings", error.detail)
        for part, issuer, jwks_url, algorithms in _issuers(config):
            yield await _issuer(part, issuer, KeySet(issuer, jwks_url, lambda: session, time.time), listed(algorithms))
    for finding in (*_systems(config), *_missing(config)):
        yield finding


async def _database(config: Config) -> AsyncIterator[Finding]:
    """Check the key ring and the database with its log. Also check how often the active key-encryption key was used."""
    try:
        service = await open_service(config)
        try:
            await check_damage(service.context)
            await service.context.writer.rehearse()
            await check_seen_files(config, service.context)
            kid = service.context.ring.encrypting()
            uses = (await service.key_uses.totals()).get(kid, 0)
        finally:
            await service.context.storage.close()
    except VerifierError as error:
        parts: dict[type[VerifierError], str] = {KeyRingError: "key ring", BadSettings: "settings"}
        yield Finding("wrong", parts.get(type(error), "database"), error.detail)
        return
    yield Finding(
        "ok", "database", f"takes writes; its log is {config.origin}, signed with the key ring {config.key_ring}"
    )

    if advice := key_uses.verdict(uses):
        result: Result = "wrong" if uses >= key_uses.ROTATED_BEFORE else "missing"
        yield Finding(result, "key uses", f"the active key-encryption key {kid} has {uses} uses: {advice}")


async def _port(name: str, listen: str) -> Finding:
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, *address(listen))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else "the host is not known"
        if error.errno == errno.EADDRINUSE:
            reason += "; if this node is running, nothing is wrong"
        return Finding("wrong", f"{name} port", f"cannot listen on {listen}: {reason}")
    server.close()
    return Finding("ok", f"{name} port", f"{listen} is free")


def _issuers(config: Config) -> Iterator[tuple[str, str, str, str]]:
    if config.staff_issuer:
        yield "staff issuer", config.staff_issuer, config.staff_jwks_url, config.staff_algorithms
    if config.customer_issuer:
        yield "customer issuer", config.customer_issuer, config.customer_jwks_url, config.customer_algorithms


async def _issuer(part: str, issuer: str, keys: KeySet, algorithms: tuple[str, ...]) -> Finding:
    try:
        usable = await keys.probe(algorithms)
    except VerifierError as error:
        return Finding("wrong", part, error.detail)
    if not usable:
        return Finding("wrong", part, f"{issuer} publishes no key for {', '.join(algorithms)}")
    return Finding("ok", part, f"{issuer} publishes {usable} usable keys")


def _systems(config: Config) -> Iterator[Finding]:
    """Check the systems file. Yields a finding for each scope that no system has."""
    systems: tuple[System, ...] = ()
    if config.systems:
        try:
            systems = load_systems(Path(config.systems))
        except VerifierError as error:
            yield Finding("wrong", "systems", error.detail)
            return
        yield Finding("ok", "systems", ", ".join(system.id for system in systems) or "the file has no systems")
    scopes = {scope for system in systems for scope in system.scopes}
    for scope, consequence in _SCOPES.items():
        if scope not in scopes and not (scope == "legs" and config.leg_mode == "off"):
            yield Finding("missing", "systems", f"no system has the scope {scope}: {consequence}")


def _missing(config: Config) -> Iterator[Finding]:
    """Find settings that have no value. A node can start without them, but a bank will want them."""
    if config.database.startswith("postgres") and "sslmode=" not in config.database:
        yield Finding(
            "missing", "VERIFIER_DATABASE", "no sslmode, so the connection may not use TLS: add sslmode=verify-full"
        )
    for kind in ("staff", "customer"):
        distinguished = getattr(config, f"{kind}_require_at_jwt") or getattr(config, f"{kind}_required_claim")
        if getattr(config, f"{kind}_issuer") and not distinguished:
            name = f"VERIFIER_{kind.upper()}_REQUIRE_AT_JWT"
            yield Finding("missing", name, "only their claims tell ID tokens from access tokens")
    for name, consequence in _WANTED.items():
        if not getattr(config, name):
            yield Finding("missing", f"VERIFIER_{name.upper()}", consequence)
