"""Limits: how close our signed quote comes to what the stack can do at all."""
