"""Runs the three verifiers on a receipt file and a trust file. A result is a slug, or `valid` with id and time."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

import callback_verification as sdk

from tests.node import program
from verifier.core.errors import EvidenceError
from verifier.core.evidence import verify_evidence
from verifier.receipt_files import evidence_in, trust_in

BATCH = Path(__file__).with_name("evidence_batch.mjs")
Files = tuple[bytes, bytes]


def core(receipt: bytes, trust: bytes) -> str:
    """The result of the service's verifier."""
    try:
        trusted = trust_in(trust)
    except ValueError:
        return "no_trust"
    try:
        claims = verify_evidence(evidence_in(receipt), trusted).claims
    except EvidenceError as error:
        return error.slug
    return f"valid {claims.jti} {claims.iat}"


def python(receipt: bytes, trust: bytes) -> str:
    """The result of the Python SDK."""
    try:
        trusted = sdk.Trust.read(trust)
    except ValueError:
        return "no_trust"
    try:
        claims = sdk.verify(sdk.read_evidence(receipt), trusted).claims
    except sdk.EvidenceError as error:
        return error.slug
    return f"valid {claims.jti} {claims.iat}"


def typescript(batch: Iterable[Files]) -> list[str]:
    """The results of the TypeScript SDK, all from one process."""
    given = json.dumps([[b64encode(each).decode() for each in files] for files in batch])
    done = subprocess.run(
        [program("node"), str(BATCH)], input=given, capture_output=True, text=True, timeout=300, check=True
    )
    told: list[str] = json.loads(done.stdout)
    return told
