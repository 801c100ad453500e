"""Valkey: admission, the rate snapshot, change notices and streams. Nothing lives only there."""
