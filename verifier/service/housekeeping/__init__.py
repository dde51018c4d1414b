"""Periodic jobs: expiry, retention, and the uses of keys."""
