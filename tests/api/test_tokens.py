"""Forged, expired and valid bearer tokens, with an issuer on a real socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import warnings
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from tests.api.provider import NOW, Clock, Issuer, Make, encoded, published, refused, settled
from verifier.api import key_sets, tokens
from verifier.api.issuers import TrustedIssuer
from verifier.api.key_sets import Published
from verifier.api.tokens import TokenVerifier
from verifier.core.errors import Unauthenticated, Unavailable
from verifier.core.principal import Principal
from verifier.demo.issuer import LIFETIME_S, DemoIssuer

EXP_MS = (NOW + 900) * 1000
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})


async def test_a_staff_token_makes_an_officer_with_the_known_roles(issuer: Issuer, make: Make) -> None:
    token = issuer.mint(roles=["officer", "auditor", "admin", {"of": "the world"}])
    expected = Principal("staff", "E1007", issuer.url, frozenset({"officer", "auditor"}), EXP_MS)
    assert await make().verify(token) == expected


async def test_the_audience_decides_between_staff_and_customer_of_one_issuer(issuer: Issuer, make: Make) -> None:
    token = issuer.mint(aud=["something-else", "customer-app"], sub="C-88")
    assert await make().verify(token) == Principal("customer", "C-88", issuer.url, until=EXP_MS)


@pytest.mark.parametrize("roles", [None, [], "admin", 7, {"officer": True}, ["Officer"]])
async def test_a_staff_token_without_a_known_role_grants_none(issuer: Issuer, make: Make, roles: Any) -> None:
    assert (await make().verify(issuer.mint(roles=roles))).roles == frozenset()


async def test_other_claims_may_carry_the_id_and_the_roles(issuer: Issuer, make: Make) -> None:
    trusted = TrustedIssuer("staff", issuer.url, ("staff-api",), id_claim="employee", roles_claim="groups")
    principal = await make(trusted).verify(issuer.mint(employee="王芳 07", groups="supervisor"))
    assert principal == Principal("staff", "王芳 07", issuer.url, frozenset({"supervisor"}), EXP_MS)


@pytest.mark.shows("CVP-2-2")
@pytest.mark.parametrize(
    ("alg", "key"),
    [("RS256", RSA), ("PS256", RSA), ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "ed"}))],
)
async def test_every_algorithm_allowed_by_default_verifies(issuer: Issuer, make: Make, alg: str, key: Key) -> None:
    issuer.keys = [published(key)]
    assert await make().verify(issuer.mint({"alg": alg, "typ": "at+jwt", "kid": key.kid}, key))


@pytest.mark.shows("CVP-2-2")
@pytest.mark.parametrize("typ", ["jwt", "JWT", "at+JWT", "application/at+jwt"])
async def test_the_token_type_is_case_insensitive(issuer: Issuer, make: Make, typ: str) -> None:
    assert await make().verify(issuer.mint(issuer.header(typ=typ)))


async def test_tokens_of_the_demo_issuer_verify(make: Make, clock: Clock) -> None:
    port = unused_port()
    demo = DemoIssuer(f"http://127.0.0.1:{port}/demo/", clock)
    app = web.Application()
    app.add_routes(demo.routes())
    server = TestServer(app, port=port)
    await server.start_server()
    try:
        verifier = make(TrustedIssuer("staff", demo.issuer, ("staff-api",)))
        token = demo.mint("staff-api", "E1", ["supervisor"])
        until = (NOW + LIFETIME_S) * 1000
        assert await verifier.verify(token) == Principal("staff", "E1", demo.issuer, frozenset({"supervisor"}), until)
    finally:
        await server.close()


def unsigned(issuer: Issuer) -> str:
    return f"{encoded(issuer.header(alg='none'))}.{encoded(issuer.claims())}."


def keyed_with_the_public_key(issuer: Issuer) -> str:
    signed = f"{encoded(issuer.header(alg='HS256'))}.{encoded(issuer.claims())}"
    mac = hmac.digest(issuer.key.as_pem(private=False), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def with_a_key_of_its_own(issuer: Issuer) -> str:
    own = ECKey.generate_key("P-256")
    header = issuer.header(jwk=published(own), jku="https://evil.example/jwks", x5u="https://evil.example/x5u")
    return issuer.mint(header, own)


def with_another_signature(issuer: Issuer) -> str:
    return issuer.mint(sub="E1").rpartition(".")[0] + "." + issuer.mint().rpartition(".")[2]


def deeply_nested(issuer: Issuer) -> str:
    deep = base64.urlsafe_b64encode(b'{"a":' + b"[" * 2800 + b"]" * 2800 + b"}").rstrip(b"=").decode()
    return f"{encoded(issuer.header())}.{deep}.AA"


FORGED: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "alg none": (unsigned, "algorithm"),
    "HS256 keyed with the public key": (keyed_with_the_public_key, "algorithm"),
    "an algorithm off the issuer's list": (lambda i: i.mint(i.header(alg="RS512"), RSA), "algorithm"),
    "an RSA algorithm for the EC key": (lambda i: i.mint(i.header(alg="RS256"), RSA), "does not publish"),
    "an unknown kid": (lambda i: i.mint(i.header(kid="two")), "does not publish"),
    "a stranger's key under a known kid": (
        lambda i: i.mint(key=ECKey.generate_key("P-256")),
        "signature does not verify",
    ),
    "an embedded jwk, jku and x5u": (with_a_key_of_its_own, "signature does not verify"),
    "the signature of another token": (with_another_signature, "signature does not verify"),
    "no signature": (lambda i: i.mint().rpartition(".")[0] + ".", "signature does not verify"),
    "expired": (lambda i: i.mint(exp=NOW), "expired"),
    "no exp": (lambda i: i.mint(exp=None), "when it expires"),
    "exp in words": (lambda i: i.mint(exp="tomorrow"), "NumericDate"),
    "exp true": (lambda i: i.mint(exp=True), "NumericDate"),
    "exp of ten thousand digits": (lambda i: i.mint(exp=10**400), "longer than a day"),
    "a lifetime of more than a day": (lambda i: i.mint(exp=NOW + 86_401), "longer than a day"),
    "nbf in the future": (lambda i: i.mint(nbf=NOW + 31), "not valid yet"),
    "iat in the future": (lambda i: i.mint(iat=NOW + 31), "not valid yet"),
    "another audience": (lambda i: i.mint(aud="payroll"), "another audience"),
    "no audience": (lambda i: i.mint(aud=None), "another audience"),
    "an audience that only contains ours": (lambda i: i.mint(aud="staff-api-2"), "another audience"),
    "both our audiences": (lambda i: i.mint(aud=["staff-api", "customer-app"]), "more than one"),
    "another issuer": (lambda i: i.mint(iss="https://evil.example"), "issuer is not known"),
    "the issuer with a slash": (lambda i: i.mint(iss=i.url + "/"), "issuer is not known"),
    "an issuer that is a list": (lambda i: i.mint(iss=[i.url]), "issuer is not known"),
    "no typ": (lambda i: i.mint(i.header(typ=None)), "type"),
    "our own call ticket": (lambda i: i.mint(i.header(typ="call-ticket+jwt")), "type"),
    "our own receipt": (lambda i: i.mint(i.header(typ="call-receipt+jwt")), "type"),
    "crit": (lambda i: i.mint(i.header(crit=["kid"])), "critical"),
    "no sub": (lambda i: i.mint(sub=None), "identity"),
    "an empty sub": (lambda i: i.mint(sub=""), "identity"),
    "a sub of 129 characters": (lambda i: i.mint(sub="x" * 129), "identity"),
    "a sub with a NUL": (lambda i: i.mint(sub="E1\0staff"), "identity"),
    "a sub that turns the direction": (lambda i: i.mint(sub="E1\u202e7"), "identity"),
    "a numeric sub": (lambda i: i.mint(sub=7), "identity"),
    "oversize": (lambda i: i.mint(pad="x" * 8192), "too long"),
    "not ASCII": (lambda i: i.mint() + "é", "not a JWT"),
    "a lone surrogate": (lambda i: i.mint() + "\udcff", "not a JWT"),
    "empty": (lambda i: "", "not a JWT"),
    "two parts": (lambda i: "e30.e30", "not a JWT"),
    "five parts, as a JWE": (lambda i: "e30.e30.e30.e30.e30", "not a JWT"),
    "a header that is a list": (lambda i: "W10." + i.mint().partition(".")[2], "not a JWT"),
    "nesting without end": (deeply_nested, "not a JWT"),
    "padded base64": (lambda i: i.mint().replace(".", "=.", 1), "not a JWT"),
}


@pytest.mark.shows("CVP-2-2", "CVP-2-3")
@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_token_is_refused(issuer: Issuer, make: Make, name: str) -> None:
    forge, because = FORGED[name]
    await refused(make().verify(forge(issuer)), because)


@pytest.mark.shows("CVP-2-2")
async def test_an_issuer_clock_thirty_seconds_ahead_is_tolerated(issuer: Issuer, make: Make) -> None:
    assert await make().verify(issuer.mint(nbf=NOW + 30, iat=NOW + 30))


async def test_a_foreign_alg_or_audience_causes_no_key_fetch(issuer: Issuer, make: Make) -> None:
    verifier = make()
    for name in ("alg none", "HS256 keyed with the public key", "another audience", "expired", "no typ"):
        await refused(verifier.verify(FORGED[name][0](issuer)), "")
    assert issuer.fetches == 0


async def test_a_customers_token_is_not_staff_at_an_issuer_with_the_same_kid(issuer: Issuer, make: Make) -> None:
    other = Issuer()
    await other.start()
    try:
        verifier = make(
            TrustedIssuer("staff", issuer.url, ("api",)),
            TrustedIssuer("customer", other.url, ("api",)),
        )
        assert (await verifier.verify(other.mint(aud="api", sub="C1"))).kind == "customer"
        await refused(verifier.verify(other.mint(aud="api", iss=issuer.url)), "signature does not verify")
    finally:
        await other.server.close()


async def test_two_indistinguishable_issuers_stop_the_start(issuer: Issuer, make: Make) -> None:
    with pytest.raises(ValueError, match="same issuer and audience"):
        make(TrustedIssuer("staff", issuer.url, ("api",)), TrustedIssuer("customer", issuer.url, ("api",)))


@pytest.mark.shows("CVP-2-2")
@pytest.mark.parametrize("algorithms", [("none",), ("HS256",), ("ES256", "HS512"), ("Ed448",), ()])
def test_an_issuer_with_a_symmetric_or_no_algorithm_stops_the_start(algorithms: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        TrustedIssuer("staff", "https://id.bank.example", ("api",), algorithms=algorithms)


@pytest.mark.parametrize(
    "parts", [("id.bank.example", ("api",)), ("https://id.bank.example", ("",)), ("https://id.bank.example", ())]
)
def test_an_issuer_without_a_url_or_audience_stops_the_start(parts: tuple[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="issuer"):
        TrustedIssuer("staff", *parts)


async def test_a_token_without_kid_verifies_only_if_there_is_one_key(issuer: Issuer, make: Make) -> None:
    token = issuer.mint(issuer.header(kid=None))
    assert await make().verify(token)
    issuer.keys.append(published(RSA))
    await refused(make().verify(token), "does not publish")


with warnings.catch_warnings(action="ignore"):
    SMALL_RSA = RSAKey.generate_key(1024)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    ("name", "key", "alg", "members"),
    [
        ("RSA of 1024 bits", SMALL_RSA, "RS256", {}),
        ("for encryption", RSA, "RS256", {"use": "enc"}),
        ("for another algorithm", RSA, "RS256", {"alg": "PS256"}),
        ("not for verifying", RSA, "RS256", {"key_ops": ["encrypt"]}),
        ("on another curve", ECKey.generate_key("P-384"), "ES384", {}),
        ("symmetric", OctKey.generate_key(256), "HS256", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_unusable_key_is_skipped_and_the_others_still_verify(
    issuer: Issuer, make: Make, name: str, key: Key, alg: str, members: dict[str, Any]
) -> None:
    jwk = dict(key.as_dict(private=isinstance(key, OctKey), kid="unfit", **members))
    issuer.keys = [{}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "AKP"}, jwk, *issuer.keys]
    verifier = make()
    assert await verifier.verify(issuer.mint())
    with pytest.raises(Unauthenticated):
        await verifier.verify(issuer.mint(issuer.header(alg=alg, kid="unfit"), key))


async def test_a_token_without_kid_ignores_keys_that_cannot_verify(issuer: Issuer, make: Make) -> None:
    secret = dict(OctKey.generate_key(256).as_dict(private=True))
    issuer.keys += [secret, published(RSA, use="enc"), published(RSA, key_ops=["encrypt"])]
    assert await make().verify(issuer.mint(issuer.header(kid=None)))


async def test_rotated_keys_are_found_while_running(issuer: Issuer, make: Make, clock: Clock) -> None:
    verifier = make()
    await verifier.verify(issuer.mint())
    issuer.key = ECKey.generate_key("P-256", {"kid": "two"})
    issuer.keys.append(published(issuer.key))
    clock.now += 31
    assert await verifier.verify(issuer.mint(issuer.header(kid="two")))
    assert issuer.fetches == 2


async def test_invented_kids_cause_at_most_one_fetch_every_thirty_seconds(
    issuer: Issuer, make: Make, clock: Clock
) -> None:
    verifier = make()
    for second in range(90):
        await refused(verifier.verify(issuer.mint(issuer.header(kid=f"invented {second}"))), "does not publish")
        clock.now += 1
    assert issuer.fetches == 3


async def test_many_waiting_callers_share_one_fetch(issuer: Issuer, make: Make) -> None:
    verifier = make()
    issuer.answering.clear()
    calls = [asyncio.create_task(verifier.verify(issuer.mint(sub=f"E{n}"))) for n in range(20)]
    await issuer.asked.wait()
    calls[0].cancel()
    issuer.answering.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[1:]] == [Principal] * 19
    assert issuer.fetches == 1


async def test_without_keys_a_token_is_unavailable_and_the_fetch_is_retried_soon(
    issuer: Issuer, make: Make, clock: Clock
) -> None:
    verifier = make()
    issuer.status = 503
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await verifier.verify(issuer.mint())
    assert caught.value.retry_after == 5
    assert issuer.fetches == 1
    issuer.status = 200
    clock.now += 5
    assert await verifier.verify(issuer.mint())


async def test_a_fetch_from_a_hanging_issuer_times_out(
    issuer: Issuer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "FETCH_TIMEOUT_S", 0.05)
    issuer.answering.clear()
    with pytest.raises(Unavailable):
        await make().verify(issuer.mint())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"keys":[' + b" " * 262_144 + b"]}"),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"keys":"none"}'),
        (302, b""),
        (500, b'{"keys":[]}'),
    ],
    ids=["too large", "not JSON", "a list", "no list", "redirect", "error"],
)
async def test_an_invalid_key_set_is_not_used(issuer: Issuer, make: Make, status: int, body: bytes) -> None:
    issuer.status, issuer.body = status, body
    with pytest.raises(Unavailable):
        await make().verify(issuer.mint())


async def test_a_discovery_document_of_another_issuer_is_not_used(issuer: Issuer, make: Make) -> None:
    issuer.claims_to_be = issuer.url + "/"
    with pytest.raises(Unavailable):
        await make().verify(issuer.mint())
    assert issuer.fetches == 0


async def test_a_discovery_document_cannot_lead_from_https_to_http(
    issuer: Issuer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def answer(key_set: object, url: str, shape: Any) -> Any:
        asked.append(url)
        members = {"issuer": "https://id.bank.example/", "jwks_uri": "http://id.bank.example/jwks", "keys": issuer.keys}
        return msgspec.convert(members, shape)

    monkeypatch.setattr(key_sets.KeySet, "_get", answer)
    with pytest.raises(Unavailable):
        await make(TrustedIssuer("staff", "https://id.bank.example/", ("staff-api",))).verify(
            issuer.mint(iss="https://id.bank.example/")
        )
    assert asked == ["https://id.bank.example/.well-known/openid-configuration"]


async def test_a_configured_key_set_address_needs_no_discovery(issuer: Issuer, make: Make) -> None:
    issuer.claims_to_be = "https://elsewhere.example"
    trusted = TrustedIssuer("staff", issuer.url, ("staff-api",), jwks_url=f"{issuer.url}/jwks.json")
    assert await make(trusted).verify(issuer.mint())


@pytest.mark.shows("CVP-2-14")
async def test_cached_keys_serve_for_an_hour_while_the_issuer_is_down(issuer: Issuer, make: Make, clock: Clock) -> None:
    verifier = make()
    await verifier.verify(issuer.mint())
    issuer.status = 500
    clock.now = NOW + 3_599
    assert await verifier.verify(issuer.mint(exp=NOW + 9_000))
    clock.now = NOW + 3_600
    with pytest.raises(Unavailable):
        await verifier.verify(issuer.mint(exp=NOW + 9_000))


async def test_while_the_issuer_is_down_cached_tokens_verify_until_the_keys_are_an_hour_old(
    issuer: Issuer, make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = make()
    await verifier.verify(issuer.mint())
    issuer.status, token = 500, issuer.mint(exp=NOW + 9_000)
    clock.now = NOW + 3_580
    await verifier.verify(token)
    await settled(verifier)
    monkeypatch.setattr(tokens, "_check_signature", None)
    clock.now = NOW + 3_599
    assert await verifier.verify(token)
    assert issuer.fetches == 2
    clock.now = NOW + 3_600
    with pytest.raises(Unavailable):
        await verifier.verify(token)
    assert issuer.fetches == 2


@pytest.mark.shows("CVP-2-10")
async def test_keys_in_use_are_fetched_again_after_half_a_minute(issuer: Issuer, make: Make, clock: Clock) -> None:
    verifier = make()
    await verifier.verify(issuer.mint())
    clock.now = NOW + 29
    await verifier.verify(issuer.mint(sub="E2"))
    assert issuer.fetches == 1
    clock.now = NOW + 30
    await verifier.verify(issuer.mint(sub="E3"))
    await settled(verifier)
    assert issuer.fetches == 2


@pytest.mark.shows("CVP-2-4")
async def test_a_verified_token_is_cached_and_not_verified_again(
    issuer: Issuer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier, token = make(), issuer.mint()
    first = await verifier.verify(token)
    monkeypatch.setattr(tokens, "_check_signature", None)
    assert await verifier.verify(token) is first


@pytest.mark.shows("CVP-2-4")
async def test_a_cached_token_is_dropped_when_it_expires(issuer: Issuer, make: Make, clock: Clock) -> None:
    verifier, token = make(), issuer.mint(exp=NOW + 60)
    await verifier.verify(token)
    clock.now = NOW + 59.9
    assert await verifier.verify(token)
    clock.now = NOW + 60
    await refused(verifier.verify(token), "expired")


@pytest.mark.shows("CVP-2-4")
async def test_a_cached_token_is_dropped_when_its_key_is_withdrawn(issuer: Issuer, make: Make, clock: Clock) -> None:
    verifier, token = make(), issuer.mint(exp=NOW + 3600)
    await verifier.verify(token)
    issuer.keys = [published(ECKey.generate_key("P-256", {"kid": "one"}))]
    clock.now = NOW + 29
    assert await verifier.verify(token)
    clock.now = NOW + 30
    await verifier.refresh_if_due()
    await settled(verifier)
    await refused(verifier.verify(token), "signature does not verify")


@pytest.mark.shows("CVP-2-4", "CVP-2-14")
async def test_a_key_withdrawn_while_idle_is_refused_a_minute_later(issuer: Issuer, make: Make, clock: Clock) -> None:
    verifier, token = make(), issuer.mint(exp=NOW + 3600)
    await verifier.verify(token)
    issuer.keys = [published(ECKey.generate_key("P-256", {"kid": "two"}))]
    clock.now = NOW + 60
    await refused(verifier.verify(token), "does not publish")
    await refused(verifier.verify(issuer.mint(sub="E2", exp=NOW + 3600)), "does not publish")


@pytest.mark.shows("CVP-2-14")
async def test_a_key_withdrawn_during_a_fetch_is_refused_a_minute_later(
    issuer: Issuer, make: Make, clock: Clock
) -> None:
    verifier, token = make(), issuer.mint(exp=NOW + 3600)
    issuer.answering.clear()
    waiting = asyncio.create_task(verifier.verify(token))
    await issuer.asked.wait()
    clock.now = NOW + 4
    issuer.answering.set()
    assert await waiting
    issuer.keys = []
    clock.now = NOW + 60
    await refused(verifier.verify(token), "does not publish")


@pytest.mark.shows("CVP-2-14")
async def test_a_token_is_unavailable_if_the_provider_does_not_answer_after_an_idle_minute(
    issuer: Issuer, make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "WAIT_S", 0.05)
    verifier, token = make(), issuer.mint(exp=NOW + 3600)
    await verifier.verify(token)
    issuer.answering.clear()
    clock.now = NOW + 60
    with pytest.raises(Unavailable):
        await verifier.verify(token)


@pytest.mark.shows("CVP-2-4")
@pytest.mark.parametrize("seconds", [15, 60, 600])
async def test_a_cached_token_is_verified_again_after_the_configured_time(
    issuer: Issuer, make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    verifier, token = make(recheck_s=seconds), issuer.mint(exp=NOW + 3600)
    await verifier.verify(token)
    checked = []
    check = tokens._check_signature
    monkeypatch.setattr(tokens, "_check_signature", lambda *given: checked.append(check(*given)))
    clock.now = NOW + seconds - 1
    assert await verifier.verify(token)
    assert checked == []
    clock.now = NOW + seconds
    assert await verifier.verify(token)
    assert len(checked) == 1
    clock.now = NOW + seconds - 5
    assert await verifier.verify(token)
    assert len(checked) == 2, "setting the clock back does not keep a token cached for longer"


@pytest.mark.shows("CVP-2-14")
async def test_a_clock_set_back_revives_no_withdrawn_key_and_blocks_no_new_one(
    issuer: Issuer, make: Make, clock: Clock
) -> None:
    verifier, token = make(), issuer.mint(exp=NOW + 3600)
    clock.now = NOW + 900
    await verifier.verify(token)
    old = issuer.key
    issuer.key = ECKey.generate_key("P-256", {"kid": "two"})
    issuer.keys = [published(issuer.key)]
    clock.now = NOW
    assert await verifier.verify(issuer.mint(issuer.header(kid="two")))
    await refused(verifier.verify(token), "does not publish")
    await refused(verifier.verify(issuer.mint(key=old)), "does not publish")


async def test_a_cached_token_is_dropped_when_another_token_refreshes_the_key_set(
    issuer: Issuer, make: Make, clock: Clock
) -> None:
    verifier, token = make(), issuer.mint()
    await verifier.verify(token)
    issuer.key = ECKey.generate_key("P-256", {"kid": "two"})
    issuer.keys = [published(issuer.key)]
    clock.now += 31
    await verifier.verify(issuer.mint(issuer.header(kid="two")))
    await refused(verifier.verify(token), "does not publish")


async def test_the_token_cache_is_bounded_and_drops_the_least_recently_used(
    issuer: Issuer, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 2)
    verifier = make()
    one, two, three = (issuer.mint(sub=f"E{n}") for n in (1, 2, 3))
    for token in (one, two, one, three):
        await verifier.verify(token)
    monkeypatch.setattr(tokens, "_check_signature", None)
    assert await verifier.verify(one)
    assert await verifier.verify(three)
    with pytest.raises(TypeError):
        await verifier.verify(two)


async def test_the_token_cache_forgets_tokens_that_no_longer_count(issuer: Issuer, make: Make, clock: Clock) -> None:
    verifier = make()
    for n in range(3):
        await verifier.verify(issuer.mint(sub=f"E{n}"))
    clock.now += tokens.RECHECK_S
    await verifier.verify(issuer.mint(sub="E3"))
    assert len(verifier._remembered) == 2


class Offline:
    """A verifier with cached keys, for property tests that need no socket."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.issuer.url = "https://id.bank.example"
        self.verifier = TokenVerifier(
            [TrustedIssuer("staff", self.issuer.url, ("staff-api",))], self._no_session, Clock()
        )
        (key_set,) = self.verifier._key_sets.values()
        key_set._keys, key_set._fetched_at = (Published(self.issuer.key, self.issuer.key.thumbprint()),), NOW
        key_set._asked_at, key_set._due, key_set._not_before = NOW, NOW + 600, NOW + 600

    def _no_session(self) -> aiohttp.ClientSession:
        raise AssertionError("nothing is to be fetched")

    def outcome(self, token: str) -> Principal | None:
        try:
            return asyncio.run(self.verifier.verify(token))
        except Unauthenticated:
            return None


