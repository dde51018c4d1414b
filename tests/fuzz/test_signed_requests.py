"""Signed requests with changed headers are refused as unauthenticated, and raise nothing else."""

from __future__ import annotations

from contextlib import suppress
from unittest.mock import MagicMock

from aiohttp import web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tests.api.test_signed_requests import BODY, PATH, PUBLIC, VERIFIER, signed
from tests.fuzz.budget import fuzz
from verifier.core.errors import Unauthenticated

GOOD = signed()
BENT = ("Signature-Input", "Signature", "Content-Digest", "Idempotency-Key")
# As aiohttp passes headers on: bytes that are not UTF-8 become lone surrogates.
WIRE = st.binary(max_size=40).map(lambda sent: sent.decode("utf-8", "surrogateescape"))
WORDS = """sig=("@method" "@target-uri")|;created=1780000000|;keyid="pbx-1"|;tag="callback-verification"|;alg=|
sha-256=:|sha-512=:AAAA:|unknown=?1|:|"|(|)|,|;| |=|?0|%"|@1|-|9999999999999999|"content-digest";key="sha-256"|
"@query-param";name="x"|"@status"|;bs|;sf|;req|\u00e9|\x7f|\t"""
PIECES = st.sampled_from([*WORDS.replace("\n", "").split("|"), "\udcff"])
TEXT = st.lists(PIECES | WIRE, max_size=12).map("".join)


@st.composite
def changed_headers(draw: st.DrawFn) -> CIMultiDict[str]:
    """The headers of a good request, some of them cut, repeated, changed or made of pieces."""
    headers = CIMultiDict(GOOD)
    for name in draw(st.lists(st.sampled_from(BENT), min_size=1, max_size=3)):
        good = GOOD[name]
        at = draw(st.integers(0, len(good)))
        to = draw(st.integers(at, len(good)))
        made = draw(st.sampled_from(["inside", "whole", "also", "none"]))
        if made == "none":
            headers.popall(name, None)
        elif made == "also":
            headers.add(name, draw(TEXT))
        else:
            headers[name] = draw(TEXT) if made == "whole" else good[:at] + draw(TEXT) + good[to:]
    return headers


def _verify(headers: object) -> None:
    assert isinstance(headers, CIMultiDict)
    # Built as aiohttp's parser does. Its test helper would encode the headers, and these cannot be encoded.
    message = RawRequestMessage(
        "POST", PATH, HttpVersion11, CIMultiDictProxy(headers), (), False, None, False, False, URL(PATH, encoded=True)
    )
    request = web.BaseRequest(message, EMPTY_PAYLOAD, MagicMock(), MagicMock(), MagicMock(), MagicMock())
    with suppress(Unauthenticated):
        assert VERIFIER.verify(request, BODY, PUBLIC).id == "pbx-1"


def test_changed_headers_of_a_signed_request_raise_only_unauthenticated() -> None:
    print("examples:", fuzz(changed_headers(), _verify))
