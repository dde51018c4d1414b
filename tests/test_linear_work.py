"""Parsing untrusted input takes linear time: ten times the size takes at most twelve times the time.

Each parser of untrusted input is tested with each shape of `tests.linear`. The larger size is at most the parser's size
limit, since larger input is not parsed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from callback_verification import codes as sdk_codes
from callback_verification import evidence as sdk_evidence
from callback_verification import ijson as sdk_ijson
from callback_verification import printed as sdk_printed
from callback_verification import proofs as sdk_proofs
from callback_verification.pbx.dial_plan import DialPlan
from callback_verification.pbx.dialog_info import from_dialog_info
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from multidict import CIMultiDict
from voice_gateway.callers import caller_number
from yarl import URL

from tests.linear import MOST, TIMES_THE_TIME, grown, least, ratio
from verifier.api import bodies, headers, operations, public
from verifier.api.issuers import TrustedIssuer
from verifier.api.refusals import MAX_HEADER, MAX_TARGET
from verifier.api.routes import calls, customers
from verifier.api.signed_requests import MAX_SIGNATURE_INPUT, TAG, SignedRequestVerifier, certificate_principal
from verifier.api.systems import System
from verifier.api.tokens import MAX_TOKEN, TokenVerifier
from verifier.core import checkpoint, printed, strict_json
from verifier.core.application import Registration
from verifier.core.code import MAX_TYPED, parse_code
from verifier.core.evidence import MAX_STATEMENT, Evidence, LogKey, Trust, verify_evidence
from verifier.core.identity_header import MAX_HEADER as MAX_IDENTITY
from verifier.core.identity_header import parse_header
from verifier.core.ijson import read_json
from verifier.core.messages.confirmations import Confirm, VerifyReceipt
from verifier.core.passport import check_identity
from verifier.core.printed import MAX_CONTENT
from verifier.import_files import json_lines
from verifier.import_files.csv_fields import fields_over_lines
from verifier.import_files.csv_lines import Header, split
from verifier.import_files.lines import Line
from verifier.import_files.numbers import e164 as written_number
from verifier.import_files.rejects import _json as reject_json
from verifier.import_files.rows import Reading
from verifier.receipt_files import MAX_FILE
from verifier.voice.dialects import e164
from verifier.voice.forms import read_form

pytestmark = pytest.mark.slow

DISTINCT = "different members"
Parse = Callable[[str], object]

NOW = 1_780_000_000
PBX = Ed25519PrivateKey.generate()
SYSTEMS = (System("pbx", base64.b64encode(PBX.public_key().public_bytes_raw()).decode(), ("legs",)),)
SIGNED = SignedRequestVerifier(SYSTEMS, lambda: NOW)
VKEY = checkpoint.vkey("verify.bank.example/log", PBX.public_key().public_bytes_raw())
LOG = "verify.bank.example/log"
TRUST = Trust("https://verify.bank.example", {"keys": []}, LogKey(LOG, (VKEY,)))
SDK_TRUST = sdk_evidence.Trust(TRUST.issuer, sdk_evidence.Jwks(()), sdk_evidence.LogKeys(LOG, (VKEY,)))
P256 = derive_private_key(8_224, SECP256R1()).public_key()
TOKENS = TokenVerifier(
    (TrustedIssuer("staff", "https://id.bank.example", ("api",)),), lambda: _no_session(), lambda: NOW
)
_BODIES = {kind: msgspec.json.Decoder(kind) for kind in (VerifyReceipt, Confirm, Registration)}
_INPUT = f'sig=("@method" "@target-uri" "x");created={NOW};keyid="pbx";tag="{TAG}"'


def _no_session() -> aiohttp.ClientSession:
    raise AssertionError("nothing is fetched")


class _Request(web.BaseRequest):
    """The parts of aiohttp's request that the parsers use. Making a complete one would take longer than parsing it."""

    def __init__(self, path: str, sent: dict[str, str], body: bytes) -> None:
        self._method, self._rel_url, self._headers = "POST", URL(path, encoded=True), CIMultiDict(sent)
        self._message: Any = SimpleNamespace(path=path)
        self._cache = {"scheme": "https", "host": "verify.bank.example"}
        self._read_bytes = body

    @property
    def body_exists(self) -> bool:
        return True


def _asked(path: str = "/", body: bytes = b"", **sent: str) -> Any:
    return _Request(path, {name.replace("_", "-"): value for name, value in sent.items()}, body)


