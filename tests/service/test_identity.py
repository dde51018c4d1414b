"""The Identity header of a call is made from its ticket, and only while the call is open."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.world import DESK, NOON, Person, World
from verifier.core.errors import CallClosed, Erased, NotFound
from verifier.core.messages.calls import AskIdentity
from verifier.core.passport import check_identity
from verifier.service import Service


class Signer:
    """Signs with a new key."""

    x5u = "https://certificates.bank.example/shaken.pem"

    def __init__(self) -> None:
        self.key = generate_private_key(SECP256R1())

    def sign(self, octets: bytes) -> bytes:
        r, s = decode_dss_signature(self.key.sign(octets, ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)


@pytest.mark.shows("CVP-6.4-1")
async def test_a_header_has_the_numbers_of_the_ticket_and_the_time_of_the_request(world: World, wang: Person) -> None:
    signer = Signer()
    identities = Service(world.context, signer).identities
    call_id = (await world.issue(wang))["call"]["call_id"]
    world.clock.advance(90)
    made = await identities.make(call_id, AskIdentity())
    claims = check_identity(made.identity, signer.key.public_key(), NOON // 1000 + 90).claims
    assert (claims.orig.tn, claims.dest.tn) == (DESK.removeprefix("+"), (wang.number.removeprefix("+"),))
    assert claims.origid is not None
    assert claims.origid.replace("-", "") == call_id.removeprefix("call_")
    rich = await identities.make(call_id, AskIdentity("rcd"))
    assert check_identity(rich.identity, signer.key.public_key(), NOON // 1000 + 90).claims.crn == "补充申请材料"


@pytest.mark.shows("CVP-6.4-1")
async def test_a_closed_erased_or_unknown_call_and_a_missing_key_give_no_header(world: World, wang: Person) -> None:
    identities = Service(world.context, Signer()).identities
    call_id = (await world.issue(wang))["call"]["call_id"]
    with pytest.raises(NotFound):
        await world.service.identities.make(call_id, AskIdentity())
    with pytest.raises(NotFound):
        await identities.make("call_" + "0" * 32, AskIdentity())
    await world.revoke(call_id)
    with pytest.raises(CallClosed):
        await identities.make(call_id, AskIdentity())
    await world.erase(wang)
    with pytest.raises(Erased):
        await identities.make(call_id, AskIdentity())
