"""The interface of a dialect: how a platform authenticates, reports pressed keys, and gets instructions.

Implements specs/protocol.md section 7.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from xml.etree import ElementTree

from aiohttp import web

from verifier.core.application import E164_PATTERN
from verifier.core.messages.dialogues import IvrTurn, Say
from verifier.core.prompts import prompt
from verifier.core.text import safe
from verifier.core.words import LANGUAGES

_E164 = re.compile(rf"(?:tel:|sips?:)?({E164_PATTERN})(?:[@;].*)?", re.DOTALL)

Form = Mapping[str, str]


class Dialect(Protocol):
    """One dialect of voice platforms. `path` is the path of its documents."""

    path: str
    content_type: str

    def shows(self, request: web.Request) -> bool:
        """Whether the request has credentials. The form of a request without credentials is not read."""

    def vouches(self, request: web.Request, form: Form, url: str) -> bool:
        """Whether the bank's own platform sent the request. `url` is the address that the platform used."""

    def caller(self, form: Form) -> str | None:
        """The calling number in E.164, or None if the number is withheld or malformed."""

    def keys(self, form: Form) -> str | None:
        """The keys that the caller pressed, or None if the caller pressed no key."""

    def document(self, turn: IvrTurn, following: str, transfer: str) -> bytes:
        """The document of a turn. It sends the next step to `following`, or transfers the caller to `transfer`."""

    def entry(self, begin: str) -> bytes:
        """The first document. It tells the platform to report the call to the address `begin`.

        Some platforms fetch this document before they report the calling number.
        """


def e164(address: str) -> str | None:
    """The E.164 number in `address`, or None. The address is a tel address, a SIP address or a plain number."""
    found = _E164.fullmatch(address.strip())
    return found[1] if found else None


def encoded(root: ElementTree.Element) -> bytes:
    """Encode a document. Characters that XML cannot hold are removed."""
    for element in root.iter():
        element.text = safe(element.text) if element.text is not None else None
        element.attrib.update({name: safe(value) for name, value in element.attrib.items()})
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def apology() -> IvrTurn:
    """A turn that says that the service cannot check now, and hangs up.

    The caller's language is unknown, so the turn says this in both languages.
    """
    both = tuple(Say("unavailable", prompt("unavailable", each), each) for each in LANGUAGES)
    return IvrTurn("", both, "hang_up", False, None)
