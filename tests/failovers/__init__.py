"""Signed calls to a service on a Valkey cluster whose primaries are killed."""
