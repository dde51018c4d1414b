"""Confirmations: a customer enters a code in the app or by telephone, and gets a verdict."""
