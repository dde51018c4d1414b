"""Signs the receipts of verdicts. Implements specs/protocol.md sections 4 and 7."""

from __future__ import annotations

from msgspec import UNSET
from msgspec.structs import replace

from verifier.core import call as lifecycle
from verifier.core.contacts import Contact
from verifier.core.octets import base64url
from verifier.core.purposes import NEVER_ASKS
from verifier.core.statements import RECEIPT, ConfirmedCall, LegEvidence, Receipt, Tels, commitment, digest
from verifier.core.words import About
from verifier.ledger.decrypted import DecryptedApplication, DecryptedCall
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.unit_of_work.log_entries import StagedLeaf
from verifier.service.confirmations.answers import Told
from verifier.service.confirmations.entries import Entry
from verifier.service.context import Context

_HIDDEN = Tels(())


def sign(
    context: Context,
    work: UnitOfWork,
    entry: Entry,
    application: DecryptedApplication | None,
    contact: Contact | None,
    opened: DecryptedCall | None,
    told: Told | None = None,
    *,
    over: bool = False,
) -> tuple[str, StagedLeaf]:
    """Sign a receipt, and append it to the log. Returns its id and its leaf.

    `application` is the application that the receipt belongs to, or None if it is unknown. `contact` is the person who
    asked, as a contact of it. `opened` is the call of the code, with what they are told of it, or None for a refusal.
    If the call is over, the verdict is `ended`, otherwise `genuine`.
    """
    receipt_id = work.new_id("rcpt")
    salt = work.new_salt()
    # The receipt commits to the person who asked. A caller without a login is known by their number only.
    customer = entry.customer_id if contact is None else contact.id
    claims = Receipt(
        iss=context.settings.issuer,
        jti=receipt_id,
        iat=work.now_ms // 1000,
        verdict="not_genuine" if opened is None else "genuine",
        channel=entry.channel,
        customer=commitment(salt, customer if customer is not None else entry.number or ""),
        code=commitment(salt, entry.digits),
        call=None if opened is None or told is None else _confirmed_call(opened, told.about),
        never_asks=NEVER_ASKS,
        salt=salt,
    )
    if opened is None and not entry.possible:
        claims = replace(claims, code_possible=False)
    if opened is not None and over:
        began, ended = lifecycle.began(opened.call) // 1000, lifecycle.was_over(opened.call) // 1000
        claims = replace(claims, verdict="ended", began=began, ended=ended)
    owner = entry.customer_index
    if owner is None and application is not None:
        owner = context.contact_index(application, contact)
    return receipt_id, work.log.append(RECEIPT, receipt_id, claims, application, owner)


def _confirmed_call(opened: DecryptedCall, about: About | None) -> ConfirmedCall:
    """The call, as far as the person who asked may know it. What they may not know is left empty.

    The members stay, so that the verifiers of earlier releases accept the receipt.
    """
    call, ticket = opened.call, opened.ticket
    leg = LegEvidence(call.leg_mode, _seconds(call.connected_at), _seconds(call.leg_ended_at))
    return ConfirmedCall(
        call_id=call.call_id,
        ticket=base64url(digest(opened.statement)),
        officer=ticket.officer,
        orig=ticket.orig,
        dest=_HIDDEN if about is None else ticket.dest,
        purpose="" if about is None else about.purpose,
        asks=() if about is None else about.asks,
        leg=leg,
        loan=UNSET if about is None or about.loan is None else about.loan,
    )


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else ms // 1000
