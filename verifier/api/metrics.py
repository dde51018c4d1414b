"""Counters for the operator, served on the admin port. Carries out specs/protocol.md section 12."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

REQUESTS = Histogram(
    "verifier_request_seconds",
    "Requests by operation and status",
    ["operation", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
BATCHES = Gauge("verifier_batches", "Batches committed by this node since its start")
COMMANDS = Gauge("verifier_commands", "Commands carried out by this node since its start")
SWEEPS = Counter("verifier_swept_calls", "Calls closed by time")
READY = Gauge("verifier_ready", "1 while this node can make things durable")

__all__ = ["BATCHES", "COMMANDS", "READY", "REGISTRY", "REQUESTS", "SWEEPS"]
