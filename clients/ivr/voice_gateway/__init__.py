"""A SIP voice gateway for the telephone dialogue. It is optional, and a separate program because PJSIP is GPL.

Implements specs/protocol.md section 7.9.
"""
