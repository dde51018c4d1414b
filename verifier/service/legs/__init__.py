"""Legs: the telephone exchange's events, and what does not add up."""
