"""Who rings: the applications that a verdict or a report may be about, each with its open call or a decoy.

Carries out specs/protocol.md sections 7 and 7.1. A number may be on file for several customers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from verifier.core.call import Call, CallRules
from verifier.core.messages import LogEvidence
from verifier.core.purposes import Language
from verifier.service import decoys
from verifier.service.assigned import standing
from verifier.service.batch import Batch
from verifier.service.opened import OpenApplication, OpenCall, open_call, open_receipt


class Candidate(Struct, frozen=True):
    """An application with its open call, settled; or with a call that is closed, mostly a decoy."""

    application: OpenApplication
    opened: OpenCall

    @property
    def call(self) -> Call:
        return self.opened.call

    @property
    def own(self) -> bool:
        """Whether the call is the application's, and no decoy."""
        return self.call.application_id == self.application.application_id

    def waits(self, number: str | None) -> bool:
        """Whether there is an open call, to this number if one is given."""
        return self.own and self.call.open and number in (None, self.opened.number)


def candidates(batch: Batch, applications: Sequence[OpenApplication], rules: CallRules) -> list[Candidate]:
    """The applications with their calls. One that was registered in this very batch can have no call yet."""
    found = []
    for application in applications:
        opened = _call_of(batch, application)
        if opened is not None:
            now = standing(application, opened, batch.now_ms, rules)
            found.append(Candidate(application, replace(opened, call=now)))
    return found


def _call_of(batch: Batch, application: OpenApplication) -> OpenCall | None:
    """The open call; else the decoy, or the call that another command has just closed."""
    return batch.open_call(application) or _stand_in(batch, application.application_id)


def _stand_in(batch: Batch, application_id: str) -> OpenCall | None:
    found = batch.loaded.candidates
    call = batch.stored_call(found.id_of(application_id))
    if call is None or not decoys.is_decoy(call):
        return None if call is None else batch.call(call.call_id)
    if call.call_id not in found.decoys:
        found.decoys[call.call_id] = open_call(batch.ring, decoys.KEYS, call, *batch.loaded.tickets[call.call_id])
    return found.decoys[call.call_id]


def of_one_customer(tried: Sequence[Candidate]) -> bool:
    return len({each.application.registration.customer.id for each in tried}) == 1


def whose(tried: Sequence[Candidate], number: str) -> Sequence[Candidate]:
    """Those of the customer who rings: of whom an open call went to the number; else of whom alone it is on file.

    None where that is nobody or several.
    """
    found = [each for each in tried if each.waits(number)] or tried
    return found if of_one_customer(found) else ()


def language_of(applications: Sequence[OpenApplication]) -> Language:
    """The language of all of their customers; zh-CN where it is not one."""
    languages = {each.registration.customer.language for each in applications}
    return languages.pop() if len(languages) == 1 else "zh-CN"


def receipt_of(batch: Batch, call: Call, application: OpenApplication) -> tuple[str, Callable[[], LogEvidence]]:
    """The id of the receipt that consumed a confirmed call's code, and its evidence."""
    assert call.receipt_leaf is not None  # noqa: S101 - a confirmed call has a receipt by construction
    staged = batch.leaves.get(call.receipt_leaf)
    if staged is not None:
        return staged.statement_id, staged.evidence
    receipt_id, sealed, customer_index = batch.loaded.candidates.receipt(call.call_id)
    evidence = open_receipt(batch.ring, application.keys, call.call_id, receipt_id, sealed, customer_index)
    return receipt_id, lambda: LogEvidence(evidence.statement, evidence.proof)
