"""The requests and answers of the API. Their members have the same names as the SQL columns and the claims.

Implements specs/protocol.md section 3. Requests forbid unknown members. Times are RFC 3339 UTC.
"""
