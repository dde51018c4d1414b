"""Customers: their calls, preferences, reports and receipts."""
