"""Counters for the operator, served on the admin port. Implements specs/protocol.md section 12."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from verifier.core.reconciliation import KINDS

REQUESTS = Histogram(
    "verifier_request_seconds",
    "Requests by operation and status",
    ["operation", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
BATCHES = Gauge("verifier_batches", "Batches committed by this node since its start")
COMMANDS = Gauge("verifier_commands", "Commands carried out by this node since its start")
SWEEPS = Counter("verifier_swept_calls", "Calls closed by time")
DISCREPANCIES = Counter("verifier_discrepancies", "Codes and legs found not to fit together, by kind", ["kind"])
TAMPERED = Counter("verifier_tampered", "Rows that did not verify when they were looked at, by table", ["table"])
SUSPENDED = Gauge("verifier_suspended_staff", "Members of staff who are suspended, as this node knows")
SUSPENDED_AGE = Gauge("verifier_suspended_staff_age_seconds", "How long ago this node has read who is suspended")
SUSPENSIONS = Counter("verifier_suspensions", "Suspensions that this node has learnt of, by event", ["event"])
KEY_USES = Gauge("verifier_key_uses", "Uses of a key-encryption key by all nodes, and those reserved", ["kid"])
READY = Gauge("verifier_ready", "1 while this node can make things durable")

CONNECTIONS = Gauge("verifier_connections", "Open connections by listener and stage", ["listener", "stage"])
CONNECTIONS_CUT = Counter("verifier_connections_cut", "Connections cut, by listener and reason", ["listener", "reason"])

# Present from the start, so that the first increase shows.
for _kind in KINDS:
    DISCREPANCIES.labels(_kind)
for _event in ("suspended", "lifted"):
    SUSPENSIONS.labels(_event)

__all__ = [
    "BATCHES",
    "COMMANDS",
    "CONNECTIONS",
    "CONNECTIONS_CUT",
    "DISCREPANCIES",
    "KEY_USES",
    "READY",
    "REGISTRY",
    "REQUESTS",
    "SUSPENDED",
    "SUSPENDED_AGE",
    "SUSPENSIONS",
    "SWEEPS",
]
