"""Signed requests from systems: valid, tampered, replayed and incomplete. Also client certificates behind a proxy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, make_mocked_request
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver
from http_message_signatures.algorithms import ED25519
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from verifier.api.authentication import Authentication, Strength
from verifier.api.signed_requests import (
    TAG,
    SignedRequestVerifier,
    certificate_principal,
    sign_request,
)
from verifier.api.systems import System
from verifier.api.tokens import TokenVerifier
from verifier.core.errors import Unauthenticated
from verifier.core.principal import Principal

NOW = 1_780_000_000
PUBLIC = "https://verify.bank.example"
PATH = "/v1/legs?x=%7E1"
URL = PUBLIC + PATH
BODY = b'{"state":"connected"}'
HEADERS = {"Content-Type": "application/json", "Idempotency-Key": "k-1"}

PBX = Ed25519PrivateKey.generate()
LENDING = Ed25519PrivateKey.generate()


def raw(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


CERTIFICATE = b"\x30\x03\x02\x01\x07"
FINGERPRINT = hashlib.sha256(CERTIFICATE).hexdigest()
SYSTEMS = (
    System("pbx-1", raw(PBX), ("legs",)),
    System("lending", pem(LENDING), ("applications", "calls"), FINGERPRINT.upper()),
)
VERIFIER = SignedRequestVerifier(SYSTEMS, lambda: NOW)


def request(headers: Mapping[str, str], method: str = "POST", path: str = PATH) -> web.Request:
    return make_mocked_request(method, path, headers=CIMultiDict(headers))


def signed(
    method: str = "POST",
    url: str = URL,
    headers: Mapping[str, str] = HEADERS,
    body: bytes = BODY,
    *,
    key_id: str = "pbx-1",
    key: Ed25519PrivateKey = PBX,
    created: float = NOW,
) -> dict[str, str]:
    added = sign_request(method, url, headers, body, key_id=key_id, private_key=key, created=created)
    return {**headers, **added}


def signed_outside_the_profile(
    *, covered: tuple[str, ...], label: str = "sig", headers: Any = HEADERS, **options: Any
) -> dict[str, str]:
    """Headers with a valid signature that does not follow our signature profile."""

    class Message:
        method, url = "POST", URL

    message = Message()
    message.headers = dict(headers)  # type: ignore[attr-defined]
    resolver = MappingKeyResolver(public_keys={}, private_keys={"pbx-1": PBX, "lending": LENDING})
    signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=resolver)
    options = {"key_id": "pbx-1", "tag": TAG, "created": datetime.fromtimestamp(NOW, UTC), "body": BODY, **options}
    signer.sign(message, covered_component_ids=covered, label=label, append_if_signature_exists=True, **options)
    return message.headers  # type: ignore[attr-defined, no-any-return]


ALL = ("@method", "@target-uri", "idempotency-key")


def refusal(headers: Mapping[str, str], method: str = "POST", path: str = PATH, body: bytes = BODY) -> str:
    with pytest.raises(Unauthenticated) as caught:
        VERIFIER.verify(request(headers, method, path), body, PUBLIC)
    return caught.value.detail


def test_a_signed_request_makes_a_system_with_its_scopes() -> None:
    expected = Principal("system", "pbx-1", "systems", frozenset({"legs"}))
    assert VERIFIER.verify(request(signed()), BODY, PUBLIC) == expected


def test_each_key_grants_only_its_own_scopes() -> None:
    principal = VERIFIER.verify(request(signed(key_id="lending", key=LENDING)), BODY, PUBLIC + "/")
    assert principal.roles == {"applications", "calls"}
    assert refusal(signed(key_id="lending", key=PBX)) == "the request's signature does not verify"


def test_a_get_request_needs_no_digest_and_no_idempotency_key() -> None:
    headers = signed("GET", headers={}, body=b"")
    assert "Content-Digest" not in headers
    assert VERIFIER.verify(request(headers, "GET"), b"", PUBLIC).id == "pbx-1"


async def test_without_a_public_url_the_received_target_is_verified(aiohttp_client: Any) -> None:
    async def handle(incoming: web.Request) -> web.Response:
        return web.json_response({"id": VERIFIER.verify(incoming, await incoming.read()).id})

    app = web.Application()
    app.router.add_post("/v1/legs", handle)
    client: TestClient[web.Request, web.Application] = await aiohttp_client(app)
    headers = signed(url=str(client.make_url("/v1/legs?q=%2Fa b")))
    async with client.post("/v1/legs?q=%2Fa b", data=BODY, headers=headers) as response:
        assert await response.json() == {"id": "pbx-1"}


@pytest.mark.shows("CVP-2-5")
def test_a_change_of_any_signed_component_is_refused() -> None:
    headers = signed()
    bad = "the request's signature does not verify"
    assert refusal(headers, method="PUT") == bad
    assert refusal(headers, path="/v1/legs?x=~1") == bad
    assert refusal(headers, path="/v1/calls?x=%7E1") == bad
    assert refusal({**headers, "Idempotency-Key": "k-2"}) == bad
    other = "sha-256=:" + base64.b64encode(hashlib.sha256(b"{}").digest()).decode() + ":"
    assert refusal({**headers, "Content-Digest": other}, body=b"{}") == bad
    assert refusal({**headers, "Signature-Input": headers["Signature-Input"].replace(str(NOW), str(NOW + 1))}) == bad
    with pytest.raises(Unauthenticated, match="does not verify"):
        VERIFIER.verify(request(headers), BODY, "https://other.example")


def test_a_changed_body_is_refused() -> None:
    assert "does not match" in refusal(signed(), body=BODY + b" ")
    assert "does not match" in refusal(signed(), body=b"")


def _digest(algorithm: str, body: bytes = BODY) -> str:
    made = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(made).decode()}:"


GOOD, ALSO_GOOD = _digest("sha-256"), _digest("sha-512")


@pytest.mark.shows("CVP-2-9")
@pytest.mark.parametrize(
    "digest",
    [
        GOOD,
        ALSO_GOOD,
        f"{GOOD}, {ALSO_GOOD}",
        f"{GOOD}, blake3=:AAAA:",
        f"blake3=:AAAA:, {GOOD}",
        f"md5=:AAAA:;x=1, {GOOD}, new, sha-1024=(:AAAA: :BBBB:)",
        f'new=:AAAA:;note="x, sha-256=:AAAA:", {GOOD}',
    ],
)
def test_a_digest_with_an_unknown_algorithm_is_ignored(digest: str) -> None:
    assert VERIFIER.verify(request(_signed_over(digest)), BODY, PUBLIC).id == "pbx-1"


@pytest.mark.shows("CVP-2-9")
@pytest.mark.parametrize(
    "digest",
    [
        "blake3=:AAAA:",
        "md5=:AAAA:, sha=:AAAA:",
        f"{GOOD}, {_digest('sha-512', b'another')}",
        f"{_digest('sha-256', b'another')}, {ALSO_GOOD}",
        f"{GOOD}, {_digest('sha-256', b'another')}",
        f"{GOOD}, {GOOD}",
        "sha-256",
        "sha-256=:AAAA:",
        f"{GOOD}, sha-512=x",
        f"{GOOD}, ,",
        f'new=:AAAA:;note="x, {GOOD}"',
    ],
)
def test_at_least_one_known_digest_is_required_and_all_of_them_must_match(digest: str) -> None:
    refusal(_signed_over(digest))


def _signed_over(digest: str) -> dict[str, str]:
    """Headers of a request whose signature covers this Content-Digest, well-formed or not."""
    headers = {**HEADERS, "Content-Digest": digest}
    parameters = f'("@method" "@target-uri" "idempotency-key" "content-digest");created={NOW};keyid="pbx-1";tag="{TAG}"'
    lines = [
        '"@method": POST',
        f'"@target-uri": {URL}',
        f'"idempotency-key": {HEADERS["Idempotency-Key"]}',
        f'"content-digest": {digest}',
        f'"@signature-params": {parameters}',
    ]
    signature = base64.b64encode(PBX.sign("\n".join(lines).encode())).decode()
    return {**headers, "Signature-Input": f"sig={parameters}", "Signature": f"sig=:{signature}:"}


def test_an_unknown_key_id_and_a_bad_signature_get_the_same_refusal() -> None:
    stranger = Ed25519PrivateKey.generate()
    assert (
        refusal(signed(key_id="nobody")) == refusal(signed(key=stranger)) == refusal(signed(key_id="no", key=stranger))
    )


@pytest.mark.shows("CVP-2-5")
@pytest.mark.parametrize("missing", ["@method", "@target-uri", "idempotency-key"])
def test_a_signature_that_omits_a_required_component_is_refused(missing: str) -> None:
    covered = tuple(component for component in ALL if component != missing)
    assert missing in refusal(signed_outside_the_profile(covered=covered))


@pytest.mark.shows("CVP-2-5")
def test_a_body_whose_digest_is_not_signed_is_refused() -> None:
    digest = "sha-256=:" + base64.b64encode(hashlib.sha256(BODY).digest()).decode() + ":"
    headers = signed_outside_the_profile(covered=ALL, body=None)
    assert "content-digest" in refusal(headers)
    assert "content-digest" in refusal({**headers, "Content-Digest": digest})


@pytest.mark.shows("CVP-2-5")
def test_an_idempotency_key_added_in_transit_is_refused() -> None:
    headers = signed(headers={"Content-Type": "application/json"})
    assert "idempotency-key" in refusal({**headers, "Idempotency-Key": "added"})


@pytest.mark.shows("CVP-2-5")
@pytest.mark.parametrize("skew", [-61, 61, -86_400])
def test_a_signature_outside_the_time_window_is_refused(skew: int) -> None:
    assert "created too long ago" in refusal(signed(created=NOW + skew))


@pytest.mark.parametrize("skew", [-60, 60])
def test_a_signature_at_the_edge_of_the_time_window_is_accepted(skew: int) -> None:
    assert VERIFIER.verify(request(signed(created=NOW + skew)), BODY, PUBLIC)


def test_an_expired_signature_is_refused() -> None:
    assert "expired" in refusal(signed_outside_the_profile(covered=ALL, expires=datetime.fromtimestamp(NOW - 1, UTC)))


@pytest.mark.shows("CVP-2-5")
def test_a_signature_without_a_creation_time_is_refused() -> None:
    headers = signed()
    unstamped = headers["Signature-Input"].replace(f";created={NOW}", "")
    assert "when it was created" in refusal({**headers, "Signature-Input": unstamped})


@pytest.mark.shows("CVP-2-5")
def test_a_signature_without_key_id_is_refused() -> None:
    headers = signed()
    nameless = headers["Signature-Input"].replace(';keyid="pbx-1"', "")
    assert "keyid" in refusal({**headers, "Signature-Input": nameless})


@pytest.mark.shows("CVP-2-5")
def test_a_signature_made_for_another_service_is_refused() -> None:
    assert "tag" in refusal(signed_outside_the_profile(covered=ALL, tag="payments"))
    assert "tag" in refusal(signed_outside_the_profile(covered=ALL, tag=None))


@pytest.mark.shows("CVP-2-5")
def test_an_algorithm_other_than_ed25519_is_refused_and_naming_none_is_accepted() -> None:
    headers = signed()
    assert "algorithm" in refusal(
        {**headers, "Signature-Input": headers["Signature-Input"].replace('alg="ed25519"', 'alg="hmac-sha256"')}
    )
    assert VERIFIER.verify(request(signed_outside_the_profile(covered=ALL, include_alg=False)), BODY, PUBLIC)


def test_a_nonce_is_allowed() -> None:
    assert VERIFIER.verify(request(signed_outside_the_profile(covered=ALL, nonce="n-1")), BODY, PUBLIC)


@pytest.mark.shows("CVP-2-5")
def test_two_signatures_for_this_service_are_refused_and_those_for_others_are_ignored() -> None:
    ours = signed()
    del ours["Content-Digest"]
    twice = signed_outside_the_profile(covered=ALL, label="second", headers=ours, key_id="lending")
    assert "more than one" in refusal(twice)
    proxied = signed_outside_the_profile(covered=ALL, label="proxy", headers=ours, key_id="lending", tag="proxy")
    assert VERIFIER.verify(request(proxied), BODY, PUBLIC).id == "pbx-1"


def test_a_request_without_signature_is_refused() -> None:
    assert "Signature-Input" in refusal(HEADERS)


def test_an_overlong_signature_input_is_refused_before_it_is_parsed() -> None:
    headers = signed()
    headers["Signature-Input"] += ', b=("@method")' * 150
    assert "too long" in refusal(headers)


@pytest.mark.parametrize("path", ["*", "http://verify.bank.example/v1/legs"])
def test_a_target_that_is_not_a_path_is_refused(path: str) -> None:
    assert refusal(signed(), "OPTIONS", path) == "the request target is not a path"


@given(st.text(max_size=200), st.text(max_size=200))
def test_garbage_headers_are_always_refused_as_unauthenticated(signature_input: str, signature: str) -> None:
    refusal({**signed(), "Signature-Input": signature_input, "Signature": signature})


@given(st.data())
def test_one_changed_character_in_a_signed_request_is_never_accepted(data: st.DataObject) -> None:
    headers = signed()
    original = headers["Signature-Input"].removeprefix("sig=")
    place = data.draw(st.integers(0, len(original) - 1))
    changed = original[:place] + data.draw(st.characters(max_codepoint=126)) + original[place + 1 :]
    headers["Signature-Input"] = "sig=" + changed
    if changed.rstrip(" \t") != original:
        refusal(headers)


def test_the_library_verifies_the_ed25519_example_of_rfc_9421_appendix_b_2_6() -> None:
    spki = base64.b64decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
    key = load_der_public_key(spki)

    class Message:
        method = "POST"
        url = "https://example.com/foo?param=Value&Pet=dog"
        headers = {  # noqa: RUF012
            "Host": "example.com",
            "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "Content-Type": "application/json",
            "Content-Length": "18",
            "Signature-Input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
            ';created=1618884473;keyid="test-key-ed25519"',
            "Signature": "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1"
            "u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
        }

    resolver = MappingKeyResolver(public_keys={"test-key-ed25519": key}, private_keys={})  # type: ignore[dict-item]
    (result,) = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=resolver).verify(Message(), max_age=None)
    assert result.parameters["created"] == 1_618_884_473


def client_cert(certificate: bytes) -> dict[str, str]:
    return {"Client-Cert": f":{base64.b64encode(certificate).decode()}:"}


def test_a_client_certificate_from_the_proxy_is_known_by_its_fingerprint() -> None:
    expected = Principal("system", "lending", "systems", frozenset({"applications", "calls"}))
    assert certificate_principal(request(client_cert(CERTIFICATE)), SYSTEMS) == expected


@pytest.mark.shows("CVP-2-6")
async def test_client_certificates_are_ignored_unless_the_operator_enables_them() -> None:
    def authentication(switched_on: bool) -> Authentication:
        tokens = TokenVerifier((), lambda: pytest.fail("no key set is fetched"), lambda: NOW)
        return Authentication(
            tokens, SYSTEMS, lambda: NOW, client_cert_header=switched_on, public_url=None, strength=Strength()
        )

    reported = request(client_cert(CERTIFICATE))
    assert (await authentication(True).identify(reported, b"")).id == "lending"
    with pytest.raises(Unauthenticated):
        await authentication(False).identify(reported, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Client-Cert": ""},
        {"Client-Cert": ":"},
        {"Client-Cert": ":é:"},
        {"Client-Cert": "::"},
        client_cert(b"other"),
    ],
)
def test_another_certificate_or_none_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        certificate_principal(request(headers), SYSTEMS)


def test_two_certificate_headers_are_refused() -> None:
    headers = CIMultiDict([*client_cert(CERTIFICATE).items(), *client_cert(b"other").items()])
    with pytest.raises(Unauthenticated):
        certificate_principal(make_mocked_request("GET", "/", headers=headers), SYSTEMS)
