"""The SQL of every table, written once for both databases. ledger/tables.py has the structs of the rows.

Implements specs/protocol.md section 10.
"""

from __future__ import annotations

from verifier.ledger.rows import AnyTable
from verifier.ledger.tables import (
    APPLICATIONS,
    CALLS,
    CONFIRMATIONS,
    DELETED_HISTORIES,
    EXCEPTIONS,
    EXCHANGES,
    HELPER_LOOKS,
    HELPERS,
    LEGS,
    LIMITS,
    REFUSALS,
    REPORTS,
    REQUESTS,
    SIGNALS,
    STRAY_LEGS,
    SUSPENSIONS,
)

# --- the log ----------------------------------------------------------------------------------------------

# All shards share the tables `leaves`, `nodes` and `checkpoints`. The columns `leaf_index`, `receipt_leaf`,
# `node_index` and `checkpoints.size` hold global indexes (verifier/core/shards.py).
CREATE_HEAD = (
    "INSERT INTO log_head (origin, size, shards, batches, shares, mac) VALUES ($1, 0, $2, 0, $3, $4) "
    "ON CONFLICT (origin) DO NOTHING"
)
# The update locks the row, so only one transaction at a time extends the shard. The statement also returns the
# database's own time.
LOCK_HEAD = (
    "UPDATE log_head SET batches = batches WHERE origin = $1 "
    "RETURNING origin, size, shards, batches, shares, writers, mac, CAST(CURRENT_TIMESTAMP AS TEXT)"
)
ADVANCE_HEAD = "UPDATE log_head SET size = $2, batches = $3, shares = $4, writers = $5, mac = $6 WHERE origin = $1"
# Every head holds the number of shards, so a node learns that number from any head that it locks.
SET_SHARDS = "UPDATE log_head SET shards = $2, mac = $3 WHERE origin = $1"
HEAD_ORIGINS = "SELECT origin FROM log_head"
HEADS = "SELECT origin, size, shards, batches, shares, writers, mac, forgotten FROM log_head ORDER BY origin"
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
    "a.kek_id, a.wrapped_key, a.erased_at, l.customer_index "
    "FROM leaves l LEFT JOIN applications a ON a.application_id = l.application_id "
    "WHERE l.leaf_index >= $1 AND l.leaf_index < $2 ORDER BY l.leaf_index"
)
LEAF_BY_STATEMENT = (
    "SELECT l.application_id, l.customer_index, l.sealed, l.statement_id, a.kek_id, a.wrapped_key, l.typ "
    "FROM leaves l LEFT JOIN applications a ON a.application_id = l.application_id WHERE l.statement_id = $1"
)
# A page of the receipts of a customer, newest first. `$2` is the last 32 digits of the id before the page.
LEAVES_OF_CUSTOMER = (
    "SELECT l.application_id, l.customer_index, l.sealed, l.statement_id, a.kek_id, a.wrapped_key, l.typ "
    "FROM leaves l LEFT JOIN applications a ON a.application_id = l.application_id "
    "WHERE l.customer_index = $1 AND substr(l.statement_id, 6) < $2 AND l.sealed IS NOT NULL "
    "AND l.typ IN ('call-receipt+jwt', 'report-receipt+jwt', 'call-history+jwt') "
    "ORDER BY substr(l.statement_id, 6) DESC LIMIT $3"
)
FORGOTTEN = "SELECT origin, forgotten FROM log_head ORDER BY origin"
ADVANCE_FORGOTTEN = "UPDATE log_head SET forgotten = $2 WHERE origin = $1 AND forgotten < $2"
STATEMENTS_FROM = (
    "SELECT leaf_index, typ, statement_id FROM leaves WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index"
)
FORGET_LEAF = "UPDATE leaves SET sealed = NULL, customer_index = NULL WHERE leaf_index = $1"
# The call histories of people, each with its person.
HISTORIES_OF = (
    "SELECT customer_index, leaf_index, statement_id FROM leaves "
    "WHERE customer_index IN ($*) AND typ = 'call-history+jwt'"
)
FORGET_LEAVES = "UPDATE leaves SET sealed = NULL, customer_index = NULL WHERE application_id = $1"

