"""TwiML-style webhooks, each signed by the platform. Implements specs/protocol.md section 7.8.

The signature is HMAC-SHA-1 over the address and the sorted parameters, as Twilio documents it.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from xml.etree.ElementTree import Element, SubElement

from aiohttp import web

from verifier.core.messages.dialogues import IvrTurn
from verifier.core.prompts import prompt
from verifier.voice.dialects import Form, e164, encoded

_LOCALES = {"zh-CN": "zh-CN", "en": "en-US"}


class TwiML:
    """`verifier.voice.Dialect` for TwiML. `token` is the secret of the platform's account."""

    path = "/voice/twiml"
    content_type = "text/xml"

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def shows(self, request: web.Request) -> bool:
        return len(request.headers.getall("X-Twilio-Signature", ())) == 1

    def vouches(self, request: web.Request, form: Form, url: str) -> bool:
        signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
        expected = b64encode(hmac.digest(self._token, signed.encode("utf-8", "surrogateescape"), "sha1"))
        shown = request.headers.get("X-Twilio-Signature", "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(shown, expected)

    def caller(self, form: Form) -> str | None:
        return e164(form.get("From", ""))

    def keys(self, form: Form) -> str | None:
        return form.get("Digits") or None

    def entry(self, begin: str) -> bytes:
        root = Element("Response")
        SubElement(root, "Redirect", method="POST").text = begin
        return encoded(root)

    def document(self, turn: IvrTurn, following: str, transfer: str) -> bytes:
        root = Element("Response")
        if turn.act == "listen":
            asked = {"input": "dtmf", "finishOnKey": "#", "timeout": "8", "action": following, "method": "POST"}
            # Report silence too. Otherwise the call would end without a word.
            _say(SubElement(root, "Gather", {**asked, "actionOnEmptyResult": "true"}), turn)
            return encoded(root)
        _say(root, turn)
        if turn.act == "transfer":
            dial = SubElement(root, "Dial")
            if transfer.startswith("sip"):
                SubElement(dial, "Sip").text = transfer
            else:
                SubElement(dial, "Number").text = transfer.removeprefix("tel:")
            # If the transfer fails or ends, the caller hears this goodbye instead of silence.
            language = turn.say[-1].language if turn.say else "zh-CN"
            SubElement(root, "Say", language=_LOCALES[language]).text = prompt("goodbye", language)
            SubElement(root, "Hangup")
        else:
            SubElement(root, "Hangup")
        return encoded(root)


def _say(parent: Element, turn: IvrTurn) -> None:
    for say in turn.say:
        said = SubElement(parent, "Say", language=_LOCALES[say.language])
        if turn.slow:
            said = SubElement(said, "prosody", rate="slow")
        said.text = say.text
