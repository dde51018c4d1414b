"""The ledger is tested on the databases of the service: each kind, and several shards."""

from tests.service.conftest import database, shards

__all__ = ["database", "shards"]