# --- applications -----------------------------------------------------------------------------------------

APPLICATIONS_BY_ID = f"SELECT {APPLICATIONS.columns} FROM applications WHERE application_id IN ($*)"
# The applications of people, each with the person: those that they borrow for, and those on which they are contacts.
APPLICATIONS_OF_PEOPLE = (
    f"SELECT {APPLICATIONS.of('a')}, a.customer_index AS person FROM applications a WHERE a.customer_index IN ($*) "
    f"UNION ALL SELECT {APPLICATIONS.of('a')}, c.contact_index AS person FROM contacts c "
    "JOIN applications a ON a.application_id = c.application_id WHERE c.contact_index IN ($*)"
)
_BORROWER_OF = "SELECT application_id, customer_index AS person FROM applications WHERE application_id IN ($*)"
_PEOPLE_OF = (
    f"WITH s AS ({_BORROWER_OF} "
    "UNION ALL SELECT application_id, contact_index AS person FROM contacts WHERE application_id IN ($*)) "
)
PEOPLE_OF = f"{_PEOPLE_OF} SELECT application_id, person FROM s"
# The other applications of the people of these applications, each with the application and the person that led to it.
_OTHERS = (
    f"SELECT {APPLICATIONS.of('o')}, s.application_id, s.person FROM s "
    "JOIN applications o ON o.customer_index = s.person AND o.application_id <> s.application_id "
    f"UNION ALL SELECT {APPLICATIONS.of('o')}, s.application_id, s.person FROM s "
    "JOIN contacts c ON c.contact_index = s.person AND c.application_id <> s.application_id "
    "JOIN applications o ON o.application_id = c.application_id"
)
APPLICATIONS_OF_SAME_PEOPLE = f"{_PEOPLE_OF} {_OTHERS}"
APPLICATIONS_OF_SAME_BORROWER = f"WITH s AS ({_BORROWER_OF}) {_OTHERS}"
# How many applications each of these logins is a contact or the borrower of, and each of these numbers is on file for.
LOGINS_COUNTED = (
    "SELECT person, COUNT(*) FROM (SELECT customer_index AS person, application_id FROM applications "
    "WHERE customer_index IN ($*) UNION SELECT contact_index, application_id FROM contacts "
    "WHERE contact_index IN ($*)) AS c GROUP BY person"
)
NUMBERS_COUNTED = "SELECT number_index, COUNT(*) FROM numbers WHERE number_index IN ($*) GROUP BY number_index"
CONTACTS_OF = "SELECT contact_index FROM contacts WHERE application_id = $1"
DELETE_CONTACTS = "DELETE FROM contacts WHERE application_id = $1"
INSERT_CONTACT = "INSERT INTO contacts (contact_index, application_id) VALUES ($1, $2)"
NUMBERS = "SELECT number_index, application_id FROM numbers WHERE number_index IN ($*)"
DELETE_NUMBERS = "DELETE FROM numbers WHERE application_id = $1"
INSERT_NUMBER = "INSERT INTO numbers (number_index, application_id) VALUES ($1, $2)"
APPLICATIONS_OF_OFFICER = (
    f"SELECT {APPLICATIONS.columns} FROM applications WHERE application_id IN "
    "(SELECT application_id FROM assignments WHERE officer_id = $1 AND application_id > $2 "
    "ORDER BY application_id LIMIT 200) ORDER BY application_id"
)
DELETE_ASSIGNMENTS = "DELETE FROM assignments WHERE application_id = $1"
INSERT_ASSIGNMENT = "INSERT INTO assignments (officer_id, application_id) VALUES ($1, $2)"
# Exceptions, each with its logged statement.
EXCEPTIONS_BY_ID = (
    f"SELECT {EXCEPTIONS.of('e')}, l.sealed, l.customer_index FROM exceptions e "
    "LEFT JOIN leaves l ON l.statement_id = e.exception_id WHERE e.exception_id IN ($*)"
)
REQUESTS_BY_ID = f"SELECT {REQUESTS.columns} FROM exception_requests WHERE request_id IN ($*)"
# The requests of one officer, each with the call that used the granted exception. An empty officer id selects the
# requests of all officers.
REQUESTS_SINCE = (
    f"SELECT {REQUESTS.of('r')}, e.call_id FROM exception_requests r "
    "LEFT JOIN exceptions e ON e.exception_id = r.exception_id "
    "WHERE r.asked_at >= $1 AND (r.officer_id = $2 OR $2 = '') AND r.sealed IS NOT NULL "
    "ORDER BY r.request_id DESC LIMIT 100"
)
REQUESTS_BEFORE = f"SELECT {REQUESTS.columns} FROM exception_requests WHERE asked_at < $1 LIMIT 500"
REQUESTS_OF = f"SELECT {REQUESTS.columns} FROM exception_requests WHERE application_id IN ($*)"
EXCEPTIONS_OF = f"SELECT {EXCEPTIONS.columns} FROM exceptions WHERE application_id IN ($*)"

