"""A SIP voice gateway for the telephone dialogue: an optional program of its own, since PJSIP is GPL.

Implements specs/protocol.md section 7.9.
"""
