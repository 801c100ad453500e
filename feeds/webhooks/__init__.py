"""Webhooks out: due events go from the outbox to a queue, and from there to their receivers."""
