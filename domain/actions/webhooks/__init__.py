"""Use cases on webhooks."""
