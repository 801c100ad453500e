"""Adapters of Valkey: admission, sessions, the rate snapshot, change notices and streams."""
