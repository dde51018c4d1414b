"""The HTTP interface under /v1, the log and the public keys. Implements specs/openapi.yaml."""
