"""Fuzzing: bytes from outside raise nothing that is not caught. FUZZ_SECONDS=600 runs each test that long."""
