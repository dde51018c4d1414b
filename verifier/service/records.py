"""What is kept: each table's statements, written once for both databases, and its row as a struct.

Carries out specs/protocol.md section 10.
"""

from __future__ import annotations

from msgspec import Struct

from verifier.core.call import Call, Channel
from verifier.core.reconciliation import StrayKind

# --- the log ----------------------------------------------------------------------------------------------

# Leaves, nodes and checkpoints of every shard are in one table of each, by place (verifier/core/shards.py): what these
# tables call `leaf_index`, `node_index` and `size`, and other tables `leaf_index` and `receipt_leaf`, is one.
CREATE_HEAD = "INSERT INTO log_head (origin, size, batches) VALUES ($1, 0, 0) ON CONFLICT (origin) DO NOTHING"
# Locks the row, so that batches of all nodes extend one log in one order; and tells the database's own time.
TAKE_HEAD = (
    "UPDATE log_head SET batches = batches + 1 WHERE origin = $1 "
    "RETURNING size, shards, CAST(CURRENT_TIMESTAMP AS TEXT)"
)
ADVANCE_HEAD = "UPDATE log_head SET size = $2 WHERE origin = $1"
# Every head has the number of them, so that whoever has waited for one is told the new one.
SET_SHARDS = "UPDATE log_head SET shards = $1"
HEAD_ORIGINS = "SELECT origin FROM log_head"
INSERT_CHECKPOINT = "INSERT INTO checkpoints (size, note) VALUES ($1, $2)"
LATEST_CHECKPOINT = "SELECT note FROM checkpoints WHERE size >= $1 AND size < $2 ORDER BY size DESC LIMIT 1"
CHECKPOINT_OF = "SELECT note FROM checkpoints WHERE size = $1"
CHECKPOINTS_FROM = "SELECT size, note FROM checkpoints WHERE size > $1 AND size < $2 ORDER BY size LIMIT 1000"
INSERT_NODE = "INSERT INTO nodes (level, node_index, hash) VALUES ($1, $2, $3)"
NODES_BETWEEN = "SELECT hash FROM nodes WHERE level = $1 AND node_index >= $2 AND node_index < $3 ORDER BY node_index"
ENTRIES_BETWEEN = "SELECT entry FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index"
INSERT_LEAF = (
    "INSERT INTO leaves (leaf_index, entry, typ, statement_id, application_id, customer_index, sealed) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
LEAVES_FROM = (
    "SELECT l.leaf_index, l.entry, l.typ, l.statement_id, l.application_id, l.sealed, "
    "a.kek_id, a.wrapped_key, a.erased_at "
    "FROM leaves l LEFT JOIN applications a ON a.application_id = l.application_id "
    "WHERE l.leaf_index >= $1 AND l.leaf_index < $2 ORDER BY l.leaf_index"
)
LEAF_BY_STATEMENT = (
    "SELECT l.application_id, l.customer_index, l.sealed, l.statement_id, a.kek_id, a.wrapped_key, l.typ "
    "FROM leaves l LEFT JOIN applications a ON a.application_id = l.application_id WHERE l.statement_id = $1"
)
FORGOTTEN = "SELECT origin, forgotten FROM log_head ORDER BY origin"
ADVANCE_FORGOTTEN = "UPDATE log_head SET forgotten = $2 WHERE origin = $1 AND forgotten < $2"
STATEMENTS_FROM = (
    "SELECT leaf_index, typ, statement_id FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index"
)
FORGET_LEAF = "UPDATE leaves SET sealed = NULL, customer_index = NULL WHERE leaf_index = $1"
FORGET_LEAVES = "UPDATE leaves SET sealed = NULL, customer_index = NULL WHERE application_id = $1"

# --- applications -----------------------------------------------------------------------------------------

_APPLICATION = (
    "application_id, customer_index, kek_id, wrapped_key, sealed, call_counter, local_day, calls_today, "
    "open_call_id, created_at, updated_at, erased_at, opted_out"
)
APPLICATIONS_BY_ID = f"SELECT {_APPLICATION} FROM applications WHERE application_id IN ($*)"
APPLICATIONS_BY_CUSTOMER = f"SELECT {_APPLICATION} FROM applications WHERE customer_index IN ($*)"
UPSERT_APPLICATION = (
    f"INSERT INTO applications ({_APPLICATION}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
    "ON CONFLICT (application_id) DO UPDATE SET customer_index = excluded.customer_index, "
    "kek_id = excluded.kek_id, wrapped_key = excluded.wrapped_key, sealed = excluded.sealed, "
    "call_counter = excluded.call_counter, local_day = excluded.local_day, calls_today = excluded.calls_today, "
    "open_call_id = excluded.open_call_id, updated_at = excluded.updated_at, erased_at = excluded.erased_at, "
    "opted_out = excluded.opted_out"
)
ADVANCE_APPLICATION = (
    "UPDATE applications SET call_counter = $2, local_day = $3, calls_today = $4, open_call_id = $5 "
    "WHERE application_id = $1"
)
NUMBERS = "SELECT number_index, application_id FROM numbers WHERE number_index IN ($*)"
DELETE_NUMBERS = "DELETE FROM numbers WHERE application_id = $1"
INSERT_NUMBER = "INSERT INTO numbers (number_index, application_id) VALUES ($1, $2)"
APPLICATIONS_OF_OFFICER = (
    f"SELECT {_APPLICATION} FROM applications WHERE application_id IN "
    "(SELECT application_id FROM assignments WHERE officer_id = $1 AND application_id > $2 "
    "ORDER BY application_id LIMIT 200) ORDER BY application_id"
)
DELETE_ASSIGNMENTS = "DELETE FROM assignments WHERE application_id = $1"
INSERT_ASSIGNMENT = "INSERT INTO assignments (officer_id, application_id) VALUES ($1, $2)"
INSERT_EXCEPTION = (
    "INSERT INTO exceptions (exception_id, application_id, officer_id, granted_by, rules, expires_at, call_id) "
    "VALUES ($1, $2, $3, $4, $5, $6, NULL)"
)
EXCEPTIONS = (
    "SELECT exception_id, application_id, officer_id, granted_by, rules, expires_at, call_id "
    "FROM exceptions WHERE exception_id IN ($*)"
)
USE_EXCEPTION = "UPDATE exceptions SET call_id = $2 WHERE exception_id = $1"
INSERT_REQUEST = (
    "INSERT INTO exception_requests (request_id, application_id, officer_id, sealed, asked_at, expires_at, "
    "decided_at, exception_id) VALUES ($1, $2, $3, $4, $5, $6, NULL, NULL)"
)
_REQUEST = (
    "r.request_id, r.application_id, r.officer_id, r.sealed, r.asked_at, r.expires_at, r.decided_at, r.exception_id"
)
REQUESTS = f"SELECT {_REQUEST} FROM exception_requests r WHERE r.request_id IN ($*)"
DECIDE_REQUEST = (
    "UPDATE exception_requests SET decided_at = $2, exception_id = $3, expires_at = $4 WHERE request_id = $1"
)
# The officer's own, or with an empty name everybody's; with the call that has used what was granted.
REQUESTS_SINCE = (
    f"SELECT {_REQUEST}, e.call_id FROM exception_requests r LEFT JOIN exceptions e ON e.exception_id = r.exception_id "
    "WHERE r.asked_at >= $1 AND (r.officer_id = $2 OR $2 = '') AND r.sealed IS NOT NULL "
    "ORDER BY r.request_id DESC LIMIT 100"
)
PRUNE_REQUESTS = "DELETE FROM exception_requests WHERE asked_at < $1"
DELETE_EXCEPTION = "DELETE FROM exceptions WHERE exception_id = $1"
FORGET_REQUESTS = "DELETE FROM exception_requests WHERE application_id = $1"
FORGET_EXCEPTIONS = "DELETE FROM exceptions WHERE application_id = $1"

# --- whose it is, which says in which shard ---------------------------------------------------------------

APPLICATION_OWNERS = "SELECT application_id, customer_index FROM applications WHERE application_id IN ($*)"
NUMBER_OWNERS = (
    "SELECT n.number_index, a.customer_index FROM numbers n "
    "JOIN applications a ON a.application_id = n.application_id WHERE n.number_index IN ($*)"
)
CALL_OWNERS = (
    "SELECT c.call_id, a.customer_index FROM calls c "
    "JOIN applications a ON a.application_id = c.application_id WHERE c.call_id IN ($*)"
)

# --- calls ------------------------------------------------------------------------------------------------

_CALL = (
    "c.call_id, c.application_id, c.officer_id, c.leaf_index, c.call_counter, c.leg_mode, c.issued_at, "
    "c.expires_at, c.state, c.connected_at, c.leg_ended_at, c.revealed_at, c.confirmed_at, c.ended_at, "
    "c.receipt_leaf, c.due_at"
)
# Decoys, whose leaves are before the log, are no calls to anybody.
CALLS = (
    f"SELECT {_CALL}, l.sealed FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE c.call_id IN ($*) AND c.leaf_index >= 0"
)
# With the receipt that consumed the code; where there is none, the leaf of a decoy is read in its place.
CANDIDATES = (
    f"SELECT {_CALL}, r.statement_id, r.sealed, l.sealed FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "LEFT JOIN leaves r ON r.leaf_index = COALESCE(c.receipt_leaf, -1) WHERE c.call_id IN ($*)"
)
CALLS_OF_APPLICATION = (
    f"SELECT {_CALL}, l.sealed, r.statement_id FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "LEFT JOIN leaves r ON r.leaf_index = c.receipt_leaf "
    "WHERE c.application_id = $1 AND c.call_id < $2 ORDER BY c.call_id DESC LIMIT $3"
)
CALLS_OF_OFFICER = (
    f"SELECT {_CALL}, l.sealed FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE c.officer_id = $1 AND c.call_id < $2 AND c.issued_at >= $3 ORDER BY c.call_id DESC LIMIT $4"
)
CALLS_DUE = (
    "SELECT c.call_id, a.customer_index FROM calls c LEFT JOIN applications a ON a.application_id = c.application_id "
    "WHERE c.due_at <= $1 ORDER BY c.due_at LIMIT 500"
)
INSERT_CALL = (
    "INSERT INTO calls (call_id, application_id, officer_id, leaf_index, call_counter, leg_mode, issued_at, "
    "expires_at, state, connected_at, leg_ended_at, revealed_at, confirmed_at, ended_at, receipt_leaf, due_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
)
# One that is open still is closed first.
DELETE_CALL = "DELETE FROM calls WHERE call_id = $1 AND due_at IS NULL"
UPDATE_CALL = (
    "UPDATE calls SET state = $2, connected_at = $3, leg_ended_at = $4, revealed_at = $5, confirmed_at = $6, "
    "ended_at = $7, receipt_leaf = $8, due_at = $9 WHERE call_id = $1"
)
_LEG = "call_id, leg_index, on_file, connected_at, ended_at, expires_at"
LEGS = f"SELECT {_LEG} FROM legs WHERE call_id IN ($*)"
# An exchange's ids are its own for good; where one was used again all the same, the latest call has it.
LEG_OWNERS = "SELECT leg_index, MAX(call_id) FROM legs WHERE leg_index IN ($*) GROUP BY leg_index"
UPSERT_LEG = (
    f"INSERT INTO legs ({_LEG}) VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT (call_id, leg_index) DO UPDATE SET on_file = excluded.on_file, "
    "connected_at = excluded.connected_at, ended_at = excluded.ended_at, expires_at = excluded.expires_at"
)
PRUNE_LEGS = "DELETE FROM legs WHERE expires_at < $1"
OPEN_CALLS_OF_NUMBER = (
    "SELECT n.application_id, a.open_call_id FROM numbers n "
    "JOIN applications a ON a.application_id = n.application_id WHERE n.number_index = $1 LIMIT $2"
)
_STRAY = (
    "stray_id, leg_index, call_id, kind, application_id, officer_id, heard_at, connected_at, ended_at, "
    "expires_at, sealed, among"
)
STRAY_LEGS = f"SELECT {_STRAY} FROM stray_legs WHERE leg_index IN ($*)"
UPSERT_STRAY = (
    f"INSERT INTO stray_legs ({_STRAY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
    "ON CONFLICT (stray_id) DO UPDATE SET kind = excluded.kind, application_id = excluded.application_id, "
    "officer_id = excluded.officer_id, connected_at = excluded.connected_at, ended_at = excluded.ended_at, "
    "expires_at = excluded.expires_at, sealed = excluded.sealed, among = excluded.among"
)
FORGET_STRAYS = "DELETE FROM stray_legs WHERE application_id = $1"
FORGET_SHARED_STRAYS = (
    "DELETE FROM stray_legs WHERE among IS NOT NULL AND REPLACE(among, ' ' || CAST($1 AS TEXT) || ' ', '') <> among"
)
PRUNE_STRAYS = "DELETE FROM stray_legs WHERE expires_at < $1"

# --- reconciliation ---------------------------------------------------------------------------------------

# Between two ids, newest first. The conditions are those of the partial indexes, word for word.
_DISCREPANT = (
    "SELECT call_id, application_id, officer_id, issued_at, connected_at, leg_ended_at, revealed_at FROM calls "
    "WHERE call_id >= $1 AND call_id < $2 AND {} ORDER BY call_id DESC LIMIT $3"
)
CODES_WITHOUT_LEG = _DISCREPANT.format(
    "due_at IS NULL AND connected_at IS NULL AND revealed_at IS NOT NULL AND leg_mode <> 'off'"
)
CODES_NEVER_USED = _DISCREPANT.format(
    "due_at IS NULL AND confirmed_at IS NULL "
    "AND (connected_at IS NOT NULL OR (revealed_at IS NOT NULL AND leg_mode = 'off'))"
)
STRAYS_OF_KIND = (
    f"SELECT {_STRAY} FROM stray_legs WHERE stray_id >= $1 AND stray_id < $2 AND kind = $4 "
    "AND connected_at IS NOT NULL ORDER BY stray_id DESC LIMIT $3"
)

# --- suspensions ------------------------------------------------------------------------------------------

_SUSPENSION = "suspension_id, officer_id, suspended_by, suspended_at, lifted_by, lifted_at, sealed"
# Of each person the one in force comes last, or else the latest.
SUSPENSIONS = (
    f"SELECT {_SUSPENSION} FROM suspensions WHERE officer_id IN ($*) "
    "ORDER BY CASE WHEN lifted_at IS NULL THEN 1 ELSE 0 END, suspension_id"
)
SUSPENSIONS_IN_FORCE = f"SELECT {_SUSPENSION} FROM suspensions WHERE lifted_at IS NULL"
# Rows are only added, and lifted once, so equal numbers mean that nothing has changed.
SUSPENSIONS_VERSION = "SELECT COUNT(*), COUNT(lifted_at), MAX(suspension_id) FROM suspensions"
SUSPENSIONS_BEFORE = (
    f"SELECT {_SUSPENSION} FROM suspensions WHERE suspension_id < $1 ORDER BY suspension_id DESC LIMIT $2"
)
UPSERT_SUSPENSION = (
    f"INSERT INTO suspensions ({_SUSPENSION}) VALUES ($1, $2, $3, $4, $5, $6, $7) "
    "ON CONFLICT (suspension_id) DO UPDATE SET officer_id = excluded.officer_id, "
    "suspended_by = excluded.suspended_by, suspended_at = excluded.suspended_at, lifted_by = excluded.lifted_by, "
    "lifted_at = excluded.lifted_at, sealed = excluded.sealed"
)
OPEN_CALLS_OF_OFFICER = (
    "SELECT c.call_id, a.customer_index FROM calls c LEFT JOIN applications a ON a.application_id = c.application_id "
    "WHERE c.officer_id = $1 AND c.call_id >= $2 AND c.due_at IS NOT NULL"
)

# --- the rest ---------------------------------------------------------------------------------------------

INSERT_REPORT = (
    "INSERT INTO reports (report_id, application_id, leaf_index, created_at, sealed) VALUES ($1, $2, $3, $4, $5)"
)
DELETE_REPORT = "DELETE FROM reports WHERE report_id = $1"
FORGET_REPORTS = "UPDATE reports SET sealed = NULL WHERE application_id = $1"
SESSIONS = "SELECT session_id, sealed, expires_at, application_id FROM ivr_sessions WHERE session_id IN ($*)"
INSERT_SESSION = "INSERT INTO ivr_sessions (session_id, sealed, expires_at, application_id) VALUES ($1, $2, $3, $4)"
# One that was erased meanwhile does not come back.
UPDATE_SESSION = "UPDATE ivr_sessions SET sealed = $2, application_id = $3 WHERE session_id = $1"
FORGET_SESSIONS = "DELETE FROM ivr_sessions WHERE application_id = $1"
# Not what is left of an application that was erased in the same moment.
MESSAGES_DUE = (
    "SELECT m.message_id, m.sealed, m.tries FROM messages m "
    "JOIN applications a ON a.application_id = m.application_id AND a.wrapped_key IS NOT NULL "
    "WHERE m.due_at <= $1 ORDER BY m.due_at LIMIT 100"
)
INSERT_MESSAGE = (
    "INSERT INTO messages (message_id, application_id, sealed, tries, due_at, expires_at) "
    "VALUES ($1, $2, $3, 0, $4, $5)"
)
POSTPONE_MESSAGE = "UPDATE messages SET tries = tries + 1, due_at = $2 WHERE message_id = $1"
DELETE_MESSAGE = "DELETE FROM messages WHERE message_id = $1"
FORGET_MESSAGES = "DELETE FROM messages WHERE application_id = $1"
PRUNE_MESSAGES = "DELETE FROM messages WHERE expires_at < $1"
PRUNE_SESSIONS = "DELETE FROM ivr_sessions WHERE expires_at < $1"
LIMITS = "SELECT limit_key, tat, call_id, wrong FROM limits WHERE limit_key IN ($*)"
UPSERT_LIMIT = (
    "INSERT INTO limits (limit_key, tat, call_id, wrong) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (limit_key) DO UPDATE SET tat = excluded.tat, call_id = excluded.call_id, wrong = excluded.wrong"
)
PRUNE_LIMITS = "DELETE FROM limits WHERE tat < $1"
FORGET_LIMITS = "DELETE FROM limits WHERE limit_key IN (CAST($1 AS TEXT) || ':app', CAST($1 AS TEXT) || ':ivr')"
IDEMPOTENCY = "SELECT idempotency_id, fingerprint, sealed FROM idempotency WHERE idempotency_id IN ($*)"
INSERT_IDEMPOTENCY = (
    "INSERT INTO idempotency (idempotency_id, fingerprint, sealed, application_id, expires_at) "
    "VALUES ($1, $2, $3, $4, $5)"
)
PRUNE_IDEMPOTENCY = "DELETE FROM idempotency WHERE expires_at < $1"
FORGET_IDEMPOTENCY = "DELETE FROM idempotency WHERE application_id = $1"


def limit_key(application_id: str, channel: Channel) -> str:
    """The name of an application's guess limit on a channel."""
    return f"{application_id}:{channel}"


class ApplicationRow(Struct, frozen=True):
    """A row of `applications`. An erased one keeps its id, its instants and nothing else."""

    application_id: str
    customer_index: bytes | None
    kek_id: str | None
    wrapped_key: bytes | None
    sealed: bytes | None
    call_counter: int
    local_day: int
    calls_today: int
    open_call_id: str | None
    created_at: int
    updated_at: int
    erased_at: int | None
    opted_out: int = 0


class LimitRow(Struct, frozen=True):
    """A row of `limits`: the arrival time of a limit. That of an application and channel counts wrong codes too.

    `wrong` is how many were tried on that channel against `call_id`.
    """

    limit_key: str
    tat: int
    call_id: str | None = None
    wrong: int = 0


class Leg(Struct, frozen=True):
    """A row of `legs`: what the PBX has said of one leg of one call. `leg_index` is its keyed id."""

    call_id: str
    leg_index: bytes
    on_file: int = 1
    connected_at: int | None = None
    ended_at: int | None = None
    expires_at: int = 0


class StrayLeg(Struct, frozen=True):
    """A row of `stray_legs`: a leg of no call (`call_id` is empty), or not of the ticket of the call it was told of.

    It is a discrepancy once it has been connected; then its id is sealed with it, for whoever looks into it. `among`
    holds the ids of several applications that it may be about, each between spaces.
    """

    stray_id: str
    leg_index: bytes
    call_id: str
    kind: StrayKind
    application_id: str | None
    officer_id: str | None
    heard_at: int
    connected_at: int | None = None
    ended_at: int | None = None
    expires_at: int = 0
    sealed: bytes | None = None
    among: str | None = None


class ExceptionRow(Struct, frozen=True):
    """A row of `exceptions`. `rules` is a space-separated list; `call_id` is set when it has been used."""

    exception_id: str
    application_id: str
    officer_id: str
    granted_by: str
    rules: str
    expires_at: int
    call_id: str | None


class RequestRow(Struct, frozen=True):
    """A row of `exception_requests`. Decided and without an `exception_id` it was declined."""

    request_id: str
    application_id: str
    officer_id: str
    sealed: bytes | None
    asked_at: int
    expires_at: int
    decided_at: int | None
    exception_id: str | None


class SuspensionRow(Struct, frozen=True):
    """A row of `suspensions`, in force until it is lifted. The reason is sealed under its id."""

    suspension_id: str
    officer_id: str
    suspended_by: str
    suspended_at: int
    lifted_by: str | None
    lifted_at: int | None
    sealed: bytes


CALL_COLUMNS = len(Call.__struct_fields__)
MUTABLE = (
    "state",
    "connected_at",
    "leg_ended_at",
    "revealed_at",
    "confirmed_at",
    "ended_at",
    "receipt_leaf",
    "due_at",
)
