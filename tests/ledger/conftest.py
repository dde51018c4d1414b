"""Runs the ledger tests on the databases of the service tests: SQLite, PostgreSQL, and several shards."""

from tests.service.conftest import database, shards

__all__ = ["database", "shards"]
