"""The simulator of many nodes: the real service on a real database, in one process whose every accident is a seed's."""
