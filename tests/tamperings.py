"""How each tampering with the database is detected, by table and column. Makes the table specs/tampering.md.

tests/ledger/test_tampering.py measures it. python -m tests.tamperings > specs/tampering.md
"""

from __future__ import annotations

import re

BOTH, REFUSED, AUDIT, EITHER = "refused; audit", "refused", "audit", "refused or audit"
DECOYS, ERASED = "leaves of decoys", "leaves of an erased application"
HISTORIES = "leaves of deleted call histories"
DELETED, OLD = "(a row deleted)", "(an old row put back)"
NOT_WORDS = "nothing: because "

# For each table and column, what detects a change. If several changes differ, the least detected one counts.
EXPECTED: dict[str, dict[str, str]] = {
    "applications": {
        "application_id customer_index kek_id wrapped_key sealed call_counter local_day calls_today open_call_id "
        "created_at updated_at erased_at opted_out called_today mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "calls": {
        "call_id application_id officer_id leaf_index call_counter leg_mode issued_at expires_at state connected_at "
        "leg_ended_at revealed_at confirmed_at ended_at receipt_leaf due_at rang_at mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "calls that are decoys": {
        "call_id application_id officer_id leaf_index call_counter leg_mode issued_at expires_at state connected_at "
        "leg_ended_at revealed_at confirmed_at ended_at receipt_leaf due_at rang_at mac": BOTH,
        DELETED: NOT_WORDS + "a decoy belongs to no customer, and the sweep replaces missing ones",
    },
    "legs": {"call_id leg_index on_file connected_at ended_at expires_at rang_at mac": BOTH, f"{DELETED} {OLD}": AUDIT},
    "stray_legs": {
        "stray_id leg_index call_id kind application_id officer_id heard_at connected_at ended_at expires_at sealed "
        "among rang_at mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "exceptions": {
        "exception_id application_id officer_id granted_by rules expires_at call_id mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "exception_requests": {
        "request_id application_id officer_id sealed asked_at expires_at decided_at exception_id mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "limits": {"limit_key tat call_id wrong mac": BOTH, f"{DELETED} {OLD}": AUDIT},
    "reports": {"report_id application_id leaf_index created_at sealed mac": BOTH, f"{DELETED} {OLD}": AUDIT},
    "suspensions": {
        "suspension_id officer_id suspended_by suspended_at lifted_by lifted_at sealed mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "signals": {
        "signal_id kind channel code_hash person people entered_at expires_at application_id request sealed campaign "
        "mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "confirmations": {
        "call_id contact application_id leaf_index mac": BOTH,
        DELETED: AUDIT,
    },
    "looks": {
        "look_id reader roles operation application_id looked_at sealed bulk mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "helpers": {
        "helper_id customer_index helper_index invitation invited_at entered_at confirmed_at valid_until ended_at "
        "status_at expires_at sealed mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "helper_looks": {"look_id helper_id seen seen_at expires_at mac": BOTH, DELETED: AUDIT},
    "exchanges": {
        "system_id heard_at mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
    },
    "marketing_refusals": {
        "person refused_at mac": BOTH,
        DELETED: AUDIT,
    },
    "deleted_histories": {
        "leaf_index statement_id deleted_at mac": BOTH,
        DELETED: AUDIT,
    },
    "log_head": {
        "origin size batches shards shares writers mac": BOTH,
        f"{DELETED} {OLD}": AUDIT,
        "forgotten": NOT_WORDS
        + "it marks how far statements were forgotten. It excuses a lost statement only if that is "
        "older than the retention time; a higher mark keeps some statements for longer",
    },
    "checkpoints": {f"size note {DELETED}": BOTH},
    "nodes": {f"level node_index hash {DELETED}": BOTH},
    "leaves": {
        f"leaf_index entry {DELETED}": BOTH,
        f"typ statement_id application_id customer_index sealed {OLD}": AUDIT,
    },
    ERASED: {
        f"leaf_index entry {DELETED}": BOTH,
        "typ application_id sealed": AUDIT,
        "statement_id customer_index": NOT_WORDS + "the statement is erased, so these columns lead to nothing; "
        "the hash of the leaf stays",
    },
    HISTORIES: {
        f"leaf_index entry {DELETED}": BOTH,
        "typ statement_id application_id customer_index sealed": AUDIT,
    },
    DECOYS: {
        f"leaf_index typ statement_id {DELETED}": AUDIT,
        "customer_index sealed": REFUSED,
        "entry application_id": NOT_WORDS + "a decoy is no ticket, and is in no log",
    },
    "numbers": {f"number_index application_id {DELETED}": AUDIT},
    "contacts": {f"contact_index application_id {DELETED}": AUDIT},
    "assignments": {f"officer_id application_id {DELETED}": AUDIT},
    "idempotency": {
        "sealed leaf_index": REFUSED,
        f"idempotency_id {DELETED}": NOT_WORDS + "the answer is not found, so a retry is a new command, which is "
        "decided by the current rows",
        "fingerprint": NOT_WORDS
        + "the retry is refused as another request; only the caller with the key can decrypt the answer",
        "application_id": NOT_WORDS
        + "the answer is deleted when it expires and not with its application; until then only "
        "the caller with the key can decrypt it",
        "expires_at": NOT_WORDS + "the answer is kept for longer or shorter; a repeated genuine answer still "
        "says that the call has ended",
    },
    "ivr_sessions": {
        "sealed expires_at application_id": REFUSED,
        f"session_id {DELETED}": NOT_WORDS + "the dialogue is not found, and the caller starts another",
        "number_index": NOT_WORDS + "a dialogue without an application is deleted when it expires and not by an "
        "erasure",
        OLD: NOT_WORDS + "the dialogue continues from an earlier step; wrong codes are counted in `limits`, and a "
        "genuine answer is looked up again",
    },
    "messages": {
        "message_id sealed": REFUSED,
        f"application_id tries due_at expires_at {OLD} {DELETED}": NOT_WORDS + "the bank is told of a receipt later, "
        "more often, after an erasure or not at all; the message holds nothing of the receipt",
    },
    "key_uses": {
        f"kid uses {DELETED}": NOT_WORDS + "a running node ignores a count that fell. A node that starts "
        "believes it, so the warning and the refusal at 2^32 uses come late",
    },
    "schema_versions": {
        f"version {DELETED}": REFUSED,
        "name": NOT_WORDS + "it is a label that no program reads",
    },
}

HEAD = """# How tampering is detected

Made by `python -m tests.tamperings > specs/tampering.md`. `tests/ledger/test_tampering.py` changes every column of
every table, deletes a row of each, and puts back old rows with their old authenticators. It fails if this table is out
of date, or if a column is missing.

- *refused*: the service does not use the row. For the tables of the log, a node that starts does no work.
- *audit*: `verifier log verify` finds it.
- *nothing*: neither detects it, for the reason given.

| table | what is changed | detected by |
|---|---|---|
"""
TAIL = """

One tampering needs more than one table: the head and every row changed since are set back together, to before a batch
that logged nothing. A revocation, a suspension and a reveal log nothing. The log is the same before and after, so the
audit finds nothing. A node refuses such a database if it wrote one of the lost batches, however far other nodes have
continued from there, or if it has seen more batches than the database now has. A node that starts afterwards accepts
the database: there a revoked call is genuine until its ticket expires.
"""


def text() -> str:
    """The text of specs/tampering.md."""
    rows = [
        f"| {table} | {', '.join(_shown(name) for name in _names(names))} | {seen} |\n"
        for table, groups in EXPECTED.items()
        for names, seen in groups.items()
    ]
    return HEAD + "".join(rows) + TAIL


def _shown(name: str) -> str:
    return name[1:-1] if name.startswith("(") else f"`{name}`"


def expected() -> dict[tuple[str, str], str]:
    """The expected detection, keyed by table and column."""
    return {
        (table, name): seen
        for table, groups in EXPECTED.items()
        for names, seen in groups.items()
        for name in _names(names)
    }


def _names(names: str) -> list[str]:
    return re.findall(r"\(.*?\)|\w+", names)


if __name__ == "__main__":
    print(text(), end="")
