"""Reads and writes receipt files, which customers keep. Also reads trust files, which are needed to check receipts.

Implements specs/protocol.md section 8. Both kinds of files are JSON. A receipt may also be that of a printed one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from verifier.core.errors import EvidenceError, InvalidClaims
from verifier.core.evidence import Evidence, Trust
from verifier.core.ijson import TooDeep, read_json
from verifier.core.printed import content_of, printed

MAX_FILE = 262_144
# A file may also have a whole answer of the API: a verdict, an issued call or an exception. The evidence in such an
# answer is in a member with one of the names in `_WITHIN`.
_WITHIN = ("receipt", "ticket", "evidence")


def read_receipt(path: Path) -> Evidence:
    """Read the evidence from a file, or from the standard input if the path is `-`. Raises EvidenceError."""
    return evidence_in(sys.stdin.buffer.read(MAX_FILE + 1) if str(path) == "-" else _content(path))


def read_trust(path: Path) -> Trust:
    """Read a trust file. Raises ValueError with a readable message."""
    return trust_in(_content(path))


def evidence_in(content: bytes) -> Evidence:
    """Parse the content of a receipt file, or the texts of a printed receipt. Returns the evidence.

    Raises EvidenceError.
    """
    if printed(content):
        content = content_of(content, MAX_FILE)
    try:
        kept = _json(content)
    except TooDeep as error:
        raise InvalidClaims(f"the file cannot be read: {error}") from error
    except ValueError as error:
        raise EvidenceError(f"the file cannot be read: {error}") from error
    within = [kept.get(name) for name in _WITHIN] if isinstance(kept, dict) else []
    for each in (kept, *within):
        statement, proof = (each.get("statement"), each.get("proof")) if isinstance(each, dict) else (None, None)
        if isinstance(statement, str) and isinstance(proof, str):
            return Evidence(statement, proof)
    raise EvidenceError("the file holds no statement and proof")


def trust_in(content: bytes) -> Trust:
    """Parse the content of a trust file. Raises ValueError with a readable message."""
    try:
        trust = msgspec.convert(_json(content), Trust)
    except ValueError as error:
        raise ValueError(f"this is not a trust file: {error}") from error
    if not isinstance(trust.jwks.get("keys"), list):
        raise ValueError("this is not a trust file: it has no list of keys")
    return trust


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE + 1)


def _json(content: bytes) -> object:
    if len(content) > MAX_FILE:
        raise ValueError(f"it has more than {MAX_FILE} bytes")
    return read_json(content, mark=True)


def write_receipt(path: Path, evidence: Evidence) -> None:
    """Write a receipt as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(evidence)) + b"\n")
