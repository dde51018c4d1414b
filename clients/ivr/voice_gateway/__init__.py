"""A SIP voice gateway for the telephone dialogue. It is a separate, optional program, since PJSIP is GPL.

Implements specs/protocol.md section 7.9.
"""
