"""A bounded cache of decrypted applications. Implements specs/protocol.md section 4.1.

An entry counts only for the exact bytes that it was decrypted from, and a batch reads those bytes again each time. So
the cache is never older than the database. Only batches add entries: a batch that erases an application locks its
shard, so no other batch can add the application back afterwards.

Tickets are not cached. A call is decrypted each time, and so is a decoy, so the work never shows whether a call is open
(law L7).
"""

from __future__ import annotations

from threading import Lock

from verifier.ledger.decrypted import DecryptedApplication, decrypt_application
from verifier.ledger.tables import ApplicationRow
from verifier.ports import KeyRing

MAX_APPLICATIONS = 8_192


class Decrypter:
    """Decrypts applications for batches, and remembers them. Beyond MAX_APPLICATIONS it forgets the oldest.

    Batches use it in the thread of a database. `forget` and `clear` run on the event loop.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._lock = Lock()
        self._known: dict[str, DecryptedApplication] = {}

    def application(self, row: ApplicationRow) -> DecryptedApplication:
        """The application of a row. Raises Erased if its keys were destroyed."""
        known = self._known.get(row.application_id)
        if known is not None and row.sealed is not None and _sealed(known.row) == _sealed(row):
            return DecryptedApplication(row, known.keys, known.registration)
        self.forget(row.application_id)
        found = decrypt_application(self._ring, row)
        with self._lock:
            if len(self._known) >= MAX_APPLICATIONS:
                del self._known[next(iter(self._known))]
            self._known[row.application_id] = found
        return found

    def forget(self, application_id: str) -> None:
        """Forget an application that was erased or registered again."""
        with self._lock:
            self._known.pop(application_id, None)

    def clear(self) -> None:
        """Forget every application, because the key ring has changed."""
        with self._lock:
            self._known.clear()


def _sealed(row: ApplicationRow) -> tuple[object, ...]:
    return row.sealed, row.wrapped_key, row.kek_id
