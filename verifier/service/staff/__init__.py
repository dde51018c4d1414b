"""Staff of the bank: what officers may see, suspensions, and exceptions that a second person grants."""
