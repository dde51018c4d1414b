"""Staff of the bank: the access and views of officers, suspensions, and exceptions that a second person grants."""
