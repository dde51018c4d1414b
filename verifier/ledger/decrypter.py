"""A bounded cache of decrypted applications. Implements specs/protocol.md section 4.1.

An entry counts only for the exact bytes that it was decrypted from, and a batch reads those bytes again each time. So
the cache is never older than the database. Only batches add entries: a batch that erases an application locks its
shard, so no other batch can add the application back afterwards.

Tickets are not cached. A call is decrypted each time, and so is a decoy, so the work never shows whether a call is open
(law L7).
"""

from __future__ import annotations

from verifier.ledger.decrypted import DecryptedApplication, decrypt_application
from verifier.ledger.tables import ApplicationRow
from verifier.ports import KeyRing

# Entries of one generation. There are two of them.
MAX_APPLICATIONS = 2_048


class Decrypter:
    """Decrypts applications for batches, and remembers them in two generations.

    A new generation begins when the current one is full, and with each `age`. An entry that no batch uses is gone after
    two. On SQLite, batches use this object in the thread of the database while `age` and `clear` run on the event loop.
    Each change of a generation is one assignment, so no lock is needed.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._generations: tuple[dict[str, DecryptedApplication], dict[str, DecryptedApplication]] = {}, {}

    def application(self, row: ApplicationRow) -> DecryptedApplication:
        """The application of a row. Raises Erased if its keys were destroyed."""
        # Read once: `clear` may replace the generations meanwhile, and must not get an entry of the old key ring.
        current, older = self._generations
        found = current.get(row.application_id) or older.get(row.application_id)
        if found is not None and row.sealed is not None and sealed_columns(found.row) == sealed_columns(row):
            found = DecryptedApplication(row, found.keys, found.registration, found.contacts)
        else:
            self.forget(row.application_id)
            found = decrypt_application(self._ring, row)
        current[row.application_id] = found
        if len(current) >= MAX_APPLICATIONS:
            self.age()
        return found

    def forget(self, application_id: str) -> None:
        """Forget an application that is being erased or registered again."""
        for generation in self._generations:
            generation.pop(application_id, None)

    def age(self) -> None:
        """Begin a new generation."""
        self._generations = {}, self._generations[0]

    def clear(self) -> None:
        """Forget every application, because the key ring has changed."""
        self._generations = {}, {}


def sealed_columns(row: ApplicationRow) -> tuple[object, ...]:
    """The columns that an application is decrypted from."""
    return row.sealed, row.wrapped_key, row.kek_id
