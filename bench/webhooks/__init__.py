"""Webhooks under load: how many a second, how soon, and what gets lost on bad days (nothing)."""
