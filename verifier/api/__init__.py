"""The HTTP interface under /v1, the log and the public keys. Carries out specs/openapi.yaml."""
