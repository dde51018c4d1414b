"""Reads JSON Lines.

Each line is one JSON object: the body of `put_application`, with `application_id` as an extra member.

Implements specs/protocol.md section 3.1.
"""

from __future__ import annotations

from verifier.core import strict_json
from verifier.core.errors import VerifierError
from verifier.import_files.numbers import e164
from verifier.import_files.rows import REASON, BadLine, reason_of, shown


def parse(text: str, region: str) -> tuple[object, dict[str, object]]:
    """Parse a line. Returns its application id and its facts. Raises BadLine."""
    try:
        plain = strict_json.loads(text.encode(), "the line")
    except VerifierError as error:
        pointer, reason = reason_of(error)
        raise BadLine(shown(pointer), shown(reason, 300)) from error
    if not isinstance(plain, dict):
        raise BadLine("", "the line is not a JSON object")
    plain.pop(REASON, None)
    if "application_id" not in plain:
        raise BadLine("/application_id", "is missing")
    numbers = plain.get("numbers")
    # Ten numbers are enough here, because the type `Registration` refuses more.
    for place, number in enumerate(numbers[:10] if isinstance(numbers, list) else ()):
        if isinstance(number, dict) and isinstance(number.get("number"), str):
            try:
                number["number"] = e164(number["number"], region)
            except ValueError as error:
                raise BadLine(f"/numbers/{place}/number", str(error)) from error
    return plain.pop("application_id"), plain
