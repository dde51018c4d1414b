"""The pure core: no await, clock, entropy, environment or framework. Carries out specs/protocol.md."""
