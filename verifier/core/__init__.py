"""The pure core of the service. Implements specs/protocol.md.

Its functions do not await. They use no clock, no random source, no environment variable and no framework.
"""