OFFLINE = Offline()
HONEST = OFFLINE.issuer.mint()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_garbage_tokens_are_always_refused_as_unauthenticated(token: str) -> None:
    assert OFFLINE.outcome(token) is None


@given(st.integers(0, len(HONEST) - 1), st.characters(max_codepoint=0x17F))
def test_a_token_with_one_character_changed_is_never_accepted(place: int, character: str) -> None:
    token = HONEST[:place] + character + HONEST[place + 1 :]
    assert (OFFLINE.outcome(token) is not None) == (token == HONEST)


@given(
    st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "jwk", "b64"]), json_values),
    st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "roles"]), json_values),
)
def test_any_unsigned_header_and_claims_are_refused_as_unauthenticated(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    issuer = OFFLINE.issuer
    signed = f"{encoded({**issuer.header(), **header})}.{encoded({**issuer.claims(), **claims})}"
    signature = HONEST.rpartition(".")[2]
    assert OFFLINE.outcome(f"{signed}.{signature}") is None or signed == HONEST.rpartition(".")[0]


@given(claims=st.dictionaries(st.sampled_from(["aud", "exp", "nbf", "iat", "sub", "roles", "azp"]), json_values))
def test_strange_signed_claims_are_accepted_or_refused_as_unauthenticated(claims: dict[str, Any]) -> None:
    OFFLINE.outcome(OFFLINE.issuer.mint(**claims))
