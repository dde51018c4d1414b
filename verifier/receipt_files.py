"""A receipt as a file a customer keeps: JSON with `statement` and `proof`.

Carries out specs/protocol.md section 8.1.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from verifier.core.evidence import Evidence

MAX_FILE = 262_144


class _Answer(Struct):
    """A whole answer of the API also serves: a verdict, a report or an issued call carries its evidence inside."""

    receipt: Evidence | None = None
    ticket: Evidence | None = None
    evidence: Evidence | None = None


def read_receipt(path: Path) -> Evidence:
    """The evidence in a file. Raises ValueError in words."""
    if path.stat().st_size > MAX_FILE:
        raise ValueError("the file is too large for a receipt")
    content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=Evidence)
    except msgspec.ValidationError:
        pass
    except msgspec.DecodeError as error:
        raise ValueError(f"the file is not JSON: {error}") from error
    answer = msgspec.json.decode(content, type=_Answer)
    found = answer.receipt or answer.ticket or answer.evidence
    if found is None:
        raise ValueError("the file holds no statement and proof")
    return found


def write_receipt(path: Path, evidence: Evidence) -> None:
    """Keep a receipt, readable by people as far as JSON is."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(evidence)) + b"\n")
