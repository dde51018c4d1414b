"""A service of the usual kind, to compare ours with. Only `service.py` and `store.py` need its packages."""