# --- borrowers, for shard routing -------------------------------------------------------------------------

APPLICATION_OWNERS = "SELECT application_id, customer_index FROM applications WHERE application_id IN ($*)"
CONTACT_OWNERS = (
    "SELECT c.contact_index, a.customer_index FROM contacts c "
    "JOIN applications a ON a.application_id = c.application_id WHERE c.contact_index IN ($*)"
)
# The people of these applications, and the borrowers of the other applications on which they are contacts.
_OTHER_OWNERS = (
    "SELECT application_id, person FROM s UNION ALL SELECT s.application_id, a.customer_index FROM s "
    "JOIN contacts c ON c.contact_index = s.person JOIN applications a ON a.application_id = c.application_id"
)
SAME_PEOPLE_OWNERS = f"{_PEOPLE_OF} {_OTHER_OWNERS}"
SAME_BORROWER_OWNERS = f"WITH s AS ({_BORROWER_OF}) {_OTHER_OWNERS}"
NUMBER_OWNERS = (
    "SELECT n.number_index, a.customer_index FROM numbers n "
    "JOIN applications a ON a.application_id = n.application_id WHERE n.number_index IN ($*)"
)
CALL_OWNERS = (
    "SELECT c.call_id, a.customer_index FROM calls c "
    "JOIN applications a ON a.application_id = c.application_id WHERE c.call_id IN ($*)"
)

# --- calls ------------------------------------------------------------------------------------------------

