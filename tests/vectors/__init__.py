"""The test vectors of specs/vectors, made by `python -m tests.vectors` from the product's own code with fixed keys."""
