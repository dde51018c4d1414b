"""Two simulated voice platforms that execute the service's documents: one for VoiceXML, one for TwiML."""

from __future__ import annotations

import base64
import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import requests

from verifier.demo.bank import DemoBank

PASSWORD, TOKEN = "a password of the platform", "a token of the platform"
HOTLINE = "+861095588"
_VXML = "{http://www.w3.org/2001/vxml}"


@dataclass
class Heard:
    """What the caller hears from one document, and what happens next."""

    said: list[tuple[str, str]]
    act: str
    transfer: str = ""
    slow: bool = False

    @property
    def text(self) -> str:
        return " ".join(text for _, text in self.said)


class Platform:
    """A platform during one call. Keeps the last request, so that a test can send it again."""

    path: str

    def __init__(self, bank: DemoBank) -> None:
        self.bank = bank
        self.next = bank.url + self.path
        self.document = b""
        self.last: tuple[str, dict[str, str]] = ("", {})

    def send(self, url: str, form: dict[str, str]) -> Heard:
        self.last = (url, form)
        answer = self.raw(url, form)
        assert answer.status_code == 200, answer.text
        self.document = answer.content
        return self.obey(parsed(answer.content))

    def again(self) -> Heard:
        return self.send(*self.last)

    def raw(self, url: str, form: dict[str, str], **headers: str) -> requests.Response:
        raise NotImplementedError

    def obey(self, root: Element) -> Heard:
        raise NotImplementedError

    def begin(self, caller: str | None) -> Heard:
        raise NotImplementedError

    def press(self, keys: str | None) -> Heard:
        raise NotImplementedError


class VoiceXmlPlatform(Platform):
    path = "/voice/voicexml"

    def raw(self, url: str, form: dict[str, str], **headers: str) -> requests.Response:
        shown = "Basic " + base64.b64encode(f"platform:{PASSWORD}".encode()).decode()
        return requests.post(url, data=form, headers={"Authorization": shown} | headers, timeout=10)

    def begin(self, caller: str | None) -> Heard:
        """Fetch the first document and follow it: it posts the caller's number."""
        entry = requests.get(self.next, timeout=10)
        assert entry.headers["Content-Type"] == "application/voicexml+xml; charset=utf-8"
        root = parsed(entry.content)
        submit = _one(root, "form/block/submit")
        assert submit.get("namelist") == "caller dialled"
        declared = {each.get("name"): each.get("expr") for each in root.iter(f"{_VXML}var")}
        assert declared["caller"] == "session.connection.remote.uri"
        ringing = "sip:anonymous@anonymous.invalid" if caller is None else f"sip:{caller}@carrier.example"
        return self.send(str(submit.get("next")), {"caller": ringing, "dialled": f"tel:{HOTLINE}"})

    def obey(self, root: Element) -> Heard:
        assert root.get("version") == "2.1"
        said = [
            ((each.get("{http://www.w3.org/XML/1998/namespace}lang") or ""), "".join(each.itertext()))
            for each in _one(root, "form").iter(f"{_VXML}prompt")
        ]
        slow = any(each.get("rate") == "slow" for each in _one(root, "form").iter(f"{_VXML}prosody"))
        transfer = root.find(f"{_VXML}form/{_VXML}transfer")
        if transfer is not None:
            return Heard(said, "transfer", transfer.get("dest", ""), slow)
        if root.find(f"{_VXML}form/{_VXML}block/{_VXML}disconnect") is not None:
            return Heard(said, "hang_up", slow=slow)
        self.next = str(_one(root, "form/field/filled/submit").get("next"))
        self._silence = str(_one(root, "form/field/noinput/assign").get("expr")).strip("'")
        return Heard(said, "listen", slow=slow)

    def press(self, keys: str | None) -> Heard:
        # As a platform reports the match of a grammar of single keys, without the final hash.
        return self.send(self.next, {"keys": self._silence if keys is None else " ".join(keys.split("#", 1)[0])})


class TwimlPlatform(Platform):
    path = "/voice/twiml"

    def raw(self, url: str, form: dict[str, str], **headers: str) -> requests.Response:
        signed = url + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed.encode(), "sha1")).decode()
        return requests.post(url, data=form, headers={"X-Twilio-Signature": signature} | headers, timeout=10)

    def begin(self, caller: str | None) -> Heard:
        self.sid = f"CA{secrets.token_hex(16)}"  # an address in memory would be reused
        return self.send(self.next, {"CallSid": self.sid, "From": caller or "+266696687", "To": HOTLINE})

    def obey(self, root: Element) -> Heard:
        assert root.tag == "Response"
        said = [(each.get("language") or "", "".join(each.itertext())) for each in root.iter("Say")]
        slow = any(each.get("rate") == "slow" for each in root.iter("prosody"))
        to = root.find("Dial/*")
        if to is not None:
            return Heard(said, "transfer", str(to.text), slow)
        gather = root.find("Gather")
        if gather is None:
            assert root[-1].tag == "Hangup"
            return Heard(said, "hang_up", slow=slow)
        assert gather.get("actionOnEmptyResult") == "true"
        self.next = str(gather.get("action"))
        return Heard(said, "listen", slow=slow)

    def press(self, keys: str | None) -> Heard:
        return self.send(self.next, {"CallSid": self.sid, "Digits": (keys or "").split("#", 1)[0]})


def parsed(document: bytes) -> Element:
    """Parse a document of the service."""
    return ElementTree.fromstring(document)


def _one(root: Element, path: str) -> Element:
    found = root.find("/".join(_VXML + step for step in path.split("/")))
    assert found is not None, path
    return found


def settings() -> dict[str, Any]:
    """The settings of a bank that uses both platforms."""
    return {
        "voicexml_password": PASSWORD,
        "twiml_token": TOKEN,
        "officer_uri": "sip:{officer}@pbx.bank.example",
        "fraud_desk_uri": "tel:+861095599",
    }
