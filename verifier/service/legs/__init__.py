"""Legs: the events of the telephone exchange, and discrepancies between codes and legs."""
