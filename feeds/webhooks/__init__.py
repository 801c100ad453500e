"""Outbound webhooks: due events move from the outbox to a queue, and from there to endpoints."""
