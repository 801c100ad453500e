"""Hostile connections to a running service, and what other callers notice of them."""