_TICKET = "l.sealed, l.customer_index"
# The last condition excludes decoys, since their leaf indexes are negative.
CALLS_BY_ID = (
    f"SELECT {CALLS.of('c')}, {_TICKET} FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE c.call_id IN ($*) AND c.leaf_index >= 0"
)
# Calls, each with the receipt that consumed its code. If a call has no receipt, the query reads the leaf of a decoy
# instead, so that both cases take the same work.
CANDIDATES = (
    f"SELECT {CALLS.of('c')}, {_TICKET}, r.statement_id, r.sealed, r.customer_index FROM calls c "
    "JOIN leaves l ON l.leaf_index = c.leaf_index "
    "LEFT JOIN leaves r ON r.leaf_index = COALESCE(c.receipt_leaf, -1) WHERE c.call_id IN ($*)"
)
# The calls on an application, newest first. Each has the receipt that consumed its code, and the receipt that one
# contact has got for the code.
CALLS_OF_APPLICATION = (
    f"SELECT {CALLS.of('c')}, {_TICKET}, r.customer_index, r.statement_id, o.statement_id, {CONFIRMATIONS.of('f')} "
    "FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index LEFT JOIN leaves r ON r.leaf_index = c.receipt_leaf "
    "LEFT JOIN confirmations f ON f.call_id = c.call_id AND f.contact = $4 "
    "LEFT JOIN leaves o ON o.leaf_index = f.leaf_index "
    "WHERE c.application_id = $1 AND c.call_id < $2 ORDER BY c.call_id DESC LIMIT $3"
)
# The calls on an application between two ids, with the call before and the call after them, oldest first.
CALLS_BETWEEN = (
    f"SELECT {CALLS.of('c')}, {_TICKET} FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE c.application_id = $1 "
    "AND c.call_id >= COALESCE((SELECT MAX(call_id) FROM calls WHERE application_id = $1 AND call_id < $2), $2) "
    "AND c.call_id <= COALESCE((SELECT MIN(call_id) FROM calls WHERE application_id = $1 AND call_id > $3), $3) "
    "ORDER BY c.call_id LIMIT $4"
)
NEWEST_CALLS = (
    f"SELECT {CALLS.of('c')}, {_TICKET} FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE c.application_id = $1 ORDER BY c.call_id DESC LIMIT $2"
)
CALLS_OF_OFFICER = (
    f"SELECT {CALLS.of('c')}, {_TICKET} FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE c.officer_id = $1 AND c.call_id < $2 AND c.issued_at >= $3 ORDER BY c.call_id DESC LIMIT $4"
)
CALLS_DUE = (
    "SELECT c.call_id, a.customer_index FROM calls c LEFT JOIN applications a ON a.application_id = c.application_id "
    "WHERE c.due_at <= $1 ORDER BY c.due_at LIMIT 500"
)
# The newest closed calls of some applications, newest first. The applications include the decoys, whose ids sort before
# all others. So there are always enough rows, however many calls the applications have had (CVP-7.13-4).
CLOSED_CALLS = (
    f"SELECT {CALLS.of('c')}, {_TICKET} FROM calls c JOIN leaves l ON l.leaf_index = c.leaf_index "
    "WHERE c.application_id IN ($*) AND c.due_at IS NULL AND l.sealed IS NOT NULL ORDER BY c.call_id DESC LIMIT 8"
)
# The receipts that contacts have got for the codes of these calls.
CONFIRMATIONS_OF_CALLS = (
    f"SELECT {CONFIRMATIONS.of('f')}, l.statement_id, l.sealed, l.customer_index FROM confirmations f "
    "JOIN leaves l ON l.leaf_index = f.leaf_index WHERE f.call_id IN ($*)"
)
CONFIRMATIONS_OF = f"SELECT {CONFIRMATIONS.columns} FROM confirmations WHERE application_id IN ($*)"
LEGS_OF_CALLS = f"SELECT {LEGS.columns} FROM legs WHERE call_id IN ($*)"
# For each leg, its latest call. A leg has several calls if the telephone exchange used one leg id twice.
LEG_OWNERS = "SELECT leg_index, MAX(call_id) FROM legs WHERE leg_index IN ($*) GROUP BY leg_index"
OPEN_CALLS_OF_NUMBER = (
    "SELECT n.application_id, a.open_call_id FROM numbers n "
    "JOIN applications a ON a.application_id = n.application_id WHERE n.number_index = $1 LIMIT $2"
)
STRAYS = f"SELECT {STRAY_LEGS.columns} FROM stray_legs WHERE leg_index IN ($*)"
STRAYS_OF = (
    f"SELECT {STRAY_LEGS.columns} FROM stray_legs WHERE application_id = $1 "
    "OR (among IS NOT NULL AND REPLACE(among, ' ' || CAST($1 AS TEXT) || ' ', '') <> among)"
)
# Rows that are not verified: a forged one only keeps the service from saying that a call is not from the bank.
STRAY_OF_APPLICATION_SINCE = "SELECT stray_id FROM stray_legs WHERE application_id = $1 AND stray_id >= $2 LIMIT 1"
STRAYS_AMONG_SINCE = "SELECT among FROM stray_legs WHERE among IS NOT NULL AND stray_id >= $1 LIMIT $2"

# --- reconciliation ---------------------------------------------------------------------------------------

# The calls between two ids that match a condition, newest first. Each condition must have the same words as the
# condition of its partial index. Otherwise the database does not use the index.
_DISCREPANT = (
    f"SELECT {CALLS.columns} FROM calls WHERE call_id >= $1 AND call_id < $2 AND {{}} ORDER BY call_id DESC LIMIT $3"
)
CODES_WITHOUT_LEG = _DISCREPANT.format(
    "due_at IS NULL AND connected_at IS NULL AND revealed_at IS NOT NULL AND leg_mode <> 'off'"
)
CODES_NEVER_USED = _DISCREPANT.format(
    "due_at IS NULL AND confirmed_at IS NULL "
    "AND (connected_at IS NOT NULL OR (revealed_at IS NOT NULL AND leg_mode = 'off'))"
)
STRAYS_OF_KIND = (
    f"SELECT {STRAY_LEGS.columns} FROM stray_legs WHERE stray_id >= $1 AND stray_id < $2 AND kind = $4 "
    "AND connected_at IS NOT NULL ORDER BY stray_id DESC LIMIT $3"
)

