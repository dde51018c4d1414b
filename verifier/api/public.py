"""Handlers of the public operations. They serve the log, keys and deployment's description, and check receipts.

Implements specs/protocol.md sections 8 and 11.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Annotated, Any, TypeAlias

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from verifier.api.documents import document
from verifier.api.operations import Asked
from verifier.core.checkpoint import parse_tile_path, shard_vkey
from verifier.core.errors import InvalidField, InvalidProof, NotFound
from verifier.core.evidence import LogKey
from verifier.core.merkle import TILE
from verifier.core.messages.confirmations import ReceiptChecked, VerifyReceipt
from verifier.core.purposes import ITEMS, NEVER_ASKS, PURPOSES
from verifier.core.shards import INDEX_BITS, MAX_SHARDS, origin_shard, shard_origin
from verifier.ledger.log import Log, count_shards
from verifier.ports import Reader
from verifier.service import Service

_encode = msgspec.json.Encoder().encode
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
_BRIEFLY = {"Cache-Control": "public, max-age=2"}
_KEYS_AGE = {"Cache-Control": "public, max-age=300"}
MAX_INDEX = 2**INDEX_BITS
CERTAIN_S = 1.0
# The type of the values is `Any`, because msgspec cannot make a JSON Schema for `object`.
JsonObject: TypeAlias = dict[str, Any]


class Description(Struct, frozen=True):
    """The description of a deployment. It has all data for verifying receipts, so save it as the trust file."""

    issuer: str
    jwks: JsonObject
    jwks_uri: str
    log: LogKey
    log_uri: str
    log_shards: tuple[LogKey, ...]
    receipt_verification_uri: str
    published_numbers: tuple[str, ...]
    purposes: dict[str, dict[str, str]]
    never_asks: dict[str, dict[str, str]]


class Jwks(Struct, frozen=True):
    """A JWK Set (RFC 7517)."""

    keys: tuple[JsonObject, ...]


class Sizes(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of `log_consistency`: the sizes of two checkpoints of a shard. `old` must not be larger than `new`."""

    old: Annotated[int, Meta(ge=1, le=MAX_INDEX)]
    new: Annotated[int, Meta(ge=1, le=MAX_INDEX)]
    shard: Annotated[int, Meta(ge=0, lt=MAX_SHARDS)] = 0


class Consistency(Struct, frozen=True):
    """The proof that the log of size `new` extends the log of size `old` (RFC 6962 section 2.1.2).

    `hashes` are in base64.
    """

    old: int
    new: int
    hashes: tuple[str, ...]


class Public:
    """The handlers of all operations that need no login."""

    def __init__(self, storage: Reader) -> None:
        self._storage = storage
        self._latest: dict[int, tuple[float, asyncio.Future[str]]] = {}

    async def checkpoint(self, service: Service, asked: Asked[None, None]) -> web.Response:
        """The latest durable checkpoint of a shard.

        A checkpoint is reused for `CERTAIN_S` seconds. So all clients together cause at most one commit a second in
        each shard.
        """
        shard, now = self._shard(asked.path), asyncio.get_running_loop().time()
        asked_at, latest = self._latest.get(shard, (now, None))
        if latest is None or (latest.done() and now - asked_at >= CERTAIN_S):
            latest = asyncio.ensure_future(service.context.writer.checkpoint(shard))
            # Read the exception even if no client waits for it any more. Otherwise, asyncio logs it as never retrieved.
            latest.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._latest[shard] = now, latest
        return web.Response(text=await asyncio.shield(latest), headers=_BRIEFLY)

    async def tile(self, service: Service, asked: Asked[None, None]) -> web.Response:
        try:
            level, index, width = parse_tile_path("tile/" + asked.path["path"])
        except ValueError as error:
            raise NotFound("there is no such tile") from error
        if index >= MAX_INDEX // TILE:
            raise NotFound("the log has no such tile")
        log = Log(self._storage, self._shard(asked.path))
        body = await (log.bundle(index, width) if level is None else log.tile(level, index, width))
        return document(asked.request, body, "application/octet-stream", _IMMUTABLE)

    async def consistency(self, service: Service, asked: Asked[None, Sizes]) -> Consistency:
        try:
            hashes = await Log(self._storage, asked.query.shard).consistency_proof(asked.query.old, asked.query.new)
        except InvalidProof as error:
            raise InvalidField.at("/old", error.detail) from error
        return Consistency(asked.query.old, asked.query.new, tuple(b64encode(each).decode() for each in hashes))

    def _shard(self, path: dict[str, str]) -> int:
        """The number of the shard that a path names, or 0 if the path names no shard.

        Raises NotFound for an invalid name.
        """
        shard = origin_shard(f"/{path['shard']}", "") if "shard" in path else 0
        if shard is None:
            raise NotFound("the log has no such shard")
        return shard

    async def verify_receipt(self, service: Service, asked: Asked[VerifyReceipt, None]) -> ReceiptChecked:
        return service.receipts.verify(asked.body)

    async def jwks(self, service: Service, asked: Asked[None, None]) -> web.Response:
        return _json(service.context.ring.jwks(), _KEYS_AGE)

    async def description(self, service: Service, asked: Asked[None, None]) -> web.Response:
        trust = service.context.trust()
        base = trust.issuer.rstrip("/")
        described = Description(
            issuer=trust.issuer,
            jwks=trust.jwks,
            jwks_uri=f"{base}/.well-known/jwks.json",
            log=trust.log,
            log_uri=f"{base}/log",
            log_shards=tuple(_of_shard(trust.log, shard) for shard in range(await count_shards(self._storage))),
            receipt_verification_uri=f"{base}/v1/receipts/verification",
            published_numbers=service.context.settings.published_numbers,
            purposes=PURPOSES,
            never_asks={item: ITEMS[item] for item in NEVER_ASKS},
        )
        return _json(described, _KEYS_AGE)


def _of_shard(log: LogKey, shard: int) -> LogKey:
    return LogKey(shard_origin(log.origin, shard), tuple(shard_vkey(each, shard) for each in log.keys))


def _json(content: object, headers: dict[str, str]) -> web.Response:
    return web.Response(body=_encode(content), content_type="application/json", headers=headers)
