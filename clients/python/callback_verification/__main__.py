"""`python -m callback_verification RECEIPT TRUST` verifies a saved or scanned receipt or ticket. RECEIPT may be `-`.

The exit status is 0 if the receipt is valid, 1 if it is invalid, and 2 for wrong arguments.

Implements specs/protocol.md section 8.1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from callback_verification.errors import EvidenceError
from callback_verification.evidence import MAX_FILE, Trust, read_evidence, verify


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m callback_verification RECEIPT TRUST\n")
        return 2
    try:
        receipt, trust = map(_content, arguments)
        trusted = Trust.read(trust)
        checked = verify(read_evidence(receipt), trusted)
    except EvidenceError as error:
        sys.stdout.write(f"invalid {error}\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stdout.write(f"invalid invalid_evidence: {error}\n")
        return 1
    claims = msgspec.json.format(msgspec.json.encode(checked.claims)).decode()
    sys.stdout.write(f"valid {checked.typ}, in the log {checked.checkpoint.origin} of size {checked.checkpoint.size}\n")
    sys.stdout.write(f"{claims}\n")
    return 0


def _content(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(MAX_FILE + 1)
    with Path(path).open("rb") as file:
        return file.read(MAX_FILE + 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
