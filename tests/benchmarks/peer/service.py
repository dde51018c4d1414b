"""The peer: issue and confirm as a service of the usual kind does them, on the same routes as ours.

    PEER_DATABASE=… PEER_KEY=… PEER_ISSUER=… uvicorn tests.benchmarks.peer.service:app

What it promises, as ours:

- people come with an ES256 JWT of the bank's provider; a token is verified once
- the contact policy decides before there is a code: assignment, number on file, hours, daily cap, one open call
- the code is derived from the signed ticket, is never stored, is compared in constant time, and works once
- three wrong codes lock a call, and every verdict has a receipt; tickets and receipts are signed with ES256
- tickets and receipts are in a log table that only grows, and a retry gets its first answer
- everything is durable before it is answered

What it leaves out: Merkle tree, checkpoints and proofs; encryption at rest and authenticated rows; the same work for
every refusal; rate limits; metrics and log lines.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import json
import os
import secrets
import sys
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
import sqlalchemy as sa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, StringConstraints

from tests.benchmarks.peer.store import Group, Writer, applications, calls, log, metadata, open_engine

ISSUER = os.environ["PEER_ISSUER"]
FIRST_HOUR, LAST_HOUR = (int(each) for each in os.environ.get("PEER_CONTACT_HOURS", "9-20").split("-"))
DAILY_CAP, LIFETIME_S, WRONG_CODES = 50, 600, 3
ZONE = ZoneInfo("Asia/Shanghai")

signing_key = load_pem_private_key(Path(os.environ["PEER_KEY"]).read_bytes(), None)
provider = jwt.PyJWKClient(f"{ISSUER}/jwks.json", cache_keys=True)
engine = open_engine(os.environ["PEER_DATABASE"])
writer = Writer(engine, int(os.environ.get("PEER_GROUP", "256")))

_of_application = sa.select(sa.func.count()).where(calls.c.application_id == applications.c.application_id)
CALLABLE = sa.select(
    applications,
    _of_application.where(calls.c.expires_at > sa.bindparam("now")).scalar_subquery().label("open"),
    _of_application.where(calls.c.issued_at >= sa.bindparam("midnight")).scalar_subquery().label("today"),
).where(applications.c.application_id == sa.bindparam("application_id"))
CANDIDATES = (
    sa.select(calls, applications)
    .join(applications)
    .where(applications.c.customer_id == sa.bindparam("customer_id"), calls.c.expires_at > sa.bindparam("now"))
)
_this = calls.c.call_id == sa.bindparam("this")
CREATE, APPEND = sa.insert(calls), sa.insert(log)
CONFIRM = sa.update(calls).where(_this).values(receipt=sa.bindparam("given"))
COUNT_WRONG = sa.update(calls).where(_this).values(wrong_codes=calls.c.wrong_codes + 1)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as db:
        await db.run_sync(metadata.create_all)
        if name := os.environ.get("PEER_APPLICATIONS"):
            rows = [json.loads(line) for line in Path(name).read_text().splitlines()]
            await db.execute(sa.insert(applications), [{**row, "key": secrets.token_bytes(32)} for row in rows])
    running = asyncio.create_task(writer.run())
    # As ours: fewer collections, and quicker turns between the threads.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    sys.setswitchinterval(0.0005)
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


@app.post("/v1/applications/{application_id}/calls")
async def issue(application_id: str, asked: IssueCall, me: Annotated[str, Depends(officer)], key: Key) -> Response:
    async def decide(group: Group) -> str:
        now = datetime.now(ZONE)
        at = int(now.timestamp())
        midnight = int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
        asking = {"application_id": application_id, "now": at, "midnight": midnight}
        row = (await group.db.execute(CALLABLE, asking)).first()
        if row is None or row.officer_id != me:
            raise HTTPException(404, "no such application of yours")
        if asked.number != row.number or row.today >= DAILY_CAP or not FIRST_HOUR <= now.hour < LAST_HOUR:
            raise HTTPException(403, "the contact policy forbids this call")
        if row.open:
            raise HTTPException(409, "another call is open")
        call_id, until = f"call_{secrets.token_hex(16)}", at + LIFETIME_S
        told = call_of(row, call_id, asked.purpose, at)
        numbers = {"orig": asked.caller_number, "dest": asked.number}
        facts = {"exp": until, "purpose": asked.purpose, "officer": told.officer.model_dump(), **numbers}
        ticket = sign("call-ticket+jwt", call_id, at, **facts)
        times = {"issued_at": at, "expires_at": until}
        named = {"call_id": call_id, "application_id": application_id, "purpose": asked.purpose}
        group.stage(CREATE, ticket=ticket, **named, **times)
        group.stage(APPEND, statement_id=call_id, statement=ticket)
        return Issued(call=told, ticket=ticket, code=Code(digits=derive(row.key, ticket))).model_dump_json()

    request = hashlib.sha256(f"{application_id} {asked.model_dump_json()}".encode()).digest()
    answer = await writer.submit(f"{me} {key}", application_id, request, decide)
    return Response(answer, 201, media_type="application/json")


@app.post("/v1/confirmations")
async def confirm(asked: Confirm, me: Annotated[str, Depends(customer)], key: Key) -> Response:
    async def decide(group: Group) -> str:
        at = int(time.time())
        rows = await group.db.execute(CANDIDATES, {"customer_id": me, "now": at})
        live = [row for row in rows if row.wrong_codes < WRONG_CODES]
        right = [row for row in live if hmac.compare_digest(derive(row.key, row.ticket), asked.code)]
        if right and right[0].receipt:
            return verdict(at, right[0], right[0].receipt, given_before=True)
        receipt_id = f"rcpt_{secrets.token_hex(16)}"
        if right:
            call = {"call_id": right[0].call_id, "ticket": hashlib.sha256(right[0].ticket.encode()).hexdigest()}
            receipt = sign("call-receipt+jwt", receipt_id, at, verdict="genuine", call=call)
            group.stage(CONFIRM, this=right[0].call_id, given=receipt)
        else:
            receipt = sign("call-receipt+jwt", receipt_id, at, verdict="not_genuine", call=None)
            for row in live:
                group.stage(COUNT_WRONG, this=row.call_id)
        group.stage(APPEND, statement_id=receipt_id, statement=receipt)
        return verdict(at, right[0] if right else None, receipt)

    answer = await writer.submit(f"{me} {key}", me, hashlib.sha256(asked.code.encode()).digest(), decide)
    return Response(answer, 200, media_type="application/json")


@app.get("/v1/me/call-status")
async def call_status(me: Annotated[str, Depends(customer)]) -> dict[str, bool]:
    async with engine.connect() as db:
        found = await db.execute(CANDIDATES, {"customer_id": me, "now": int(time.time())})
        return {"calling": found.first() is not None}


def sign(typ: str, jti: str, at: int, **claims: Any) -> str:
    return jwt.encode({"iss": ISSUER, "jti": jti, "iat": at, **claims}, signing_key, "ES256", {"typ": typ, "kid": "1"})


def derive(key: bytes, ticket: str) -> str:
    """The code of a call. The ticket names the call, so each call has a secret of its own."""
    secret = hmac.digest(key, ticket.encode(), "sha256")
    return pyotp.HOTP(b32encode(secret).decode(), digits=9, digest=hashlib.sha256).at(0)


def call_of(row: Any, call_id: str, purpose: str, at: int) -> Call:
    named = Officer(id=row.officer_id, name=row.officer_name, branch=row.branch)
    issued_at, expires_at = (datetime.fromtimestamp(each, ZONE) for each in (at, at + LIFETIME_S))
    return Call(call_id=call_id, officer=named, purpose=purpose, issued_at=issued_at, expires_at=expires_at)


def verdict(at: int, row: Any, receipt: str, given_before: bool = False) -> str:
    word = "not_genuine" if row is None else "genuine"
    told = None if row is None else call_of(row, row.call_id, row.purpose, row.issued_at)
    when = datetime.fromtimestamp(at, ZONE)
    return Verdict(verdict=word, at=when, given_before=given_before, call=told, receipt=receipt).model_dump_json()