def _signed(**sent: str) -> object:
    return SIGNED.verify(_asked(**{"Signature_Input": _INPUT, "Signature": f"sig=:{'A' * 86}==:", **sent}), b"")


def _token(text: str) -> object:
    return _now(TOKENS.verify(text))


def _now(waiting: Any) -> object:
    """The result of a coroutine that never waits."""
    try:
        waiting.send(None)
    except StopIteration as done:
        return done.value
    return waiting.close()


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _form(text: str) -> object:
    return _now(read_form(_asked(body=text.encode(), Content_Type="application/x-www-form-urlencoded")))


def _query(shape: type[Any]) -> Parse:
    return lambda text: bodies.convert(operations._query(_asked(f"/?{text}")), shape)


def _csv(text: str) -> object:
    return list(fields_over_lines(Line(n, each, "\n", 0) for n, each in enumerate(text.split("\n"), start=1)))


HEADER = Header(Line(1, "application_id,customer_id,customer_name,numbers,officers,product", "\n", 0), Reading())

# Each parser, with its size limit.
PARSERS: dict[str, tuple[Parse, int]] = {
    **{
        f"a body, {kind.__name__}": (
            lambda text, each=decoder: bodies.decode_body(text.encode(), each),
            bodies.MAX_BODY,
        )
        for kind, decoder in _BODIES.items()
    },
    "strict JSON": (lambda text: strict_json.loads(text.encode(), "it"), bodies.MAX_BODY),
    "a form": (_form, bodies.MAX_BODY),
    "a query, a page": (_query(customers.Page), MAX_TARGET),
    "a query, sizes": (_query(public.Sizes), MAX_TARGET),
    "a query's number": (lambda text: bodies.convert({"old": text, "new": text}, public.Sizes), MAX_TARGET),
    "a query's time": (lambda text: bodies.convert({"since": text}, calls.CallsAsked), MAX_TARGET),
    "a path": (lambda text: checkpoint.parse_tile_path(text), MAX_TARGET),
    "an X-Request-ID": (lambda text: headers.request_id(_asked(X_Request_ID=text)), MAX_HEADER),
    "an Idempotency-Key": (lambda text: headers.idempotency_key(_asked(Idempotency_Key=text)), MAX_HEADER),
    "a traceparent": (lambda text: headers.trace_id(_asked(traceparent=text)), MAX_HEADER),
    "an If-None-Match": (lambda text: _asked(If_None_Match=text).if_none_match, MAX_HEADER),
    "a Signature-Input": (lambda text: _signed(Signature_Input=text), MAX_SIGNATURE_INPUT),
    "a Signature": (lambda text: _signed(Signature=text), MAX_HEADER),
    "a Content-Digest": (
        lambda text: _signed(Signature_Input=_INPUT.replace('"x"', '"content-digest"'), Content_Digest=text),
        MAX_HEADER,
    ),
    "a covered header": (lambda text: _signed(X=text), MAX_HEADER),
    "a covered member": (
        lambda text: _signed(Signature_Input=_INPUT.replace('"x"', '"x";key="a"'), X=text),
        MAX_HEADER,
    ),
    "a Client-Cert": (lambda text: certificate_principal(_asked(Client_Cert=text), SYSTEMS), MAX_HEADER),
    "a bearer token": (_token, MAX_TOKEN),
    "a token's header": (lambda text: _token(f"{_base64(text)}.e30.AA"), MAX_TOKEN * 3 // 4 - 10),
    "a token's claims": (lambda text: _token(f"eyJhbGciOiJFUzI1NiJ9.{_base64(text)}.AA"), MAX_TOKEN * 3 // 4 - 40),
    "a typed code": (parse_code, MAX_TYPED),
    "an Identity header": (lambda text: check_identity(text, P256, NOW), MAX_IDENTITY),
    "an Identity header's parameters": (lambda text: parse_header(f"a.b.c;info=<a>{text}"), MAX_IDENTITY - 20),
    "a statement": (lambda text: verify_evidence(Evidence(text, text), TRUST), MAX_STATEMENT),
    "a statement's header": (
        lambda text: verify_evidence(Evidence(f"{_base64(text)}.e30.AA", ""), TRUST),
        MAX_STATEMENT * 3 // 4 - 10,
    ),
    "JSON of evidence": (lambda text: read_json(text.encode(), mark=True), MAX_STATEMENT),
    "a proof": (checkpoint.parse_proof, checkpoint.MAX_PROOF),
    "a checkpoint": (lambda text: checkpoint.open_checkpoint(text, [VKEY], LOG), checkpoint.MAX_NOTE),
    "a checkpoint of ours": (
        lambda text: checkpoint.open_checkpoint(f"{LOG}\n1\nAA\n{text}\n\n— a AAAAAAAA\n", [VKEY], LOG),
        checkpoint.MAX_NOTE - 100,
    ),
    "a checkpoint's signatures": (
        lambda text: checkpoint.open_checkpoint(f"{LOG}\n1\nAA\n\n{text}", [VKEY], LOG),
        checkpoint.MAX_NOTE - 100,
    ),
    "a verifier key": (checkpoint.parse_vkey, 10_000),
    "a platform's number": (e164, bodies.MAX_BODY),
    "a line of CSV": (lambda text: HEADER.parse(text), 65_536),
    "cells of CSV": (split, 65_536),
    "lines of CSV": (_csv, 100_000),
    "a line of JSON": (lambda text: json_lines.parse(text, "CN"), 65_536),
    "a refused line of JSON": (lambda text: reject_json(text, "no"), 65_536),
    "a number of an export": (lambda text: written_number(text, "CN"), 65_536),
    "an INVITE": (lambda text: caller_number(f"INVITE sip:a SIP/2.0\r\nFrom: {text}\r\n\r\n", "86"), 65_536),
    "an INVITE's headers": (lambda text: caller_number(f"INVITE sip:a SIP/2.0\r\n{text}\r\n\r\n", "86"), 65_536),
    "SDK: JSON of evidence": (lambda text: sdk_ijson.read_json(text.encode()), sdk_evidence.MAX_FILE),
    "SDK: a file of evidence": (lambda text: sdk_evidence.read_evidence(text.encode()), sdk_evidence.MAX_FILE),
    "SDK: a statement": (
        lambda text: sdk_evidence.verify(sdk_evidence.Evidence(text, text), SDK_TRUST),
        sdk_evidence.MAX_STATEMENT,
    ),
    "SDK: a proof": (lambda text: sdk_proofs.verify_proof(text, b"", [VKEY], LOG), sdk_proofs.MAX_PROOF),
    "SDK: a checkpoint": (lambda text: sdk_proofs.open_checkpoint(text, [VKEY], LOG), sdk_proofs.MAX_NOTE),
    "SDK: a typed code": (sdk_codes.read, sdk_codes.MAX_TYPED),
    "a printed receipt": (lambda text: printed.content_of(f"CVR1:{text}".encode(), MAX_FILE), MAX_CONTENT),
    "SDK: a printed receipt": (lambda text: sdk_printed.content_of(f"CVR1:{text}".encode(), MAX_FILE), MAX_CONTENT),
    "SDK: dialog-info": (lambda text: from_dialog_info(text, DialPlan(), datetime.now(UTC)), 65_536),
}


@pytest.mark.parametrize("name", PARSERS)
def test_ten_times_the_input_takes_at_most_twelve_times_the_time(name: str) -> None:
    parse, size = PARSERS[name]
    # A body is tested at its full size, since anyone may send one without a login.
    shapes = grown(size, size) if name.startswith(("a body", "strict JSON")) else grown(size)
    found = {shape: ratio(parse, small, large) for shape, small, large in shapes}
    assert {shape: round(each, 1) for shape, each in found.items() if each > TIMES_THE_TIME} == {}


@pytest.mark.slow
def test_quadratic_work_is_detected() -> None:
    def quadratic(text: str) -> None:
        names = text.split(",")
        next((name for name in names if names.count(name) > 1), None)

    shapes = {shape: ratio(quadratic, small, large) for shape, small, large in grown(MOST) if shape == DISTINCT}
    assert shapes[DISTINCT] > 2 * TIMES_THE_TIME


@pytest.mark.shows("CVP-3.2-13")
def test_the_largest_body_costs_little_time() -> None:
    decoder = msgspec.json.Decoder(VerifyReceipt)
    for shape, _, large in grown(bodies.MAX_BODY, bodies.MAX_BODY):
        took = least(lambda text: bodies.decode_body(text.encode(), decoder), large, 0.05)
        assert took < 0.05, shape
