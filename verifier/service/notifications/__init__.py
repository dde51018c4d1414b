"""Notifications: live events to open pages, and messages that wait for delivery."""
