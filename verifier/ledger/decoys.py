"""Decoys: closed calls that stand in for an open call, so that a refusal always takes the same work (law L7).

Implements specs/protocol.md section 7 (CVP-7-2). A batch loads and decrypts a decoy like an open call, and tries the
code against the decoy. Decoys hold no secret, and their key is public. The leaf indexes of decoys are negative. So
decoys belong to no shard, and they appear in no log, list or audit.
"""

from __future__ import annotations

from msgspec.structs import astuple

from verifier.core.application import Officer
from verifier.core.call import Call
from verifier.core.evidence import Evidence
from verifier.core.octets import base64url
from verifier.core.purposes import ASKS
from verifier.core.sealing import KEY_BYTES, NONCE_BYTES, ApplicationKeys, seal
from verifier.core.statements import TICKET, CallTicket, Tel, Tels, encode_claims
from verifier.ledger import records
from verifier.ledger.decrypted import leaf_context
from verifier.ledger.rows import Authenticator
from verifier.ledger.tables import CALLS
from verifier.ports import Reader, Transaction

# The number of decoys. If a batch tries codes against more applications, some applications share a decoy.
COUNT = 16
# The number of closed calls that a refused code is tried against. `records.CLOSED_CALLS` has the same number.
CLOSED = 8
KEYS = ApplicationKeys.derive(bytes(KEY_BYTES))
# No application can have this id.
APPLICATION_ID = "-decoy"
# The number of hashes in an inclusion proof from a log of a few million leaves.
_PROOF_HASHES = 22
_EXPIRED = 1_700_000_600
_PLANT_LEAF = records.INSERT_LEAF + " ON CONFLICT DO NOTHING"
_PLANT_CALL = CALLS.insert + " ON CONFLICT DO NOTHING"
_DELETE_LEAVES = "DELETE FROM leaves WHERE leaf_index < 0"
_PLANTED = (
    f"SELECT {CALLS.of('c')}, l.customer_index, l.sealed FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE c.call_id IN ($*)"
)


def is_decoy(row: object) -> bool:
    """Whether a row is a decoy. Batches do not write decoys, so the sum of all shares does not include decoys."""
    return isinstance(row, Call) and row.application_id == APPLICATION_ID


def call_id(n: int) -> str:
    """The id of decoy `n`. The id is as long as a real call id, and sorts before every real call id."""
    return f"call_{n % COUNT:032x}"


async def missing(reader: Reader, authenticator: Authenticator) -> bool:
    """Whether any decoy is missing or changed, for example after an old partition was dropped."""
    found = await reader.fetch_in(_PLANTED, map(call_id, range(COUNT)))
    planted = {(*astuple(each), authenticator.mac(CALLS, each), None, _sealed(each)) for each in _calls()}
    return {tuple(row) for row in found} != planted


async def plant(transaction: Transaction, authenticator: Authenticator) -> None:
    """Delete all decoys and write them again."""
    calls = _calls()
    # The first decoy has leaf -1. `records.CANDIDATES` reads that leaf for each call that has no receipt.
    leaves = [(each.leaf_index, bytes(32), TICKET, each.call_id, None, None, _sealed(each)) for each in calls]
    await transaction.execute_many(_DELETE_LEAVES, [()])
    await transaction.execute_many(CALLS.delete, [(each.call_id,) for each in calls])
    await transaction.execute_many(_PLANT_LEAF, leaves)
    await transaction.execute_many(_PLANT_CALL, [(*astuple(each), authenticator.mac(CALLS, each)) for each in calls])


def _calls() -> list[Call]:
    return [_call(n) for n in range(COUNT)]


def _call(n: int) -> Call:
    expired = _EXPIRED * 1000
    return Call(call_id(n), APPLICATION_ID, "0000", -1 - n, 1, "required", 0, expired, "expired", ended_at=expired)


def _sealed(call: Call) -> bytes:
    """The sealed ticket of a decoy. The ticket is as long as a real ticket, but has no real signature."""
    ticket = CallTicket(
        iss="https://verify.bank.example",
        jti=call.call_id,
        iat=1_700_000_000,
        nbf=1_700_000_000,
        exp=_EXPIRED,
        application="A" * 22,
        officer=Officer("0000", "无人", "没有这样的支行"),
        orig=Tel("861000000000"),
        dest=Tels(("8613000000000",)),
        purpose="documents",
        asks=ASKS["documents"],
        policy="2026-1",
        exceptions=(),
        salt="A" * 22,
    )
    header = b'{"alg":"ES256","typ":"%b","kid":"0000000000000000"}' % TICKET.encode()
    statement = f"{base64url(header)}.{base64url(encode_claims(ticket))}.{'A' * 86}"
    proof = "c2sp.org/tlog-proof@v1\nindex 4000000\n" + f"{'A' * 43}=\n" * _PROOF_HASHES + "\n" + "A" * 200
    context = leaf_context(call.call_id, TICKET, None)
    return seal(KEYS.sealing, bytes(NONCE_BYTES), context, encode_claims(Evidence(statement, proof)))
