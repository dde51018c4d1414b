"""A SIP voice gateway for the telephone dialogue. The gateway is optional. It is a separate program, because PJSIP has
the GPL license.

Implements specs/protocol.md section 7.9.
"""
