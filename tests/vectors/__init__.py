"""Generates the test vectors of specs/vectors from the product's code with fixed keys: `python -m tests.vectors`."""