# --- signals ----------------------------------------------------------------------------------------------

# What a person has entered that can be no code: lately, the same digits, or in the same request.
IMPOSSIBLE_OF_PERSON = (
    f"SELECT {SIGNALS.columns} FROM signals WHERE person = $1 AND kind = 'impossible' "
    "AND (entered_at > $2 OR code_hash = $3 OR request = $4) ORDER BY signal_id DESC LIMIT 200"
)
SIGNALS_UNEXAMINED = f"SELECT {SIGNALS.columns} FROM signals WHERE campaign IS NULL ORDER BY signal_id LIMIT 50"
SIGNALS_OF_CODE = (
    f"SELECT {SIGNALS.columns} FROM signals WHERE code_hash = $1 AND signal_id >= $2 AND signal_id < $3 "
    "ORDER BY signal_id DESC LIMIT 1000"
)
SIGNALS_OF_APPLICATION = f"SELECT {SIGNALS.columns} FROM signals WHERE application_id IN ($*)"
CAMPAIGNS = (
    f"SELECT {SIGNALS.columns} FROM signals WHERE signal_id >= $1 AND signal_id < $2 AND campaign = 1 "
    "ORDER BY signal_id DESC LIMIT $3"
)

# --- deleted call histories -------------------------------------------------------------------------------

DELETED_HISTORIES_OF = f"SELECT {DELETED_HISTORIES.columns} FROM deleted_histories WHERE statement_id IN ($*)"
DELETED_HISTORIES_BETWEEN = (
    f"SELECT {DELETED_HISTORIES.columns} FROM deleted_histories WHERE leaf_index >= $1 AND leaf_index <= $2"
)

# --- telephone exchanges ----------------------------------------------------------------------------------

EXCHANGES_BY_ID = f"SELECT {EXCHANGES.columns} FROM exchanges WHERE system_id IN ($*)"
ALL_EXCHANGES = f"SELECT {EXCHANGES.columns} FROM exchanges ORDER BY system_id"

# --- helpers ----------------------------------------------------------------------------------------------

HELPERS_OF = f"SELECT {HELPERS.columns} FROM helpers WHERE customer_index IN ($*)"
HELPED_BY = f"SELECT {HELPERS.columns} FROM helpers WHERE helper_index IN ($*)"
INVITED_BY = f"SELECT {HELPERS.columns} FROM helpers WHERE invitation IN ($*)"
HELPED_OWNERS = "SELECT helper_index, customer_index FROM helpers WHERE helper_index IN ($*)"
INVITATION_OWNERS = "SELECT invitation, customer_index FROM helpers WHERE invitation IN ($*)"
LOOKS_OF_HELPER = f"SELECT {HELPER_LOOKS.columns} FROM helper_looks WHERE helper_id = $1 ORDER BY look_id DESC LIMIT $2"

# --- refusals of marketing calls --------------------------------------------------------------------------

REFUSALS_OF = f"SELECT {REFUSALS.columns} FROM marketing_refusals WHERE person IN ($*)"

# --- suspensions ------------------------------------------------------------------------------------------

