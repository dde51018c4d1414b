"""The bank of the vectors: the real service with fixed keys, times, ids and salts."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey
from msgspec import UNSET
from msgspec.structs import replace

from tests.vectors.files import Json
from tests.world import DESK, NOON, ORIGIN, Clock, Company, Person, World, another_code, at_company
from verifier.core.call import CallRules
from verifier.core.checkpoint import Checkpoint, encode_proof, sign_note, vkey
from verifier.core.merkle import Tree, leaf_hash
from verifier.core.octets import base64url
from verifier.core.statements import RECEIPT, Receipt, digest
from verifier.keys import FileKeyRing, Key, KeyState, Use
from verifier.storage import open_storage
from verifier.storage.migrate import migrate


def seed(name: str) -> bytes:
    """32 fixed bytes for a name. They are public, so nothing derived from them is a secret."""
    return hashlib.sha256(f"callback-verification test vectors: {name}".encode()).digest()


class Entropy:
    """A deterministic `verifier.ports.Entropy`. Each length has its own stream, so that a new use in the service does
    not change every id and salt."""

    def __init__(self) -> None:
        self._drawn: Counter[int] = Counter()

    def __call__(self, count: int) -> bytes:
        self._drawn[count] += 1
        return hashlib.shake_256(seed(f"entropy {count} {self._drawn[count]}")).digest(count)


class StatementKey:
    """An ES256 key with deterministic signatures (RFC 6979)."""

    def __init__(self, name: str) -> None:
        self.private: EllipticCurvePrivateKey = derive_private_key(int.from_bytes(seed(name)), SECP256R1())
        point = self.private.public_key().public_numbers()
        public = {"x": base64url(point.x.to_bytes(32)), "y": base64url(point.y.to_bytes(32))}
        self.bare: Json = {"kty": "EC", "crv": "P-256", **public}
        self.kid: str = ECKey.import_key(self.bare).thumbprint()[:16]

    def sign(self, header: Json | bytes, claims: Json | bytes | str) -> str:
        """The compact JWS of a header and claims, valid or not."""
        parts = [each if isinstance(each, bytes) else _json(each) for each in (header, claims)]
        return self.complete(".".join(map(base64url, parts)))

    def complete(self, signed: str) -> str:
        """Adds the signature to the other two parts of a compact JWS."""
        r, s = decode_dss_signature(self.private.sign(signed.encode(), ECDSA(SHA256(), deterministic_signing=True)))
        return f"{signed}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


class NoteKey:
    """An Ed25519 key with a name, which signs notes."""

    def __init__(self, secret: str, name: str = ORIGIN) -> None:
        self.name = name
        self._secret = secret
        self.private = Ed25519PrivateKey.from_private_bytes(seed(secret))
        self.public = self.private.public_key().public_bytes_raw()
        self.vkey = vkey(name, self.public)

    def sign(self, text: str) -> str:
        """The signed note of a text that ends in a newline."""
        return sign_note(text, self.name, self.public, self.private.sign)

    def line(self, text: str) -> str:
        """Only the signature line for a text."""
        return self.sign(text).rpartition("\n\n")[2]

    def renamed(self, name: str) -> NoteKey:
        """The same key with another name."""
        return NoteKey(self._secret, name)


class Ring(FileKeyRing):
    """The product's key ring, but with deterministic signatures of statements.

    Until `names_loans` is set, it signs receipts as an earlier release did: without the loan. So old vectors stay.
    """

    names_loans = False

    def sign(self, typ: str, claims: bytes) -> str:
        if typ == RECEIPT and not self.names_loans:
            receipt = msgspec.json.decode(claims, type=Receipt)
            if receipt.call is not None:
                receipt = replace(receipt, call=replace(receipt.call, loan=UNSET))
            claims = msgspec.json.encode(receipt)
        return STATEMENT.complete(super().sign(typ, claims).rpartition(".")[0])


STATEMENT = StatementKey("statement")
NEXT = StatementKey("next statement")
STRANGER = StatementKey("a key of somebody else")
LOG = NoteKey("log")
OTHER_LOG = NoteKey("a log key of somebody else")
WITNESS = NoteKey("witness", "witness.example")
SMALL_LOG = NoteKey("small log", "log.bank.example")
ROTATED = NoteKey("a later log key", SMALL_LOG.name)


def cosigned(text: str) -> str:
    """The signature line of a witness (C2SP tlog-cosignature): a key of another type, a time, and a signature."""
    typed = b"\x04" + WITNESS.public
    key_id = hashlib.sha256(f"{WITNESS.name}\n".encode() + typed).digest()[:4]
    time = 1_795_406_400
    signature = WITNESS.private.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    return f"— {WITNESS.name} {base64.b64encode(key_id + time.to_bytes(8) + signature).decode()}\n"


class Bank:
    """Evidence that the bank has issued in a day, and its log.

    `evidence` is keyed by name. `application_key` and `code` belong to the call of the ticket `documents`. `company`
    has what the code and the pseudonyms of a call to a contact are made from.
    """

    def __init__(self) -> None:
        self.evidence: dict[str, Json] = {}
        self.application_key = b""
        self.code = ""
        self.trust: Json = {}
        self.company: Json = {}
        self._leaves: list[bytes] = []

    def logged(self, statement: str, key: NoteKey = LOG) -> str:
        """The proof for a statement, or any text, as if it were the next entry after the day's work. The log has the
        key's name as its origin."""
        tree, _ = Tree.resume(0, {}).extend([*self._leaves, leaf_hash(digest(statement))])
        note = key.sign(Checkpoint(key.name, tree.size, tree.root()).text())
        return encode_proof(tree.size - 1, tree.inclusion_proof(tree.size - 1), note)

    async def work(self) -> None:
        """Issues, confirms and reports calls with the real service on a temporary database."""
        with tempfile.TemporaryDirectory(prefix="vectors-") as folder:
            file = Path(folder) / "ring.json"
            _write_ring(file)
            storage = await open_storage(f"sqlite:{folder}/verifier.sqlite3")
            try:
                await migrate(storage)
                # Both worlds share one source. Otherwise the second would repeat the ids of the first.
                entropy, ring = Entropy(), Ring(file, ORIGIN)
                async with World(storage, file, ring=ring, entropy=entropy) as world:
                    await self._first_day(world)
                observed = CallRules(leg_mode="observed")
                async with World(storage, file, observed, ring=ring, entropy=entropy) as world:
                    world.clock.advance(3600)
                    await self._without_an_exchange(world)
                    self.trust = msgspec.to_builtins(world.context.trust())
                rows = await storage.fetch("SELECT entry FROM leaves WHERE leaf_index >= 0 ORDER BY leaf_index")
                self._leaves = [leaf_hash(bytes(row[0])) for row in rows]
                ring.names_loans = True
                async with World(storage, file, ring=ring, entropy=entropy) as world:
                    world.clock.advance(7200)
                    await self._with_a_loan(world)
                async with World(storage, file, ring=ring, entropy=entropy, clock=later(7200)) as world:
                    await self._asked_afterwards(world)
                async with World(storage, file, ring=ring, entropy=entropy, clock=later(10_800)) as world:
                    await self._to_contacts(world)
            finally:
                await storage.close()

    async def _first_day(self, world: World) -> None:
        wang, kept = Person(1), self.evidence
        await world.register(wang)
        issued = await world.issue(wang)
        kept["documents"] = issued["ticket"]
        call_id = issued["call"]["call_id"]
        world.clock.advance(20)
        await world.leg(call_id, "connected", wang.number)
        world.clock.advance(10)
        self.code = await world.reveal(call_id)
        kept["wrong-code"] = (await world.confirm(wang, another_code(self.code)))["receipt"]
        world.clock.advance(15)
        kept["genuine-app"] = (await world.confirm(wang, self.code))["receipt"]
        await world.leg(call_id, "ended", wang.number)
        self.application_key = (await world.context.reading.application(wang.application_id)).keys.codes
        kept["nobody"] = (await world.confirm(Person(2), self.code))["receipt"]
        kept["report"] = (await world.report(wang, "他要我转账。", another_code(self.code)))["receipt"]
        granted = await world.grant(wang, "daily_cap", "contact_hours")
        kept["exception"] = granted["evidence"]
        world.clock.advance(600)
        issued = await world.issue(wang, purpose="terms", exception_id=granted["exception_id"])
        kept["excepted"] = issued["ticket"]
        call_id = issued["call"]["call_id"]
        await world.leg(call_id, "connected", wang.number, leg_id="leg-2")
        code = await world.reveal(call_id)
        world.clock.advance(30)
        await world.leg(call_id, "ended", wang.number, leg_id="leg-2")
        world.clock.advance(25)
        spoken = await world.ring_in(wang.number, code)
        kept["genuine-ivr"] = await _receipt(world, wang, spoken["receipt_id"])

    async def _without_an_exchange(self, world: World) -> None:
        zhao = Person(3)
        await world.register(zhao)
        issued = await world.issue(zhao, purpose="repayment")
        self.evidence["observed"] = issued["ticket"]
        code = await world.reveal(issued["call"]["call_id"])
        self.evidence["genuine-without-a-leg"] = (await world.confirm(zhao, code))["receipt"]

    async def _with_a_loan(self, world: World) -> None:
        """Two more calls of the day, after those of which `logged` knows."""
        for n, name, facts in ((4, "genuine-loan", {"reference": "贷 2026/0417"}), (5, "genuine-loan-by-id", {})):
            person = Person(n)
            await world.register(person, **facts)
            _, code = await world.live_call(person)
            self.evidence[name] = (await world.confirm(person, code))["receipt"]

    async def _asked_afterwards(self, world: World) -> None:
        wang, kept, day = Person(1), self.evidence, 86_400_000
        for name, number in (("history", None), ("history-number", DESK)):
            kept[name] = (await world.check_calls(wang, world.clock() - day, number=number))["receipt"]
        kept["history-none"] = (await world.check_calls(wang, world.clock() - 2 * day, world.clock() - day))["receipt"]
        kept["history-stranger"] = (await world.check_calls(Person(2), world.clock() - day))["receipt"]

    async def _to_contacts(self, world: World) -> None:
        """A call to the head of finance of a company, of which two others enter the code too, and a call to a guarantor
        without a login."""
        company, kept = Company(40), self.evidence
        helper = at_company(company.former, "helper", "confirm", numbers=())
        guarantor = at_company(Person(44), "guarantor", "called", id=None)
        usual = company.registration().people
        await world.register(company, *usual, helper, guarantor)
        issued = await world.issue(company)
        kept["ticket"], call_id = issued["ticket"], issued["call"]["call_id"]
        world.clock.advance(10)
        await world.leg(call_id, "connected", company.number)
        code = await world.reveal(call_id)
        for name, person in (("called", company.finance), ("details", company.legal), ("no-details", company.former)):
            world.clock.advance(15)
            kept[name] = (await world.confirm(person, code))["receipt"]
        await world.leg(call_id, "ended", company.number)
        world.clock.advance(600)
        kept["ticket-no-login"] = (await world.issue(company, number=Person(44).number))["ticket"]
        keys = (await world.context.reading.application(company.application_id)).keys
        made = {"code_key": keys.codes.hex(), "counter": 1, "code": code, "pseudonym_key": keys.pseudonyms.hex()}
        self.company = {**made, "reference": company.application_id}


