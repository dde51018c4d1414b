"""The telephone dialogues that a batch reads and writes, each sealed. Implements specs/protocol.md section 10."""

from __future__ import annotations

from verifier.core.errors import NotFound
from verifier.ledger import records
from verifier.ledger.decrypted import session_context
from verifier.ledger.unit_of_work.declared import Declared
from verifier.ledger.unit_of_work.loading import Loaded
from verifier.ledger.unit_of_work.writes import Writes
from verifier.ports import KeyRing


class DialogueRows:
    """Dialogues by session id, as changed by earlier commands of the batch."""

    def __init__(self, loaded: Loaded, declared: Declared, writes: Writes, ring: KeyRing) -> None:
        self._loaded = loaded
        self._declared = declared
        self._writes = writes
        self._ring = ring
        self._states: dict[str, tuple[bytes, int, str | None]] = {}

    def get(self, session_id: str) -> tuple[bytes, str | None]:
        """The state of a dialogue, and the id of the application that the dialogue is tied to. Raises NotFound.

        The id is None if the dialogue is not tied to an application yet.
        """
        self._declared.named("a dialogue", session_id, (self._declared.reads.session_id,))
        if session_id not in self._states:
            row = self._loaded.sessions.get(session_id)
            if row is None:
                raise NotFound("there is no such session, or it is over")
            _, sealed, expires_at, application_id = row
            context = session_context(session_id, expires_at, application_id)
            self._states[session_id] = self._ring.unseal(context, sealed), expires_at, application_id
        state, _, application_id = self._states[session_id]
        return state, application_id

    def add(self, session_id: str, state: bytes, expires_at: int, number_index: bytes | None) -> None:
        """Add a new dialogue, which is not tied to an application yet.

        `number_index` is the blind index of the calling number, or None if the number is withheld.
        """
        self._states[session_id] = state, expires_at, None
        sealed = self._ring.seal(session_context(session_id, expires_at, None), state)
        self._writes.stage(records.INSERT_SESSION, (session_id, sealed, expires_at, number_index), session_id)

    def put(self, session_id: str, state: bytes, application_id: str | None) -> None:
        """Change the state of a dialogue, and the id of the application that the dialogue is tied to, if any."""
        _, expires_at, _ = self._states[session_id]
        self._states[session_id] = state, expires_at, application_id
        sealed = self._ring.seal(session_context(session_id, expires_at, application_id), state)
        self._writes.stage(records.UPDATE_SESSION, (session_id, sealed, application_id), session_id)
