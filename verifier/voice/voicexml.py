"""VoiceXML 2.1 (W3C), for platforms of Avaya, Genesys, Cisco and Huawei.

Implements specs/protocol.md section 7.8. The platform authenticates with a password (RFC 7617).
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from xml.etree.ElementTree import Element, SubElement, register_namespace

from aiohttp import web

from verifier.core.messages.dialogues import IvrTurn
from verifier.voice.dialects import Form, apology, e164, encoded

_VXML = "http://www.w3.org/2001/vxml"
_GRAMMAR = "http://www.w3.org/2001/06/grammar"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_KEYS = "0123456789*"
register_namespace("", _VXML)


class VoiceXML:
    """`verifier.voice.Dialect` for VoiceXML 2.1. `password` authenticates the platform."""

    path = "/voice/voicexml"
    content_type = "application/voicexml+xml"

    def __init__(self, password: str) -> None:
        self._password = password.encode()

    def shows(self, request: web.Request) -> bool:
        headers = request.headers.getall("Authorization", ())
        scheme, _, given = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        if scheme.lower() != "basic":
            return False
        try:
            shown = b64decode(given, validate=True).partition(b":")[2]
        except ValueError:
            return False
        return hmac.compare_digest(shown, self._password)

    def vouches(self, request: web.Request, form: Form, url: str) -> bool:
        return self.shows(request)

    def caller(self, form: Form) -> str | None:
        return e164(form.get("caller", ""))

    def keys(self, form: Form) -> str | None:
        keyed = form.get("keys")
        return None if keyed is None else keyed.replace(" ", "")

    def entry(self, begin: str) -> bytes:
        root, form = _page("zh-CN")
        SubElement(form, _tag("var"), name="caller", expr="session.connection.remote.uri")
        SubElement(form, _tag("var"), name="dialled", expr="session.connection.local.uri")
        _submit(SubElement(form, _tag("block")), begin, "caller dialled")
        return encoded(root)

    def document(self, turn: IvrTurn, following: str, transfer: str) -> bytes:
        root, form = _page(turn.say[0].language if turn.say else "zh-CN")
        if turn.act == "listen":
            _listen(form, turn, following)
        elif turn.act == "transfer":
            moved = SubElement(form, _tag("transfer"), name="moved", dest=transfer, type="blind")
            _prompts(moved, turn)
        else:
            block = SubElement(form, _tag("block"))
            _prompts(block, turn)
            SubElement(block, _tag("disconnect"))
        return encoded(root)


def _page(language: str) -> tuple[Element, Element]:
    root = Element(_tag("vxml"), {"version": "2.1", _LANG: language})
    # A platform must not play a cached document of another call.
    for name, value in (("fetchtimeout", "8s"), ("inputmodes", "dtmf"), ("documentmaxage", "0")):
        SubElement(root, _tag("property"), name=name, value=value)
    # The caller hears the apology if the platform cannot fetch the next document. After mere silence, the caller would
    # rely on the last answer (law L6).
    failed = SubElement(root, _tag("catch"), event="error")
    _prompts(failed, apology())
    SubElement(failed, _tag("disconnect"))
    return root, SubElement(root, _tag("form"), id="turn")


def _listen(form: Element, turn: IvrTurn, following: str) -> None:
    field = SubElement(form, _tag("field"), name="keys")
    for name, value in (("termchar", "#"), ("interdigittimeout", "4s"), ("timeout", "8s")):
        SubElement(field, _tag("property"), name=name, value=value)
    _grammar(field)
    _prompts(field, turn)
    # Silence and a single hash key are reported as no keys. Input outside the grammar is reported as a typing error.
    for event, heard in (("noinput", "''"), ("nomatch", "'A'")):
        handler = SubElement(field, _tag(event))
        SubElement(handler, _tag("assign"), name="keys", expr=heard)
        _submit(handler, following, "keys")
    _submit(SubElement(field, _tag("filled")), following, "keys")


def _grammar(field: Element) -> None:
    grammar = SubElement(field, f"{{{_GRAMMAR}}}grammar", mode="dtmf", version="1.0", root="keys")
    rule = SubElement(grammar, f"{{{_GRAMMAR}}}rule", id="keys", scope="public")
    several = SubElement(rule, f"{{{_GRAMMAR}}}item", repeat="1-40")
    one = SubElement(several, f"{{{_GRAMMAR}}}one-of")
    for key in _KEYS:
        SubElement(one, f"{{{_GRAMMAR}}}item").text = key


def _prompts(parent: Element, turn: IvrTurn) -> None:
    for say in turn.say:
        prompt = SubElement(parent, _tag("prompt"), {"bargein": "true", _LANG: say.language})
        if turn.slow:
            prompt = SubElement(prompt, _tag("prosody"), rate="slow")
        prompt.text = say.text


def _submit(parent: Element, to: str, names: str) -> None:
    SubElement(parent, _tag("submit"), next=to, method="post", namelist=names)


def _tag(name: str) -> str:
    return f"{{{_VXML}}}{name}"
