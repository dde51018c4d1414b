"""The unit of work of a batch: load all rows together, decide in memory, and write everything together.

Implements specs/protocol.md section 10. Each command sees the effects of earlier commands in the batch. A command first
decides, and stages its writes last. So a command that raises an error writes nothing. The modules `loading`, `declared`
and `writes` serve all aggregates. Each other module holds one aggregate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from msgspec.structs import replace

from verifier.core.errors import Tampered
from verifier.core.evidence import Evidence
from verifier.core.ids import ENTROPY_BYTES, new_id
from verifier.core.octets import base64url
from verifier.core.sealing import KEY_BYTES, NONCE_BYTES, seal
from verifier.core.statements import SALT_BYTES, encode_claims
from verifier.ledger import records
from verifier.ledger.decrypted import DecryptedApplication, leaf_context
from verifier.ledger.decrypter import Decrypter
from verifier.ledger.read_set import ReadSet
from verifier.ledger.rows import AnyRows, AnyTable, Authenticator, Key
from verifier.ledger.tables import ReportRow, limit_keys
from verifier.ledger.unit_of_work.applications import ApplicationRows
from verifier.ledger.unit_of_work.calls import CallRows
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.dialogues import DialogueRows
from verifier.ledger.unit_of_work.exchanges import ExchangeRows
from verifier.ledger.unit_of_work.helpers import HelperRows
from verifier.ledger.unit_of_work.histories import HistoryRows
from verifier.ledger.unit_of_work.legs import LegRows
from verifier.ledger.unit_of_work.limits import LimitRows
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ledger.unit_of_work.log_entries import LogEntries
from verifier.ledger.unit_of_work.looks import LookRows
from verifier.ledger.unit_of_work.policy_exceptions import ExceptionRows
from verifier.ledger.unit_of_work.refusals import RefusalRows
from verifier.ledger.unit_of_work.signals import SignalRows
from verifier.ledger.unit_of_work.suspensions import SuspensionRows
from verifier.ledger.unit_of_work.writes import Effects, Writes
from verifier.ports import Entropy, KeyRing, Row, Transaction

# The statements that an erasure runs on tables without authenticators.
_FORGET = (
    records.FORGET_LEAVES,
    records.FORGET_SESSIONS,
    records.FORGET_MESSAGES,
    records.FORGET_IDEMPOTENCY,
)


class UnitOfWork:
    """The rows that the commands of a batch read and write, by aggregate. Call `begin` before each command.

    `sizes` maps each shard that the batch has locked to its size. `shards` is the number of shards of the log.
    """

    def __init__(
        self,
        transaction: Transaction,
        ring: KeyRing,
        authenticator: Authenticator,
        decrypter: Decrypter,
        entropy: Entropy,
        now_ms: int,
        sizes: Mapping[int, int],
        shards: int,
    ) -> None:
        self.now_ms = now_ms
        self.reads = ReadSet()
        self.ring = ring
        self.loaded = Loaded(transaction, authenticator, now_ms)
        self.effects = Effects()
        self._transaction = transaction
        self._entropy = entropy
        self._row_writes: dict[str, list[Row]] = {}
        self._declared = declared = Declared(self.loaded)
        self.writes = Writes()
        self.log = LogEntries(ring, sizes, shards)
        self.applications = ApplicationRows(self.loaded, declared, self.writes, decrypter, authenticator)
        self.calls = CallRows(self.loaded, declared, self.applications, self.log, self.effects, ring, authenticator)
        self.legs = LegRows(self.loaded, declared, self.effects, authenticator)
        self.exceptions = ExceptionRows(self.loaded, declared, self.applications, ring)
        self.suspensions = SuspensionRows(self.loaded, declared)
        self.exchanges = ExchangeRows(self.loaded, declared)
        self.limits = LimitRows(self.loaded, declared)
        self.helpers = HelperRows(self.loaded, declared, ring)
        self.refusals = RefusalRows(self.loaded, declared, self.applications)
        self.signals = SignalRows(self.loaded, declared, self.effects)
        self.looks = LookRows(self.loaded, declared, self.effects)
        self.histories = HistoryRows(self.loaded, self.writes, self.log, authenticator)
        self.dialogues = DialogueRows(self.loaded, declared, self.writes, ring)

    def begin(self, reads: ReadSet) -> None:
        """Begin the next command. The command can read only the rows in `reads`. Other reads raise InternalError."""
        self.reads = reads
        self._declared.begin(reads)

    def new_id(self, prefix: str) -> str:
        return new_id(prefix, self.now_ms, self._entropy(ENTROPY_BYTES))

    def new_key(self) -> bytes:
        return self._entropy(KEY_BYTES)

    def new_salt(self) -> str:
        return base64url(self._entropy(SALT_BYTES))

    def seal(self, application: DecryptedApplication | None, context: str, plaintext: bytes) -> bytes:
        """Encrypt under the key of the application. If `application` is None, encrypt under the key ring."""
        if application is None:
            return self.ring.seal(context, plaintext)
        return seal(application.keys.sealing, self._entropy(NONCE_BYTES), context, plaintext)

    def put_report(self, report: ReportRow) -> None:
        """Add a report."""
        self.loaded.reports.put(report)

    def forget(self, application_id: str, customer_index: bytes | None, number_indexes: Iterable[bytes]) -> None:
        """Delete the data of an erased application.

        The application's own row, its calls, its reports and its looks stay, but the reports lose their text and the
        looks their reason. The call histories of the borrower and the contacts are deleted too, and the helpers of
        those who have no other application. `number_indexes` are the blind indexes of the application's numbers.
        Dialogues of callers from these numbers are deleted too, if they are not tied to an application yet.
        """
        borrower = () if customer_index is None else (customer_index,)
        people = (*borrower, *self.loaded.contacts_of.get(application_id, ()))
        self.histories.forget(people, self.now_ms)
        self.helpers.forget(each for each in people if not self.applications.leads_elsewhere(each, application_id))
        for statement in _FORGET:
            self.writes.stage(statement, (application_id,))
        for number_index in number_indexes:
            self.writes.stage(records.FORGET_FIRST_SESSIONS, (number_index,))
        loaded = self.loaded
        for stray_id in list(loaded.strays):
            among = loaded.strays.hint(stray_id, "among") or ""
            if loaded.strays.hint(stray_id, "application_id") == application_id or f" {application_id} " in among:
                loaded.strays.delete(stray_id)
        for rows in (loaded.requests, loaded.exceptions, loaded.signals, loaded.confirmations):
            for key in _of(rows, application_id):
                rows.delete(key)
        for key in limit_keys(application_id):
            loaded.limits.rows.delete(key)
        for report_id in _of(loaded.reports, application_id):
            report = loaded.reports.get(report_id)
            assert report is not None  # noqa: S101 - the key comes from the loaded rows
            loaded.reports.put(replace(report, sealed=None))
        for look_id in _of(loaded.looks, application_id):
            look = loaded.looks.get(look_id)
            assert look is not None  # noqa: S101 - the key comes from the loaded rows
            loaded.looks.put(replace(look, sealed=None))

    def delete(self, table: AnyTable, key: object) -> None:
        """Delete a row if the batch has loaded it."""
        self.loaded.tables[table].delete(key)

    def prune(self) -> int:
        """Delete the loaded rows that have expired. Returns how many rows were deleted.

        Rows that do not verify are kept, so that the audit finds them.
        """
        gone = 0
        for table, key, column, before in self.loaded.expired:
            rows = self.loaded.tables[table]
            with suppress(Tampered):
                if not rows.changed(key) and getattr(rows.get(key), column) < before:
                    rows.delete(key)
                    gone += 1
        return gone

    def stage_rows(self) -> int:
        """Make the SQL and the authenticators of all staged rows. Returns how much the sum of all shares changes."""
        return sum(rows.write(self._row_writes) for rows in self.loaded.tables.values())

    async def flush(self) -> None:
        """Write all staged rows to the database. Rows with an authenticator are written first, table by table."""
        for leaf in self.log.leaves.values():
            application_id = leaf.application.application_id if leaf.application is not None else None
            context = leaf_context(leaf.statement_id, leaf.typ, leaf.customer_index)
            sealed = self.seal(leaf.application, context, encode_claims(Evidence(leaf.statement, leaf.proof)))
            owner = application_id, leaf.customer_index
            values = (leaf.leaf_index, leaf.entry, leaf.typ, leaf.statement_id, *owner, sealed)
            self.writes.stage(records.INSERT_LEAF, values, leaf.leaf_index)
        for sql, staged in self._row_writes.items():
            await self._transaction.execute_many(sql, staged)
        await self.writes.flush(self._transaction)


def _of(rows: AnyRows, application_id: str) -> list[Key]:
    """The keys of the rows that belong to the application."""
    return [each for each in rows if rows.hint(each, "application_id") == application_id]
