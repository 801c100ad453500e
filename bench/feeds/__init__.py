"""Feeds: how long rendering takes, and what it costs the event loop beside it."""
