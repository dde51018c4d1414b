"""Fuzzing: input from outside never raises an uncaught error. FUZZ_SECONDS=600 runs each test that long."""