# All suspensions of a member of staff. The suspension in force comes last. If none is in force, the latest suspension
# comes last.
SUSPENSIONS_OF = (
    f"SELECT {SUSPENSIONS.columns} FROM suspensions WHERE officer_id IN ($*) "
    "ORDER BY CASE WHEN lifted_at IS NULL THEN 1 ELSE 0 END, suspension_id"
)
ALL_SUSPENSIONS = f"SELECT {SUSPENSIONS.columns} FROM suspensions"
# A suspension is added once and lifted at most once, so equal counts mean that nothing has changed.
SUSPENSIONS_VERSION = "SELECT COUNT(*), COUNT(lifted_at), MAX(suspension_id) FROM suspensions"
SUSPENSIONS_BEFORE = (
    f"SELECT {SUSPENSIONS.columns} FROM suspensions WHERE suspension_id < $1 ORDER BY suspension_id DESC LIMIT $2"
)
OPEN_CALLS_OF_OFFICER = (
    "SELECT c.call_id, a.customer_index FROM calls c LEFT JOIN applications a ON a.application_id = c.application_id "
    "WHERE c.officer_id = $1 AND c.call_id >= $2 AND c.due_at IS NOT NULL"
)

# --- reports, dialogues, messages, limits, idempotency ----------------------------------------------------

REPORTS_BY_ID = f"SELECT {REPORTS.columns} FROM reports WHERE report_id IN ($*)"
REPORTS_OF = f"SELECT {REPORTS.columns} FROM reports WHERE application_id IN ($*)"
SESSIONS = "SELECT session_id, sealed, expires_at, application_id FROM ivr_sessions WHERE session_id IN ($*)"
INSERT_SESSION = "INSERT INTO ivr_sessions (session_id, sealed, expires_at, number_index) VALUES ($1, $2, $3, $4)"
# Use UPDATE, not INSERT: an insert would restore a dialogue that has been erased.
UPDATE_SESSION = "UPDATE ivr_sessions SET sealed = $2, application_id = $3 WHERE session_id = $1"
FORGET_SESSIONS = "DELETE FROM ivr_sessions WHERE application_id = $1"
# Deletes the dialogues of a calling number that are not tied to an application yet.
FORGET_FIRST_SESSIONS = "DELETE FROM ivr_sessions WHERE number_index = $1 AND application_id IS NULL"
# The join leaves out the messages of erased applications.
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
LIMITS_BY_KEY = f"SELECT {LIMITS.columns} FROM limits WHERE limit_key IN ($*)"
# The statements that select expired rows. Each statement selects at most 500 rows.
LIMITS_BEFORE = f"SELECT {LIMITS.columns} FROM limits WHERE tat < $1 LIMIT 500"
EXPIRED: dict[AnyTable, str] = {
    LEGS: f"SELECT {LEGS.columns} FROM legs WHERE expires_at < $1 LIMIT 500",
    STRAY_LEGS: f"SELECT {STRAY_LEGS.columns} FROM stray_legs WHERE expires_at < $1 LIMIT 500",
    SIGNALS: f"SELECT {SIGNALS.columns} FROM signals WHERE expires_at < $1 LIMIT 500",
    HELPERS: f"SELECT {HELPERS.columns} FROM helpers WHERE expires_at < $1 LIMIT 500",
    HELPER_LOOKS: f"SELECT {HELPER_LOOKS.columns} FROM helper_looks WHERE expires_at < $1 LIMIT 500",
}
IDEMPOTENCY = (
    "SELECT i.idempotency_id, i.fingerprint, i.sealed, i.leaf_index, l.typ, l.statement_id, l.customer_index, "
    "l.sealed, a.application_id, a.kek_id, a.wrapped_key "
    "FROM idempotency i LEFT JOIN leaves l ON l.leaf_index = i.leaf_index "
    "LEFT JOIN applications a ON a.application_id = l.application_id WHERE i.idempotency_id IN ($*)"
)
INSERT_IDEMPOTENCY = (
    "INSERT INTO idempotency (idempotency_id, fingerprint, sealed, application_id, expires_at, leaf_index) "
    "VALUES ($1, $2, $3, $4, $5, $6)"
)
PRUNE_IDEMPOTENCY = "DELETE FROM idempotency WHERE expires_at < $1"
FORGET_IDEMPOTENCY = "DELETE FROM idempotency WHERE application_id = $1"
# The kept answers that hold the histories of a customer.
FORGET_KEPT_HISTORIES = (
    "DELETE FROM idempotency WHERE application_id IS NULL AND leaf_index IN "
    "(SELECT leaf_index FROM leaves WHERE customer_index = $1 AND typ = 'call-history+jwt')"
)