async def _receipt(world: World, person: Person, receipt_id: str) -> Json:
    kept: Json = msgspec.to_builtins((await world.service.receipts.read(person.principal, receipt_id)).receipt)
    return kept


def later(seconds: int) -> Clock:
    """A clock that is this much after noon."""
    return Clock(NOON + seconds * 1000)


def _json(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def _write_ring(file: Path) -> None:
    def key(use: Use, state: KeyState, kid: str, jwk: Json) -> Key:
        return Key(kid, use, state, NOON, jwk)

    def signing(state: KeyState, made: StatementKey, name: str) -> Key:
        return key("statement", state, made.kid, {**made.bare, "d": base64url(seed(name))})

    def logging(state: KeyState, made: NoteKey, name: str) -> Key:
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(made.public), "d": base64url(seed(name))}
        return key("log", state, base64url(made.public)[:16], jwk)

    def secret(use: Use, state: KeyState, name: str) -> Key:
        return key(use, state, base64url(seed(f"{name} id"))[:16], {"kty": "oct", "k": base64url(seed(name))})

    keys = [
        signing("active", STATEMENT, "statement"),
        signing("next", NEXT, "next statement"),
        logging("active", LOG, "log"),
        logging("next", NoteKey("next log"), "next log"),
        *(secret("encryption", "active", "encryption"), secret("encryption", "next", "next encryption")),
        secret("index", "active", "index"),
    ]
    file.write_bytes(msgspec.json.encode({"keys": keys, "version": 1}))
    file.chmod(0o600)
