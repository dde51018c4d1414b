"""The simulator: nodes of the real service on a real database, in one process. A seed determines every fault."""
