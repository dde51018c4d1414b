"""Reads JSON Lines.

Each line is one JSON object: the body of `put_application`, with `application_id` as an extra member.

Implements specs/protocol.md section 3.1.
"""

from __future__ import annotations

from verifier.core import strict_json
from verifier.core.contacts import MOST_CONTACTS
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
    _normalise("", plain, region)
    # The types refuse more contacts and more numbers.
    for place, contact in enumerate(_listed(plain, "contacts", MOST_CONTACTS)):
        _normalise(f"/contacts/{place}", contact, region)
    return plain.pop("application_id"), plain


def _normalise(at: str, holder: object, region: str) -> None:
    """Write the numbers of an application or a contact in E.164. `at` is the JSON Pointer to it. Raises BadLine."""
    for place, number in enumerate(_listed(holder, "numbers", 10)):
        if isinstance(number, dict) and isinstance(number.get("number"), str):
            try:
                number["number"] = e164(number["number"], region)
            except ValueError as error:
                raise BadLine(f"{at}/numbers/{place}/number", str(error)) from error


def _listed(holder: object, member: str, most: int) -> list[object]:
    found = holder.get(member) if isinstance(holder, dict) else None
    return found[:most] if isinstance(found, list) else []
