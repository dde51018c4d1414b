"""The settings of trusted issuers, and the claims of their tokens that count."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from tests.api.provider import Issuer, Make, published, refused
from verifier.api.issuers import SIGNATURE_ALGORITHMS, TrustedIssuer, claim_at, role_mapping
from verifier.app import page_facts, token_verifier, trusted_issuers
from verifier.config import BadSettings, Config

KEYCLOAK = {
    "realm_access": {"roles": ["officer", "offline_access"]},
    "resource_access": {"verifier": {"roles": ["auditor"]}},
}


@pytest.mark.shows("CVP-2-11")
@pytest.mark.parametrize(
    ("path", "claims", "found"),
    [
        ("realm_access.roles", KEYCLOAK, ["officer", "offline_access"]),
        ("resource_access.verifier.roles", KEYCLOAK, ["auditor"]),
        ("resource_access.other.roles", KEYCLOAK, None),
        ("realm_access.roles.0", KEYCLOAK, None),
        ("realm_access.roles", {**KEYCLOAK, "realm_access.roles": ["auditor"]}, ["auditor"]),
        ("https://bank.example/roles", {"https://bank.example/roles": ["officer"]}, ["officer"]),
        ("https://bank.example/roles", {"https://bank": {"example/roles": ["officer"]}}, ["officer"]),
        ("a.verify.bank.example.roles", {"a": {"verify.bank.example": {"roles": "officer"}}}, "officer"),
        ("roles", {"roles": None}, None),
        ("a.b", {"a": "b"}, None),
        ("a.b", {"a": ["b"]}, None),
    ],
)
def test_a_claim_is_found_by_its_full_name_or_by_a_dotted_path(path: str, claims: Any, found: Any) -> None:
    assert claim_at(claims, path) == found


@pytest.mark.shows("CVP-2-11")
async def test_an_officers_id_and_roles_can_be_nested_claims(issuer: Issuer, make: Make) -> None:
    trusted = TrustedIssuer(
        "staff", issuer.url, ("staff-api",), id_claim="employee.number", roles_claim="realm_access.roles"
    )
    principal = await make(trusted).verify(issuer.mint(roles=["auditor"], employee={"number": "4412"}, **KEYCLOAK))
    assert (principal.id, principal.roles) == ("4412", frozenset({"officer"}))


@pytest.mark.shows("CVP-2-11")
async def test_with_a_role_mapping_only_mapped_roles_count(issuer: Issuer, make: Make) -> None:
    mapping = role_mapping(["Verifier.Officer = officer", "Verifier.Lead=supervisor", "Verifier.Lead=officer"])
    verifier = make(TrustedIssuer("staff", issuer.url, ("staff-api",), roles=mapping))
    assert (await verifier.verify(issuer.mint(roles=["Verifier.Lead"]))).roles == {"supervisor", "officer"}
    assert (await verifier.verify(issuer.mint(roles="Verifier.Officer"))).roles == {"officer"}
    assert (await verifier.verify(issuer.mint(roles=["officer", "auditor", "verifier.lead"]))).roles == frozenset()


@pytest.mark.parametrize(
    "entry", ["Verifier.Boss=boss", "officer", "=officer", "Verifier.Officer=", "a=Officer", "a=officer=b"]
)
def test_a_mapping_to_an_unknown_role_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="officer, supervisor, auditor"):
        role_mapping(["Verifier.Officer=officer", entry])


async def test_a_token_for_any_of_several_audiences_is_accepted(issuer: Issuer, make: Make) -> None:
    verifier = make(
        TrustedIssuer("staff", issuer.url, ("staff-api", "https://verify.bank.example/")),
        TrustedIssuer("customer", issuer.url, ("customer-app",)),
    )
    assert (await verifier.verify(issuer.mint(aud="https://verify.bank.example/"))).kind == "staff"
    assert await verifier.verify(issuer.mint(aud=["https://verify.bank.example/", "staff-api"]))
    await refused(verifier.verify(issuer.mint(aud=["staff-api", "customer-app"])), "more than one")


KEYS: dict[str, Key] = {
    "ES384": ECKey.generate_key("P-384"),
    "ES512": ECKey.generate_key("P-521"),
    "ES256": ECKey.generate_key("P-256"),
    "Ed25519": OKPKey.generate_key("Ed25519"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
    **dict.fromkeys(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], RSAKey.generate_key(2048)),
}


@pytest.mark.shows("CVP-2-2")
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("alg", sorted(SIGNATURE_ALGORITHMS))
@pytest.mark.parametrize("named", [False, True], ids=["any algorithm", "the key names its algorithm"])
async def test_each_algorithm_verifies_only_if_it_is_configured(
    issuer: Issuer, make: Make, alg: str, named: bool
) -> None:
    key = KEYS[alg]
    issuer.keys = [published(key, kid="k", **({"alg": alg} if named else {}))]
    token = issuer.mint({"alg": alg, "typ": "at+jwt", "kid": "k"}, key)
    assert await make(TrustedIssuer("staff", issuer.url, ("staff-api",), algorithms=(alg,))).verify(token)
    other = "RS256" if alg != "RS256" else "ES256"
    verifier = make(TrustedIssuer("staff", issuer.url, ("staff-api",), algorithms=(other,)))
    await refused(verifier.verify(token), "algorithm")


@pytest.mark.shows("CVP-2-2")
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_eddsa_is_ed25519_and_no_other_curve(issuer: Issuer, make: Make) -> None:
    key = OKPKey.generate_key("Ed448")
    issuer.keys = [published(key, kid="k", alg="EdDSA")]
    verifier = make(TrustedIssuer("staff", issuer.url, ("staff-api",), algorithms=("EdDSA", "Ed25519")))
    await refused(verifier.verify(issuer.mint({"alg": "EdDSA", "typ": "JWT", "kid": "k"}, key)), "does not publish")


@pytest.mark.shows("CVP-2-12")
@pytest.mark.parametrize(
    ("claims", "because"),
    [
        ({"nonce": "n"}, "not an access token"),
        ({"at_hash": "a"}, "not an access token"),
        ({"c_hash": "c"}, "not an access token"),
        ({"typ": "ID"}, "not an access token"),
        ({"typ": "Refresh"}, "not an access token"),
        ({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, "not an access token"),
        ({"typ": ["Bearer"]}, "not an access token"),
    ],
)
async def test_an_identity_token_is_refused_as_an_access_token(
    issuer: Issuer, make: Make, claims: dict[str, Any], because: str
) -> None:
    await refused(make().verify(issuer.mint(**claims)), because)


@pytest.mark.shows("CVP-2-12")
@pytest.mark.parametrize(
    ("typ", "claims"),
    [("JWT", {}), ("JWT", {"typ": "Bearer"}), ("JWT", {"typ": "Bearer", "nonce": "n"}), ("at+jwt", {"nonce": "n"})],
)
async def test_access_tokens_of_type_jwt_are_accepted(
    issuer: Issuer, make: Make, typ: str, claims: dict[str, Any]
) -> None:
    assert await make().verify(issuer.mint(issuer.header(typ=typ), **claims))


@pytest.mark.shows("CVP-2-12")
async def test_a_deployment_may_accept_only_type_at_jwt(issuer: Issuer, make: Make) -> None:
    verifier = make(TrustedIssuer("staff", issuer.url, ("staff-api",), require_at_jwt=True))
    assert await verifier.verify(issuer.mint(issuer.header(typ="at+jwt")))
    assert await verifier.verify(issuer.mint(issuer.header(typ="application/AT+JWT")))
    await refused(verifier.verify(issuer.mint(typ="Bearer")), "not of type at+jwt")


@pytest.mark.shows("CVP-2-12")
@pytest.mark.parametrize(
    ("required", "claims", "taken"),
    [
        ("scp", {"scp": "anything"}, True),
        ("scp", {}, False),
        ("scp", {"scp": None}, False),
        ("scp=Calls.Use", {"scp": "Other Calls.Use"}, True),
        ("scp=Calls.Use", {"scp": "Calls.User"}, False),
        ("scope=verifier", {"scope": ["openid", "verifier"]}, True),
        ("typ=Bearer", {"typ": "Bearer"}, True),
        ("typ=Bearer", {}, False),
        ("ext.use=access", {"ext": {"use": "access"}}, True),
        ("n=1", {"n": 1}, False),
    ],
)
async def test_a_token_without_the_required_claim_is_refused(
    issuer: Issuer, make: Make, required: str, claims: dict[str, Any], taken: bool
) -> None:
    verifier = make(TrustedIssuer("staff", issuer.url, ("staff-api",), required_claim=required))
    if taken:
        assert await verifier.verify(issuer.mint(**claims))
    else:
        await refused(verifier.verify(issuer.mint(**claims)), f"the claim {required}")


SETTINGS = {
    "issuer": "http://127.0.0.1",
    "staff_issuer": "https://id.bank.example",
    "staff_audience": "bank-staff, https://verify.bank.example",
    "customer_issuer": "https://id.bank.example",
    "customer_audience": "bank-app",
}


def test_the_settings_reach_the_issuers_and_the_pages() -> None:
    config = Config(
        **SETTINGS,
        staff_roles="Verifier.Officer=officer,Verifier.Lead=supervisor",
        staff_roles_claim="realm_access.roles",
        staff_algorithms="ES384, EdDSA",
        staff_require_at_jwt=True,
        staff_required_claim="scp",
        staff_resource="https://verify.bank.example",
        customer_scope="openid offline_access",
        customer_algorithms="RS512",
    )
    staff, customers = trusted_issuers(config)
    assert staff.audiences == ("bank-staff", "https://verify.bank.example")
    assert staff.roles == (("Verifier.Officer", "officer"), ("Verifier.Lead", "supervisor"))
    assert (staff.algorithms, customers.algorithms) == (("ES384", "EdDSA"), ("RS512",))
    assert (staff.require_at_jwt, customers.require_at_jwt, staff.required_claim) == (True, False, "scp")
    officer, app = page_facts(config) or pytest.fail("there are pages")
    assert officer.sign_in is not None
    assert app.sign_in is not None
    assert (officer.sign_in.client_id, officer.sign_in.resource) == ("bank-staff", "https://verify.bank.example")
    assert (app.sign_in.client_id, app.sign_in.scope) == ("bank-app", "openid offline_access")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"staff_roles": "Verifier.Boss=boss"}, "'Verifier.Boss=boss' is not"),
        ({"staff_algorithms": "HS256"}, "algorithms"),
        ({"customer_algorithms": "none"}, "algorithms"),
        ({"customer_audience": "https://verify.bank.example"}, "same issuer and audience"),
        ({"staff_audience": " , "}, "needs an audience"),
        ({"staff_required_claim": "=x"}, "no name"),
    ],
)
def test_an_invalid_issuer_setting_stops_the_start(setting: dict[str, str], told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        token_verifier(Config(**{**SETTINGS, **setting}), None)  # type: ignore[arg-type]
