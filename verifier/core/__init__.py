"""The pure core: no await, clock, entropy, environment or framework. Implements specs/protocol.md."""
