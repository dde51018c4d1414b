"""The metrics of a node, which the admin port serves. Implements specs/protocol.md section 12."""

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
COMMANDS = Gauge("verifier_commands", "Commands committed by this node since its start")
SWEEPS = Counter("verifier_swept_calls", "Calls closed by time")
DISCREPANCIES = Counter("verifier_discrepancies", "Discrepancies between codes and legs, by kind", ["kind"])
TAMPERED = Counter("verifier_tampered", "Rows that did not verify when they were read, by table", ["table"])
SUSPENDED = Gauge("verifier_suspended_staff", "Suspended members of staff that this node knows")
SUSPENDED_AGE = Gauge("verifier_suspended_staff_age_seconds", "Seconds since this node last read the suspensions")
SUSPENSIONS = Counter("verifier_suspensions", "Suspensions that this node has noticed, by event", ["event"])
EXCHANGE_SILENT = Gauge("verifier_exchange_silent", "1 while a telephone exchange is silent, as far as this node knows")
KEY_USES = Gauge("verifier_key_uses", "Uses of a key-encryption key that all nodes have reserved", ["kid"])
READY = Gauge("verifier_ready", "1 while this node can commit")

CONNECTIONS = Gauge("verifier_connections", "Open connections by listener and stage", ["listener", "stage"])
CONNECTIONS_CUT = Counter("verifier_connections_cut", "Connections cut, by listener and reason", ["listener", "reason"])

# Create each counter with the value 0. Otherwise, monitoring does not see the first increase.
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
    "EXCHANGE_SILENT",
    "KEY_USES",
    "READY",
    "REGISTRY",
    "REQUESTS",
    "SUSPENDED",
    "SUSPENDED_AGE",
    "SUSPENSIONS",
    "SWEEPS",
]
