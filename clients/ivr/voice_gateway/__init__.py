"""A SIP voice gateway for the telephone dialogue: an optional program of its own, since PJSIP is GPL.

Carries out specs/protocol.md section 7.9.
"""
