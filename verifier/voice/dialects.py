"""What a dialect is: how a platform shows who it is, tells what it heard, and is told what to do.

Implements specs/protocol.md section 7.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from xml.etree import ElementTree

from aiohttp import web

from verifier.core.application import E164_PATTERN
from verifier.core.messages import IvrTurn, Say
from verifier.core.prompts import prompt
from verifier.core.text import safe
from verifier.core.words import LANGUAGES

_E164 = re.compile(rf"(?:tel:|sips?:)?({E164_PATTERN})(?:[@;].*)?", re.DOTALL)

Form = Mapping[str, str]


class Dialect(Protocol):
    """One of the ways to speak with a voice platform. `path` is where its documents are."""

    path: str
    content_type: str

    def shows(self, request: web.Request) -> bool:
        """Whether the request has a secret to look at. Its form is read only then."""

    def vouches(self, request: web.Request, form: Form, url: str) -> bool:
        """Whether the request comes from the bank's own platform. `url` is the address as the platform knows it."""

    def caller(self, form: Form) -> str | None:
        """The number that rings, in E.164; None when it is withheld or not in that form."""

    def keys(self, form: Form) -> str | None:
        """What was keyed; None for silence."""

    def document(self, turn: IvrTurn, following: str, transfer: str) -> bytes:
        """What to say and do. `following` is the address for what is heard next, `transfer` where to."""

    def entry(self, begin: str) -> bytes:
        """The first document, for a platform that fetches one before it tells who rings."""


def e164(address: str) -> str | None:
    """The number in a telephone or SIP address; None for any that is not E.164."""
    found = _E164.fullmatch(address.strip())
    return found[1] if found else None


def encoded(root: ElementTree.Element) -> bytes:
    """A document; what is said in it is text, without what XML cannot hold."""
    for element in root.iter():
        element.text = safe(element.text) if element.text is not None else None
        element.attrib.update({name: safe(value) for name, value in element.attrib.items()})
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def apology() -> IvrTurn:
    """That we cannot check now, in both languages, since nothing is known of the caller."""
    both = tuple(Say("unavailable", prompt("unavailable", each), each) for each in LANGUAGES)
    return IvrTurn("", both, "hang_up", False, None)
