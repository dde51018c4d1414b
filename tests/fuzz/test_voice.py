"""Forms and headers of voice platforms: a document for a caller with the secret, a problem for others, never a 500."""

from __future__ import annotations

import base64
import hmac
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import quote_from_bytes, urlsplit

import pytest
from hypothesis import strategies as st

from tests.api.conftest import RunningBank
from tests.fuzz.budget import fuzz
from tests.voice.platforms import PASSWORD, TOKEN, parsed, settings
from verifier.demo.bank import DemoBank

FORM = "application/x-www-form-urlencoded"
NAMES = st.sampled_from(["caller", "dialled", "keys", "From", "To", "CallSid", "Digits", "X", ""])
VALUES = st.text(max_size=30) | st.sampled_from(
    ["+8613800138000", "sip:+8613800138000@x", "482177302", "*", "A", "9" * 300]
)
FIELDS = st.dictionaries(NAMES | st.text(max_size=8), VALUES, max_size=6)
ADDRESSES = st.sampled_from(["", f"/ivr_{'0' * 32}/1", f"/ivr_{'0' * 32}/999", "?x=%ff", "?a=1&a=2"])
RAW = st.binary(max_size=60)
HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Content-Encoding", "Idempotency-Key", "X-Request-ID", "Expect", "Authorization"]),
    st.sampled_from(
        [FORM, f"{FORM}; charset=bogus", f'{FORM}; charset="', "multipart/form-data; boundary=x", "gzip", "*/*"]
    )
    | st.binary(max_size=20)
    .map(lambda sent: sent.decode("latin-1"))
    .filter(lambda text: not set(text) & set("\r\n\0")),
    max_size=3,
)


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder), **settings()) as running:
        yield running


class Sender:
    """One kept connection to a bank, reopened when the bank closes it."""

    def __init__(self, bank: DemoBank) -> None:
        self.bank = bank
        self._connection = HTTPConnection(urlsplit(bank.url).netloc, timeout=20)

    def send(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[HTTPResponse, bytes]:
        self._connection.putrequest("POST", path, skip_accept_encoding=True)
        for name, value in (*headers.items(), ("Content-Length", str(len(body)))):
            self._connection.putheader(name, value.encode("latin-1"))
        self._connection.endheaders(body)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self._connection.close()
        return answer, content

    def encoded(self, form: dict[str, str]) -> bytes:
        return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in form.items()).encode()


def _quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"))


def _credentials(bank: DemoBank, path: str, form: dict[str, str]) -> dict[str, str]:
    password = base64.b64encode(f"platform:{PASSWORD}".encode()).decode()
    signed = bank.url + path + "".join(name + form[name] for name in sorted(form))
    signature = hmac.digest(TOKEN.encode(), signed.encode("utf-8", "surrogatepass"), "sha1")
    return {"Authorization": f"Basic {password}", "X-Twilio-Signature": base64.b64encode(signature).decode()}


def test_a_platform_with_the_secret_gets_a_document_for_any_form(bank: DemoBank) -> None:
    sender = Sender(bank)

    def check(example: object) -> None:
        dialect, address, form = example  # type: ignore[misc]
        path = f"/voice/{dialect}{address}"
        answer, content = sender.send(
            path, sender.encoded(form), {"Content-Type": FORM, **_credentials(bank, path, form)}
        )
        assert answer.status in (200, 400, 403), (answer.status, content)
        if answer.status == 200:
            parsed(content)

    print("examples:", fuzz(st.tuples(st.sampled_from(["twiml", "voicexml"]), ADDRESSES, FIELDS), check, 60))


def test_any_bytes_and_headers_get_a_document_or_a_problem(bank: DemoBank) -> None:
    sender = Sender(bank)

    def check(example: object) -> None:
        dialect, address, headers, body = example  # type: ignore[misc]
        path = f"/voice/{dialect}{address}"
        answer, content = sender.send(path, body, {**_credentials(bank, path, {}), **headers})
        assert answer.status < 500, content
        kind = answer.headers["Content-Type"]
        assert answer.status == 200 or kind == "application/problem+json", (answer.status, kind)

    print("examples:", fuzz(st.tuples(st.sampled_from(["twiml", "voicexml"]), ADDRESSES, HEADERS, RAW), check, 60))
