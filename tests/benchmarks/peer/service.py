"""The peer: issue and confirm as a service of the usual kind does it, on the routes of ours.

    PEER_DATABASE=… PEER_KEY=… PEER_ISSUER=… uvicorn tests.benchmarks.peer.service:app

It promises
- people come with an ES256 JWT of the bank's provider, and a token is verified once
- the contact policy decides before there is a code: assignment, number on file, hours, daily cap, one open call
- the code is derived from the signed ticket and never stored, is checked in constant time, and works once
- three wrong codes lock a call, and every verdict has a receipt that is signed with ES256
- tickets and receipts are in a log table that only grows, and a retry gets its first answer
- everything is durable before it is answered

It leaves out what the usual stack does not give: a Merkle tree with checkpoints and proofs, encryption at rest,
authenticated rows, equal work for every refusal, request limits, metrics and log lines.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import json
import os
import secrets
import time
from base64 import b32encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import jwt
import pyotp
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy import bindparam, func, insert, select, update

from tests.benchmarks.peer.store import APPEND, Group, Writer, applications, calls, metadata, open_engine

ISSUER = os.environ["PEER_ISSUER"]
FIRST_HOUR, LAST_HOUR = (int(each) for each in os.environ.get("PEER_CONTACT_HOURS", "9-20").split("-"))
GROUP = int(os.environ.get("PEER_GROUP", "256"))
DAILY_CAP, LIFETIME_S, WRONG_CODES = 50, 600, 3
ZONE = ZoneInfo("Asia/Shanghai")

signing_key = load_pem_private_key(Path(os.environ["PEER_KEY"]).read_bytes(), None)
provider = jwt.PyJWKClient(f"{ISSUER}/jwks.json", cache_keys=True)
engine = open_engine(os.environ["PEER_DATABASE"])
writer = Writer(engine, GROUP)

_since = calls.c.application_id == applications.c.application_id
_callable = select(
    applications,
    select(func.count()).where(_since, calls.c.expires_at > bindparam("now")).scalar_subquery().label("open"),
    select(func.count()).where(_since, calls.c.issued_at >= bindparam("midnight")).scalar_subquery().label("today"),
).where(applications.c.application_id == bindparam("application_id"))
_candidates = (
    select(calls, applications)
    .join(applications)
    .where(applications.c.customer_id == bindparam("customer_id"), calls.c.expires_at > bindparam("now"))
)
_create = insert(calls)
_confirm = update(calls).where(calls.c.call_id == bindparam("this")).values(receipt=bindparam("given"))
_count_wrong = update(calls).where(calls.c.call_id == bindparam("this")).values(wrong_codes=calls.c.wrong_codes + 1)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as db:
        await db.run_sync(metadata.create_all)
        if name := os.environ.get("PEER_APPLICATIONS"):
            rows = [json.loads(line) for line in Path(name).read_text().splitlines()]
            await db.execute(insert(applications), [{**row, "key": secrets.token_bytes(32)} for row in rows])
    running = asyncio.create_task(writer.run())
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    yield
    running.cancel()
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


Number = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


class IssueCall(BaseModel):
    purpose: Annotated[str, StringConstraints(max_length=40)]
    number: Number
    caller_number: Number


class Confirm(BaseModel):
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")]


class Officer(BaseModel):
    id: str
    name: str
    branch: str


class Call(BaseModel):
    call_id: str
    officer: Officer
    purpose: str
    issued_at: datetime
    expires_at: datetime


class Code(BaseModel):
    digits: str
    expires_at: datetime


class Issued(BaseModel):
    call: Call
    ticket: str
    code: Code


class Verdict(BaseModel):
    verdict: str
    at: datetime
    given_before: bool
    call: Call | None
    receipt: str


# --- people ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=100_000)
def verified(token: str, audience: str) -> dict[str, Any]:
    key = provider.get_signing_key_from_jwt(token)
    required = {"require": ["exp", "sub"]}
    claims: dict[str, Any] = jwt.decode(token, key, ["ES256"], required, audience=audience, issuer=ISSUER)
    return claims


def person(authorization: str, audience: str) -> dict[str, Any]:
    try:
        claims = verified(authorization.removeprefix("Bearer "), audience)
    except jwt.PyJWTError as error:
        raise HTTPException(401, "invalid token") from error
    if claims["exp"] <= time.time():
        raise HTTPException(401, "the token has expired")
    return claims


async def officer(authorization: Annotated[str, Header()]) -> str:
    claims = person(authorization, "bank-staff")
    if "officer" not in claims.get("roles", ()):
        raise HTTPException(403, "only officers issue calls")
    return str(claims["sub"])


async def customer(authorization: Annotated[str, Header()]) -> str:
    return str(person(authorization, "bank-app")["sub"])


Key = Annotated[str, Header(alias="Idempotency-Key", min_length=16, max_length=128)]


# --- the two paths --------------------------------------------------------------------------------------------


@app.post("/v1/applications/{application_id}/calls")
async def issue(application_id: str, asked: IssueCall, me: Annotated[str, Depends(officer)], key: Key) -> Response:
    request = hashlib.sha256(f"{application_id} {asked.model_dump_json()}".encode()).digest()

    async def decide(group: Group) -> str:
        now = datetime.now(ZONE)
        at = int(now.timestamp())
        midnight = int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
        asking = {"application_id": application_id, "now": at, "midnight": midnight}
        row = (await group.db.execute(_callable, asking)).first()
        if row is None or row.officer_id != me:
            raise HTTPException(404, "no such application of yours")
        if asked.number != row.number or row.today >= DAILY_CAP or not FIRST_HOUR <= now.hour < LAST_HOUR:
            raise HTTPException(403, "the contact policy forbids this call")
        if row.open:
            raise HTTPException(409, "another call is open")
        call_id = f"call_{secrets.token_hex(16)}"
        named = Officer(id=row.officer_id, name=row.officer_name, branch=row.branch)
        facts = {"officer": named.model_dump(), "orig": asked.caller_number, "dest": asked.number}
        ticket = sign("call-ticket+jwt", call_id, at, purpose=asked.purpose, exp=at + LIFETIME_S, **facts)
        told = call_of(call_id, named, asked.purpose, at)
        group.stage(
            _create,
            call_id=call_id,
            application_id=application_id,
            purpose=asked.purpose,
            ticket=ticket,
            issued_at=at,
            expires_at=at + LIFETIME_S,
        )
        group.stage(APPEND, statement_id=call_id, statement=ticket)
        code = Code(digits=derive(row.key, ticket), expires_at=told.expires_at)
        return Issued(call=told, ticket=ticket, code=code).model_dump_json()

    return created(await writer.submit(f"{me} {key}", application_id, request, decide), 201)


@app.post("/v1/confirmations")
async def confirm(asked: Confirm, me: Annotated[str, Depends(customer)], key: Key) -> Response:
    async def decide(group: Group) -> str:
        at = int(time.time())
        rows = (await group.db.execute(_candidates, {"customer_id": me, "now": at})).all()
        live = [row for row in rows if row.wrong_codes < WRONG_CODES]
        right = [row for row in live if hmac.compare_digest(derive(row.key, row.ticket), asked.code)]
        if right and right[0].receipt:
            return verdict(at, right[0], right[0].receipt, given_before=True)
        receipt_id = f"rcpt_{secrets.token_hex(16)}"
        if right:
            ticket = hashlib.sha256(right[0].ticket.encode()).hexdigest()
            receipt = sign("call-receipt+jwt", receipt_id, at, verdict="genuine", call=right[0].call_id, ticket=ticket)
            group.stage(_confirm, this=right[0].call_id, given=receipt)
        else:
            receipt = sign("call-receipt+jwt", receipt_id, at, verdict="not_genuine", call=None)
            for row in live:
                group.stage(_count_wrong, this=row.call_id)
        group.stage(APPEND, statement_id=receipt_id, statement=receipt)
        return verdict(at, right[0] if right else None, receipt)

    request = hashlib.sha256(asked.code.encode()).digest()
    return created(await writer.submit(f"{me} {key}", me, request, decide), 200)


def sign(typ: str, jti: str, at: int, **claims: Any) -> str:
    return jwt.encode({"iss": ISSUER, "jti": jti, "iat": at, **claims}, signing_key, "ES256", {"typ": typ, "kid": "1"})


def derive(key: bytes, ticket: str) -> str:
    """The code of a call, for which the ticket and the application's key are enough."""
    secret = hmac.digest(key, ticket.encode(), "sha256")
    return pyotp.HOTP(b32encode(secret).decode(), digits=9, digest=hashlib.sha256).at(0)


def call_of(call_id: str, named: Officer, purpose: str, at: int) -> Call:
    issued_at, expires_at = (datetime.fromtimestamp(each, ZONE) for each in (at, at + LIFETIME_S))
    return Call(call_id=call_id, officer=named, purpose=purpose, issued_at=issued_at, expires_at=expires_at)


def verdict(at: int, row: Any, receipt: str, given_before: bool = False) -> str:
    word, told = "not_genuine", None
    if row is not None:
        named = Officer(id=row.officer_id, name=row.officer_name, branch=row.branch)
        word, told = "genuine", call_of(row.call_id, named, row.purpose, row.issued_at)
    when = datetime.fromtimestamp(at, ZONE)
    return Verdict(verdict=word, at=when, given_before=given_before, call=told, receipt=receipt).model_dump_json()


def created(answer: str, status: int) -> Response:
    return Response(answer, status, media_type="application/json")


@app.get("/v1/me/call-status")
async def call_status(me: Annotated[str, Depends(customer)]) -> dict[str, bool]:
    async with engine.connect() as db:
        found = await db.execute(_candidates, {"customer_id": me, "now": int(time.time())})
        return {"calling": found.first() is not None}
