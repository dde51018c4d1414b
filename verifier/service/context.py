"""The ports, settings and writer that all use cases share. Implements specs/protocol.md section 6.2 (settings)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from verifier.core.call import CallRules
from verifier.core.contacts import Contact
from verifier.core.evidence import LogKey, Trust
from verifier.core.limits import Limit
from verifier.core.policy import ContactPolicy
from verifier.core.reconciliation import DiscrepancyKind
from verifier.core.times import DAY_MS
from verifier.ledger import indexes
from verifier.ledger.committed import Reading
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.decrypter import Decrypter
from verifier.ledger.helpers import HelperReading
from verifier.ledger.rows import Authenticator
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.writer import Writer
from verifier.ports import Clock, Entropy, KeyRing, Storage
from verifier.service.notifications.events import Events
from verifier.service.staff.cutoff import CutOff


class Settings(msgspec.Struct, frozen=True):
    """The settings of the protocol.

    - `guess_limit`: the limit on wrong codes, for each application and channel.
    - `verdict_cap`, `report_cap`: the daily caps, for each login and each calling number.
    - `counter_cap`: the daily cap of each clerk at the counter (section 7.19).
    - `receipt_messages`: whether the bank's messaging system can send receipts to callers (section 7.11).
    - `leg_silence_ms`: a telephone exchange is silent if it has not been heard for this time.
    - `retention_ms`: how long statements are kept. None means that they are kept forever.
    - `look_retention_ms`: how long it is kept who looked.
    - `looks_an_hour`: at how many customers a member of staff may look within an hour without a discrepancy.
    """

    issuer: str
    origin: str
    rules: CallRules = CallRules()
    policy: ContactPolicy = ContactPolicy()
    guess_limit: Limit = Limit(burst=6, period_ms=3_600_000)
    verdict_cap: Limit = Limit(burst=100, period_ms=DAY_MS)
    report_cap: Limit = Limit(burst=20, period_ms=DAY_MS)
    counter_cap: Limit = Limit(burst=200, period_ms=DAY_MS)
    exception_lifetime_ms: int = 3_600_000
    published_numbers: tuple[str, ...] = ()
    bank_name: str = ""
    receipt_messages: bool = False
    leg_silence_ms: int = 60_000
    retention_ms: int | None = None
    look_retention_ms: int = 1_095 * DAY_MS
    looks_an_hour: int = 60


class Context:
    """The ports, settings and callbacks of one running service.

    - `discovered`: called with the kind and id of each new discrepancy, after the commit.
    - `tampered`: called with the table of each row that does not verify. The caller may be the thread of SQLite.
    - `suspensions_changed`: called with the ids of new suspensions and the ids of ended suspensions.
    - `check_clock`: called with the database's time at the start of each batch.
    - `running`: a function that returns monotonic time in milliseconds. The default always returns 0.
    """

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        ring: KeyRing,
        clock: Clock,
        entropy: Entropy,
        check_clock: Callable[[str], None] = lambda database_time: None,
        running: Clock = lambda: 0,
    ) -> None:
        self.settings = settings
        self.storage = storage
        self.ring = ring
        self.clock = clock
        self.entropy = entropy
        self.running = running
        self.cutoff = CutOff(running)
        self.events = Events()
        self.tampered: Callable[[str], None] = lambda table: None
        self.authenticator = Authenticator(ring, lambda table: self.tampered(table))
        self.reading = Reading(storage, ring, self.authenticator)
        self.helpers = HelperReading(storage, ring, self.authenticator)
        self.decrypter = Decrypter(ring)
        self.writer = Writer(
            storage,
            ring,
            self.authenticator,
            self.decrypter,
            clock,
            entropy,
            settings.origin,
            self._committed,
            check_clock,
        )
        self.discovered: Callable[[DiscrepancyKind, str], None] = lambda kind, discrepancy_id: None
        self.suspensions_changed: Callable[[Sequence[str], Sequence[str]], None] = lambda new, ended: None

    def _committed(self, work: UnitOfWork, commands: int) -> None:
        self.events.publish(work.effects.touched, commands)
        for kind, discrepancy_id in work.effects.discrepancies:
            self.discovered(kind, discrepancy_id)

    def trust(self) -> Trust:
        """The trust file. It contains all keys and names that a verifier needs to check statements offline."""
        settings = self.settings
        return Trust(settings.issuer, self.ring.jwks(), LogKey(settings.origin, self.ring.log_keys()))

    def customer_index(self, customer_id: str) -> bytes:
        """The blind index of a customer."""
        return indexes.customer_index(self.ring, customer_id)

    def contact_index(self, application: DecryptedApplication, contact: Contact | None) -> bytes | None:
        """The blind index of the login of a contact. None if there is no contact, or if they have no login."""
        if contact is None or contact.id is None:
            return None
        # The row has the index of the borrower, so it need not be computed.
        borrower = application.row.customer_index
        return borrower if contact.id == application.registration.owner.id else self.customer_index(contact.id)

    def number_index(self, number: str) -> bytes:
        """The blind index of a telephone number."""
        return indexes.number_index(self.ring, number)

    def leg_index(self, leg_id: str) -> bytes:
        """The blind index of a leg id. It is stored instead of the leg id, which may contain a telephone number."""
        return indexes.leg_index(self.ring, leg_id)

    def invitation_index(self, letters: str) -> bytes:
        """The blind index of an invitation."""
        return indexes.invitation_index(self.ring, letters)

    def code_index(self, digits: str) -> bytes:
        """The blind index of nine digits that are no live code."""
        return indexes.code_index(self.ring, digits)
