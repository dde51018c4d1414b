"""A scene of the demo: every receipt so far is checked offline, with the trust file alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from verifier.core.errors import EvidenceError
from verifier.core.evidence import Evidence, Trust, verify_evidence


def play(description: bytes, out: Path, check: Callable[[bool, str], None]) -> None:
    """Keep the description of the deployment as the trust file, and check the receipts in the folder `out` with it.

    `check` prints a step and whether it passed.
    """
    (out / "trust.json").write_bytes(description)
    trust = msgspec.json.decode(description, type=Trust)
    for path in sorted(out.glob("*.receipt.json")):
        evidence = msgspec.json.decode(path.read_bytes(), type=Evidence)
        checked = verify_evidence(evidence, trust)
        verdict = getattr(checked.claims, "verdict", checked.typ)
        check(True, f"{path.name}: valid, {verdict}, leaf in a log of {checked.checkpoint.size}")
    changed = Evidence(evidence.statement[:-8] + "AAAAAAAA", evidence.proof)
    try:
        verify_evidence(changed, trust)
        check(False, "a changed receipt was accepted")
    except EvidenceError as error:
        check(True, f"a changed receipt is refused: {error.slug}")
