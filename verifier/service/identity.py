"""The SIP Identity header of an officer's call, made from its ticket. Implements specs/protocol.md section 6.4."""

from __future__ import annotations

from uuid import UUID

from verifier.core.errors import CallClosed, NotFound
from verifier.core.messages.calls import AskIdentity, SipIdentity
from verifier.core.passport import Claims, identity_header
from verifier.core.purposes import PURPOSES
from verifier.core.times import from_ms
from verifier.ports import IdentitySigner
from verifier.service.call_state import read_call
from verifier.service.context import Context


class Identities:
    """Use cases on SIP identity. If there is no signer, every request raises NotFound."""

    def __init__(self, context: Context, signer: IdentitySigner | None) -> None:
        self._context = context
        self._signer = signer

    async def make(self, call_id: str, asked: AskIdentity) -> SipIdentity:
        """The Identity header for the INVITE of an open call. The numbers in the header come from the ticket.

        The header contains the current time, and receivers accept a header for about a minute. So fetch it when you
        dial. Raises NotFound or Erased. Raises CallClosed if the call is over or its officer is suspended.
        """
        if self._signer is None:
            raise NotFound("this deployment has no key for SIP identity")
        context = self._context
        application, opened = await read_call(context, call_id)
        if not opened.call.open:
            raise CallClosed(f"the call is {opened.call.state}")
        ticket = opened.ticket
        if context.cutoff.holds(ticket.officer.id):
            raise CallClosed("the officer is suspended")
        now_ms = context.clock()
        called = application.called(ticket) or application.contacts[0]
        claims = Claims(
            dest=ticket.dest,
            iat=now_ms // 1000,
            orig=ticket.orig,
            attest=asked.attest if asked.kind == "shaken" else None,
            origid=str(UUID(call_id.removeprefix("call_"))) if asked.kind == "shaken" else None,
            rcd={"nam": context.settings.bank_name or ticket.iss} if asked.kind == "rcd" else None,
            crn=PURPOSES[ticket.purpose][called.language] if asked.kind == "rcd" else None,
        )
        header = identity_header(asked.kind, claims, self._signer.x5u, self._signer.sign)
        return SipIdentity(header, from_ms(now_ms))
