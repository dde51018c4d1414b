"""A person whom a helper helps, and the applications on which the helper may see calls to them.

Implements specs/protocol.md section 7.18.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from verifier.core.contacts import Contact
from verifier.core.errors import NotFound
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.helpers import DecryptedHelper


class HelpedPerson(Struct, frozen=True):
    """A person whom a helper helps, by their login. `helper` is the helper as a contact of this person's loans."""

    helper_id: str
    helper: Contact
    person_id: str
    person_index: bytes

    def applications(self, on: Iterable[DecryptedApplication]) -> list[DecryptedApplication]:
        """The applications on which the helper may see calls to the person. `on` are those of the person.

        The person's own rights decide, as they are now. A helper who is an officer of an application sees nothing of
        it.
        """
        helper_id = self.helper.id or ""
        return [
            each for each in on if each.may(self.person_id, "confirm") and each.registration.assigned(helper_id) is None
        ]


def helped_by(found: Iterable[DecryptedHelper], helper_id: str, now_ms: int) -> tuple[DecryptedHelper, HelpedPerson]:
    """The row with this id, and the person whom its helper may help now. Raises NotFound if it is not active."""
    for each in found:
        if each.row.helper_id == helper_id and each.state(now_ms) == "active":
            return each, HelpedPerson(helper_id, each.contact, each.facts.customer_id, each.row.customer_index)
    raise NotFound("you do not help this person now")
