"""The HTTP API: the operations under /v1, the log, and the public keys. Implements specs/openapi.yaml."""
