"""Reads the caller's number from an INVITE. Use this module only for INVITEs from the bank's own trunks.

Implements specs/protocol.md section 7.9 (RFC 3261 From, RFC 3325 P-Asserted-Identity, RFC 3323 Privacy).
"""

from __future__ import annotations

import re

MAX_MESSAGE = 65_536
_ADDRESS = re.compile(r"<\s*(?:sips?|tel):([^@;>]{1,64})|^\s*(?:sips?|tel):([^@;>\s]{1,64})", re.ASCII)
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_NATIONAL = re.compile(r"0?([1-9][0-9]{4,13})", re.ASCII)


def host(source: str) -> str:
    """Return the peer's address without the port. `source` looks like `192.0.2.1:5060` or `[2001:db8::1]:5060`."""
    return source.rsplit(":", 1)[0].strip("[]")


def caller_number(message: str, country_code: str) -> str | None:
    """Return the caller's number in E.164, or None if the number is withheld or malformed.

    `message` is the whole INVITE. National numbers are completed with `country_code`, such as `86`. If `country_code`
    is empty, the result for a national number is None.
    """
    headers = _headers(message[:MAX_MESSAGE])
    if "id" in re.split(r"[;,\s]+", headers.get("privacy", "").lower()):
        return None
    return number(headers.get("p-asserted-identity") or headers.get("from", ""), country_code)


def number(address: str, country_code: str) -> str | None:
    """Return the E.164 number in a SIP or tel address, or None."""
    found = _ADDRESS.search(address)
    if found is None:
        return None
    user = re.sub(r"[-.() ]", "", found[1] or found[2])
    if _INTERNATIONAL.fullmatch(user):
        return user
    if not country_code:
        return None
    if user.startswith(country_code) and _INTERNATIONAL.fullmatch("+" + user) and len(user) > 11:
        return "+" + user
    national = _NATIONAL.fullmatch(user)
    completed = f"+{country_code}{national[1]}" if national else ""
    return completed if _INTERNATIONAL.fullmatch(completed) else None


def _headers(message: str) -> dict[str, str]:
    """Return the first value of each header. `f`, the short form of From (RFC 3261 section 7.3.3), becomes `from`."""
    headers: dict[str, str] = {}
    for line in message.split("\r\n\r\n", 1)[0].split("\r\n")[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers.setdefault({"f": "from"}.get(name, name), value.strip())
    return headers
