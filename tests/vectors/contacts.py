"""Vectors of calls to one of several contacts: contacts.json (protocol sections 3.3, 4 and 8.1)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.vectors.bank import STATEMENT, Bank
from tests.vectors.files import Json
from tests.vectors.parts import decoded, put
from tests.vectors.statements import Forged, issued, logged

TICKETS = {
    "ticket": ("a call to the head of finance of a company", "id:cust-41"),
    "ticket-no-login": ("a call to a guarantor who has no login", "name:王芳44"),
}
RECEIPTS = {
    "called": ("the right code, from the contact who was called", "cust-41"),
    "details": ("the same code, from another contact, who sees the loan", "cust-42"),
    "no-details": ("the same code, from a contact who must know neither the loan nor the purpose", "cust-43"),
}


def contacts(bank: Bank) -> Json:
    """contacts.json."""
    forged = [*_tickets(bank.evidence["ticket"]["statement"]), *_receipts(bank.evidence["no-details"]["statement"])]
    return {
        "about": "A call to one of the contacts of a company, its code, and who confirmed it (protocol.md section 3.3)",
        "trust": bank.trust,
        **bank.company,
        "vectors": [
            *_issued(bank, "contact", TICKETS),
            *_issued(bank, "login", RECEIPTS),
            *logged(bank, forged),
        ],
    }


def _issued(bank: Bank, member: str, names: dict[str, tuple[str, str]]) -> Iterator[Json]:
    for each in issued(bank, {name: about for name, (about, _) in names.items()}):
        head = {"id": each["id"], "about": each["about"], member: names[each["id"]][1]}
        yield {**head, **each}


def _tickets(ticket: str) -> Iterator[Forged]:
    """The contact of a call may be missing. If it is there, it has its shape."""
    header, claims = decoded(ticket)
    contact = claims["contact"]
    for name, about, odd in (
        ("null", "a contact that is null", None),
        ("list", "a contact in a list", [contact]),
        ("without-pseudonym", "a contact without a pseudonym", {"role": "finance"}),
        ("other-type-role", "a role that is a list", {**contact, "role": ["finance"]}),
        ("other-type-pseudonym", "a pseudonym that is null", {**contact, "pseudonym": None}),
    ):
        signed = STATEMENT.sign(header, {**claims, "contact": odd})
        yield Forged(f"ticket-contact-{name}", about, "invalid_claims", signed)
    more = {**contact, "role": "trustee", "new": 1}
    about = "a role of a later version, and a new member"
    yield Forged("ticket-contact-more", about, "", STATEMENT.sign(header, {**claims, "contact": more}))


def _receipts(receipt: str) -> Iterator[Forged]:
    """What a contact must not know is empty in their receipt, and not null."""
    header, claims = decoded(receipt)
    for member in ("purpose", "asks", "dest"):
        signed = STATEMENT.sign(header, put(claims, ("call", member), None))
        yield Forged(f"no-details-null-{member}", f"{member} is null and not empty", "invalid_claims", signed)
